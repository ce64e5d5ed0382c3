"""Fit: from a user's feedback to a profile.

Each answer is encoded once per space and cached; after that no language model runs, and nothing
here imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from prefcli.errors import NotFoundError
from prefcli.feedback.records import Feedback, Prompt, encoding_key
from prefcli.profile import Profile
from prefcli.services.bases import open_base, resolve_base
from prefcli.services.spaces import (
    SpaceReference,
    open_space,
    reference_encodings,
    resolve_space,
)
from prefcli.services.training_rows import training_rows
from prefcli.solvers.bradley_terry import fit_reward
from prefcli.solvers.validation import heldout_accuracy, train_accuracy
from prefcli.store import Encoding, Store

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.space import Space
    from prefcli.progress import Progress

FloatArray = npt.NDArray[np.float64]
PROBES = 32  # answers whose bits per byte are measured, per user
# Feedback is outside a base's world if its median answer costs more bits per byte than this many
# times the 99th percentile of the base's own answers.
OUTSIDE = 1.5


@dataclass(frozen=True)
class FitReport:
    """What one fit did; `None` where there was too little to say.

    `pairs` and `thumbs` are what the fit worked on, `kinds` the judgements that these came from.
    Seconds: `encode` runs the base's lower layers over answers that were not cached (loading it
    included), `solve` is the convex problem, `validate` the held-out folds.
    """

    user: str
    profile: str
    version: int
    space: str
    method: str
    pairs: int
    thumbs: int
    kinds: dict[str, int]
    prompts: int
    train_accuracy: float | None
    heldout_accuracy: float | None
    encode_seconds: float
    solve_seconds: float
    validate_seconds: float
    bytes: int
    bits_per_byte: float | None
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The fields of `fit --json`."""
        return asdict(self)


def fit(
    store: Store,
    user: str,
    *,
    space: str | None = None,
    progress: Progress | None = None,
) -> FitReport:
    """Fit one user in one space and store the profile as a new version.

    Args:
        store: The open home.
        user: Whose feedback.
        space: Name of a space; default the one in use.

    Raises:
        NotFoundError: the user has no feedback, or there is no such space.
    """
    return _Fitter(store, resolve_space(store, space), progress).fit(user)


def fit_all(
    store: Store, *, space: str | None = None, progress: Progress | None = None
) -> Iterator[FitReport]:
    """Fit every user; the base is loaded once, and only if something is not encoded yet.

    Raises:
        NotFoundError: there is no feedback at all, or no such space.
    """
    users = store.users()
    if not users:
        raise NotFoundError("no feedback yet: `prefcli ingest FILE --user NAME` first")
    yield from fit_users(store, users, space=space, progress=progress)


def fit_users(
    store: Store,
    users: Iterable[str],
    *,
    space: str | None = None,
    progress: Progress | None = None,
) -> Iterator[FitReport]:
    """Fit these users, one after the other; the base is loaded as in `fit_all`.

    Raises:
        NotFoundError: one has no feedback, or there is no such space.
    """
    fitter = _Fitter(store, resolve_space(store, space), progress)
    for user in users:
        yield fitter.fit(user)


