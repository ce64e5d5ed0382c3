"""Fit: from a user's feedback to a profile.

Each answer is encoded once per space and cached; after that no language model runs, and nothing
here imports torch. (The paper's own method does both: see `services.latent_dpo`.)
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from prefcli.errors import NotFoundError, UsageError
from prefcli.feedback.records import Feedback
from prefcli.profile import Profile
from prefcli.services import fit_before
from prefcli.services.feedback import nothing_to_fit
from prefcli.services.feedback_encodings import FeedbackEncoder
from prefcli.services.fit_before import BRADLEY_TERRY, LATENT_DPO, METHODS
from prefcli.services.population import known_population, renew
from prefcli.services.recency import check_half_life, recency_weights
from prefcli.services.spaces import SpaceReference, resolve_space
from prefcli.services.training_rows import training_rows
from prefcli.solvers.bradley_terry import fit_reward
from prefcli.solvers.learned import in_words, judge
from prefcli.solvers.population import Population
from prefcli.solvers.validation import hold_out, train_accuracy
from prefcli.store import Encoding, Store

if TYPE_CHECKING:
    from prefcli.progress import Progress
    from prefcli.services.latent_dpo import PolicyFit

TOGETHER = 4096  # judgements whose answers are encoded together when everybody is fitted
# Feedback is outside a base's world if its median answer costs more bits per byte than this many
# times the 99th percentile of the base's own answers.
OUTSIDE = 1.5


@dataclass(frozen=True)
class FitReport:
    """What one fit did; `None` where there was too little to say.

    `pairs` and `thumbs` are what the fit worked on, `kinds` the judgements that these came from,
    `learned` is `Learned.as_dict`, `others_share` the weight of what other users have in common in
    the result, 0 to 1.
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
    others_share: float
    half_life: float | None
    encode_seconds: float
    solve_seconds: float
    validate_seconds: float
    bytes: int
    bits_per_byte: float | None
    learned: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The fields of `fit --json`."""
        return asdict(self)


def check_method(method: str) -> None:
    """Refuse what is no method.

    Raises:
        UsageError: it is none.
    """
    if method not in METHODS:
        raise UsageError(f"--method {method}: expected {' or '.join(METHODS)}")


def fit(
    store: Store,
    user: str,
    *,
    space: str | None = None,
    method: str = BRADLEY_TERRY,
    half_life: float | None = None,
    progress: Progress | None = None,
) -> FitReport:
    """Fit one user in one space and store the profile as a new version.

    Args:
        store: The open home.
        user: Whose feedback.
        space: Name of a space; default the one in use.
        method: bradley-terry, or latent-dpo, the paper's own, which trains a policy.
        half_life: Days after which a judgement counts half; 0 or None lets all count alike.

    Raises:
        UsageError: no such method, or the half-life is below 0.
        NotFoundError: the user has no feedback, or there is no such space.
    """
    (report,) = fit_users(
        store,
        [user],
        space=space,
        ways={user: (method, half_life)},
        progress=progress,
    )
    return report


def fit_all(
    store: Store,
    *,
    space: str | None = None,
    method: str | None = None,
    half_life: float | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Iterator[FitReport]:
    """Fit everybody whose feedback has changed; the base is loaded once, and only if need be.

    What users have in common is learned first (`solvers.population`), unless that was done
    already and few have changed since. A version that was gone back to, edited or made from others
    stays until there is new feedback.

    Args:
        store: The open home.
        space: Name of a space; default the one in use.
        method, half_life: As in `fit`; None takes those of each user's latest profile in the
            space, and a half-life of 0 none.
        force: Fit those, too, whose profile is up to date, and learn the common prior anew.
        progress: Told how far encoding is.

    Raises:
        UsageError: no such method, or the half-life is below 0.
        NotFoundError: there is no feedback at all, or no such space.
    """
    marks = store.feedback_marks()
    if not marks:
        raise NotFoundError("no feedback yet: `prefcli ingest FILE --user NAME` first")
    if method is not None:
        check_method(method)
    check_half_life(half_life)
    reference = resolve_space(store, space)
    fitter = _Fitter(store, reference, progress)
    wanted = reference.fingerprint, method, half_life
    current = fit_before.is_current
    users = [user for user in marks if force or not current(store, user, marks[user], *wanted)]
    fitter.learn_common(users, marks)
    for user in users:
        yield fitter.fit(user, *fit_before.as_before(store, user, *wanted))


def fit_users(
    store: Store,
    users: Sequence[str],
    *,
    space: str | None = None,
    ways: Mapping[str, tuple[str, float | None]] | None = None,
    common: bool = False,
    progress: Progress | None = None,
) -> Iterator[FitReport]:
    """Fit these users, one after the other; the base is loaded as in `fit_all`.

    Args:
        store: The open home.
        users: Whose feedback.
        space: Name of a space; default the one in use.
        ways: Method and half-life by user; those of before for whoever is not in it.
        common: Whether to learn first what users have in common, as `fit_all` does.
        progress: Told how far encoding is.

    Raises:
        UsageError: no such method, or the half-life is below 0.
        NotFoundError: one has no feedback, or there is no such space.
    """
    ways = ways or {}
    for method, half_life in ways.values():
        check_method(method)
        check_half_life(half_life)
    fitter = _Fitter(store, resolve_space(store, space), progress)
    if common:
        fitter.learn_common(users, store.feedback_marks())
    for user in users:
        way = ways.get(user) or fit_before.as_before(store, user, fitter.reference.fingerprint)
        yield fitter.fit(user, *way)


class _Fitter:
    """One space, any number of users."""

    def __init__(
        self,
        store: Store,
        reference: SpaceReference,
        progress: Progress | None,
    ) -> None:
        self.store = store
        self.reference = reference
        self.encoder = FeedbackEncoder(store, reference, progress)

    @cached_property
    def population(self) -> Population | None:
        """What users have in common, read once for all who are fitted."""
        return known_population(self.store, self.reference.fingerprint)

    def learn_common(self, users: Sequence[str], marks: Mapping[str, tuple[int, int]]) -> None:
        """Encode what these users judged, and learn what everybody has in common if it is due.

        Args:
            users: Those whose feedback is new.
            marks: Of everybody with feedback.
        """
        block: list[list[Feedback]] = []
        size = 0
        for user in users:
            block.append([row.feedback for row in self.store.feedback(user)])
            size += len(block[-1])
            if size >= TOGETHER:
                self.encoder.encode(block)
                block, size = [], 0
        self.encoder.encode(block)
        if users:
            renew(self.store, self.encoder, list(marks), changed=len(users))

    def fit(self, user: str, method: str, half_life: float | None) -> FitReport:
        half_life = half_life or None
        stored = list(self.store.feedback(user))
        judged = [row.feedback for row in stored]
        if not judged:
            raise nothing_to_fit(self.store, user)
        started = time.perf_counter()
        encodings = self.encoder.encode([judged])
        recency = recency_weights(stored, half_life)
        policy = self._policy(judged, encodings, recency) if method == LATENT_DPO else None
        encoded = time.perf_counter()
        size = int(self.reference.description["latent_size"])
        training = training_rows(judged, encodings, size, self.encoder.background(), recency)
        prior = () if self.population is None else self.population.prior(user)
        rows = training.rows
        solving = time.perf_counter()
        if policy is not None:
            profile = policy.profile(user, self.reference.fingerprint)
        else:
            profile = Profile.from_reward(
                user=user,
                space=self.reference.fingerprint,
                reward=fit_reward(rows, prior),
                rho=float(self.reference.description["rho"]),
            )
        solved = time.perf_counter()
        if policy is not None:
            heldout = policy.hold_out()
        else:
            heldout = hold_out(rows, training.pair_groups, training.thumb_groups, prior=prior)
        learned = judge(profile.reward, heldout)
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
            "train_accuracy": _rounded(train_accuracy(profile.reward, rows)),
            "heldout_accuracy": None if heldout is None else round(heldout.accuracy, 4),
            "learned": learned.as_dict(),
            "others_share": round(profile.reward.population, 3),
            "half_life": half_life,
            "encode_seconds": round(encoded - started, 4),
            "solve_seconds": round(solved - solving, 6),
            "validate_seconds": round(validated - solved, 4),
            "bytes": len(artifact),
            "bits_per_byte": _rounded(bits),
        }
        warnings = self._warnings(encodings, profile, bits)
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
        warnings += fit_before.replaced(self.store, user, self.reference.fingerprint)
        # Their number and the newest one's id: rows are only appended or removed.
        seen = {"seen": [len(stored), max(row.id for row in stored)]}
        version = self.store.add_profile(user, self.reference.fingerprint, artifact, summary | seen)
        return FitReport(
            user=user, profile=f"{user}@{version}", version=version, warnings=warnings, **summary
        )

    def _policy(
        self,
        judged: Sequence[Feedback],
        encodings: dict[bytes, Encoding],
        recency: Sequence[float],
    ) -> PolicyFit:
        from prefcli.services.latent_dpo import PolicyFit

        models = self.encoder.models()
        return PolicyFit(judged, encodings, *models, self.encoder.progress, recency=recency)

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
