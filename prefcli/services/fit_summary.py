"""What one fit did, for the catalog and for whoever asked for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from prefcli.profile import Profile
from prefcli.services import fit_before
from prefcli.services.fit_block import Fitted, Person
from prefcli.services.spaces import SpaceReference
from prefcli.solvers.learned import in_words, judge
from prefcli.solvers.validation import train_accuracy
from prefcli.store import Encoding, Store

# Feedback is outside a base's world if its median answer costs more bits per byte than this many
# times the 99th percentile of the base's own answers.
OUTSIDE = 1.5


def summarise(
    store: Store, reference: SpaceReference, person: Person, fitted: Fitted
) -> tuple[bytes, dict[str, Any], list[str]]:
    """The profile as bytes, the fit's report, and its warnings."""
    profile, training, policy = fitted.profile, person.training, person.policy
    heldout = fitted.heldout
    learned = judge(profile.reward, heldout)
    artifact = profile.to_bytes()
    bits = _median_bits(person.encodings)
    summary: dict[str, Any] = {
        "space": reference.name,
        "method": profile.method,
        "pairs": len(training.rows.chosen),
        "thumbs": len(training.rows.thumbs),
        "kinds": training.kinds,
        "prompts": training.prompts,
        "train_accuracy": _rounded(train_accuracy(profile.reward, training.rows)),
        "heldout_accuracy": _rounded(None if heldout is None else heldout.accuracy),
        "learned": learned.as_dict(),
        "others_share": round(profile.reward.population, 3),
        "half_life": person.half_life,
        "encode_seconds": round(person.encode_seconds, 4),
        "solve_seconds": round(fitted.solve_seconds, 6),
        "validate_seconds": round(fitted.validate_seconds, 4),
        "bytes": len(artifact),
        "bits_per_byte": _rounded(bits),
    }
    warnings = _warnings(reference, person.encodings, profile, bits)
    if policy is not None:
        summary |= policy.summary()
        warnings = policy.warnings() + warnings
    if training.unused:
        warnings.append(
            f"ratings that say nothing: {training.unused}, on a scale that is not known and "
            "with no other answer to the same prompt rated; ingest them with their scale"
        )
    if learned.verdict == "no" and profile.z is not None:
        warnings.append(in_words(summary["learned"]))
    user = person.said.user
    warnings += fit_before.replaced(store, user, reference.fingerprint)
    return artifact, summary, warnings


def _warnings(
    reference: SpaceReference,
    encodings: dict[bytes, Encoding],
    profile: Profile,
    bits: float | None,
) -> list[str]:
    found = []
    _, usual = reference.description["own_bits_per_byte"]
    if bits is not None and bits > OUTSIDE * usual:
        found.append(
            f"this feedback is outside the world of base {reference.base}: answers cost "
            f"it {bits:.2f} bits per byte, its own stay below {usual:.2f}; the profile will "
            "mean little. Use a base that reads such text: `prefcli base add "
            "Qwen/Qwen2.5-0.5B-Instruct --name qwen`, then `prefcli space train everyday "
            "--base qwen`, `prefcli space use everyday`, and fit again"
        )
    cut = sum(encoding.truncated for encoding in encodings.values())
    if cut:
        limit = reference.description["max_response_tokens"]
        found.append(
            f"{cut} of {len(encodings)} texts are longer than the space reads: kept the last "
            f"{reference.description['max_prompt_tokens']} tokens of the prompt and the "
            f"first {limit} of the answer"
        )
    if profile.latent(1.0) is None:
        found.append("nothing learned: this profile answers as the plain base does")
    return found


def _median_bits(encodings: dict[bytes, Encoding]) -> float | None:
    measured = [e.bits_per_byte for e in encodings.values() if e.bits_per_byte is not None]
    return float(np.median(measured)) if measured else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