class _Fitter:
    """One space, any number of users."""

    def __init__(self, store: Store, reference: SpaceReference, progress: Progress | None) -> None:
        self.store = store
        self.reference = reference
        self.progress = progress
        self._loaded: tuple[Base, Space] | None = None
        self._background: FloatArray | None = None

    def fit(self, user: str) -> FitReport:
        judged = [stored.feedback for stored in self.store.feedback(user)]
        if not judged:
            raise NotFoundError(
                f"no feedback by user {user!r}: `prefcli ingest FILE --user {user}` first"
            )
        started = time.perf_counter()
        encodings = self._encodings(judged)
        encoded = time.perf_counter()
        size = int(self.reference.description["latent_size"])
        training = training_rows(judged, encodings, size, self._reference_encodings())
        rows = training.rows
        solving = time.perf_counter()
        reward = fit_reward(rows)
        profile = Profile.from_reward(
            user=user,
            space=self.reference.fingerprint,
            reward=reward,
            rho=float(self.reference.description["rho"]),
        )
        solved = time.perf_counter()
        heldout = heldout_accuracy(rows, training.pair_groups, training.thumb_groups)
        validated = time.perf_counter()
        artifact = profile.to_bytes()
        bits = _median_bits(encodings)
        summary: dict[str, Any] = {
            "space": self.reference.name,
            "method": profile.method,
            "pairs": len(rows.chosen),
            "thumbs": len(rows.thumbs),
            "kinds": training.kinds,
            "prompts": training.prompts,
            "train_accuracy": _rounded(train_accuracy(reward, rows)),
            "heldout_accuracy": _rounded(heldout),
            "encode_seconds": round(encoded - started, 4),
            "solve_seconds": round(solved - solving, 6),
            "validate_seconds": round(validated - solved, 4),
            "bytes": len(artifact),
            "bits_per_byte": _rounded(bits),
        }
        warnings = self._warnings(encodings, profile, bits)
        if training.unused:
            warnings.append(
                f"ratings that say nothing: {training.unused}, on a scale that is not known and "
                "with no other answer to the same prompt rated; ingest them with their scale"
            )
        version = self.store.add_profile(user, self.reference.fingerprint, artifact, summary)
        return FitReport(
            user=user, profile=f"{user}@{version}", version=version, warnings=warnings, **summary
        )

    def _encodings(self, judged: Sequence[Feedback]) -> dict[bytes, Encoding]:
        """Encodings of every answer, from the cache or computed now, committed batch by batch."""
        answers: dict[bytes, tuple[Prompt, str]] = {
            encoding_key(row.prompt, response): (row.prompt, response)
            for row in judged
            for response in row.responses
        }
        fingerprint = self.reference.fingerprint
        found = self.store.encodings(fingerprint, answers.keys())
        missing = [key for key in answers if key not in found]
        if not missing:
            return found
        base, space = self._models()
        probes = set(missing[:: max(1, len(missing) // PROBES)])
        done = 0
        for batch in space.encode(base, [answers[key] for key in missing]):
            probed = [key for index, _ in batch if (key := missing[index]) in probes]
            measured = space.bits_per_byte(base, [answers[key] for key in probed])
            bits = dict(zip(probed, measured, strict=True))
            fresh = {
                (key := missing[index]): Encoding(
                    encoded.mean.astype("<f4").tobytes(),
                    encoded.log_var.astype("<f4").tobytes(),
                    bits.get(key),
                    encoded.truncated,
                )
                for index, encoded in batch
            }
            self.store.add_encodings(fingerprint, fresh)
            found.update(fresh)
            done += len(batch)
            if self.progress:
                self.progress("encoding answers", done, len(missing))
        return found

    def _models(self) -> tuple[Base, Space]:
        if self._loaded is None:
            base = open_base(resolve_base(self.store, self.reference.base), self.progress)
            space = open_space(self.reference)
            space.attach(base)
            self._loaded = base, space
        return self._loaded

    def _reference_encodings(self) -> FloatArray:
        if self._background is None:
            self._background = reference_encodings(self.reference)
        return self._background

    def _warnings(
        self, encodings: dict[bytes, Encoding], profile: Profile, bits: float | None
    ) -> list[str]:
        found = []
        _, usual = self.reference.description["own_bits_per_byte"]
        if bits is not None and bits > OUTSIDE * usual:
            found.append(
                f"this feedback is outside the world of base {self.reference.base}: answers cost "
                f"it {bits:.2f} bits per byte, its own stay below {usual:.2f}; the profile will "
                "mean little. Use a base that reads such text: `prefcli base add "
                "Qwen/Qwen2.5-0.5B-Instruct --name qwen`, then `prefcli space train everyday "
                "--base qwen`, `prefcli space use everyday`, and fit again"
            )
        cut = sum(encoding.truncated for encoding in encodings.values())
        if cut:
            limit = self.reference.description["max_response_tokens"]
            found.append(
                f"{cut} of {len(encodings)} texts are longer than the space reads: kept the last "
                f"{self.reference.description['max_prompt_tokens']} tokens of the prompt and the "
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
