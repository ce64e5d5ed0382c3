"""Fit: from a user's feedback to a profile.

Each answer is encoded once per space and cached; after that no language model runs, and nothing
here imports torch. (The paper's own method does both: see `services.latent_dpo`.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prefcli.errors import NotFoundError, UsageError
from prefcli.feedback.records import Feedback
from prefcli.services import fit_before
from prefcli.services.feedback import nothing_to_fit
from prefcli.services.feedback_blocks import Said, read_in_blocks
from prefcli.services.feedback_encodings import FeedbackEncoder
from prefcli.services.fit_before import BRADLEY_TERRY, LATENT_DPO, METHODS
from prefcli.services.fit_block import Person, fit_block
from prefcli.services.fit_summary import summarise
from prefcli.services.population import known_population, renew
from prefcli.services.recency import check_half_life, recency_weights
from prefcli.services.spaces import SpaceReference, resolve_space
from prefcli.services.training_rows import training_rows
from prefcli.solvers.population import Population
from prefcli.store import Encoding, Store

if TYPE_CHECKING:
    from prefcli.progress import Progress
    from prefcli.services.latent_dpo import PolicyFit


@dataclass(frozen=True)
class FitReport:
    """What one fit did; `None` where there was too little to say.

    `pairs` and `thumbs` are what the fit worked on, `kinds` the judgements that these came from,
    `learned` is `Learned.as_dict`, `others_share` the weight of what other users have in common in
    the result, 0 to 1.
    Seconds: `encode` runs the base's lower layers over answers that were not cached (loading it
    included), `solve` is the convex problem, `validate` the held-out folds; of users who are fitted
    together each has their share.
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
    stays until there is new feedback. The profiles of a block of users are kept all at once: if
    this ends early, whole blocks are done, and the next call goes on with the others.

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
    yield from fitter.fit(users, lambda user: fit_before.as_before(store, user, *wanted))


def fit_users(
    store: Store,
    users: Sequence[str],
    *,
    space: str | None = None,
    ways: Mapping[str, tuple[str, float | None]] | None = None,
    common: bool = False,
    progress: Progress | None = None,
) -> Iterator[FitReport]:
    """Fit these users, a block at a time; the base is loaded as in `fit_all`.

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
    space_id = fitter.reference.fingerprint
    yield from fitter.fit(
        users, lambda user: ways.get(user) or fit_before.as_before(store, user, space_id)
    )


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
        renew(self.store, self.encoder, list(marks), users)

    def fit(
        self, users: Sequence[str], how: Callable[[str], tuple[str, float | None]]
    ) -> Iterator[FitReport]:
        """Fit users block by block.

        Args:
            users: Whose feedback.
            how: Method and half-life of each.
        """
        done = 0
        for block in read_in_blocks(self.store, users):
            reports = self._fit_block(block, [how(said.user) for said in block])
            done += len(block)
            if self.encoder.progress and len(users) > 1:
                self.encoder.progress("users", done, len(users))
            yield from reports

    def _fit_block(
        self, block: Sequence[Said], how: Sequence[tuple[str, float | None]]
    ) -> list[FitReport]:
        for said in block:
            if not said.judged:
                raise nothing_to_fit(self.store, said.user)
        people = self._people(block, how)
        fitted = fit_block(people, self.reference)
        reports = [
            summarise(self.store, self.reference, *each)
            for each in zip(people, fitted, strict=True)
        ]
        versions = self.store.add_profiles(
            self.reference.fingerprint,
            [
                # Their number and the newest one's id: rows are only appended or removed.
                (
                    said.user,
                    artifact,
                    summary | {"seen": [len(said.stored), max(row.id for row in said.stored)]},
                )
                for said, (artifact, summary, _) in zip(block, reports, strict=True)
            ],
        )
        return [
            FitReport(
                user=said.user,
                profile=f"{said.user}@{version}",
                version=version,
                warnings=warnings,
                **summary,
            )
            for said, version, (_, summary, warnings) in zip(block, versions, reports, strict=True)
        ]

    def _people(
        self, block: Sequence[Said], how: Sequence[tuple[str, float | None]]
    ) -> list[Person]:
        """What a fit of each needs, everything encoded."""
        started = time.perf_counter()
        encodings = self.encoder.encode([said.judged for said in block])
        seconds = (time.perf_counter() - started) / sum(len(said.judged) for said in block)
        size = int(self.reference.description["latent_size"])
        people = []
        for said, (method, half_life) in zip(block, how, strict=True):
            started = time.perf_counter()
            judged, own = said.judged, self.encoder.own(said.judged, encodings)
            recency = recency_weights(said.stored, half_life)
            policy = self._policy(judged, own, recency) if method == LATENT_DPO else None
            own_seconds = time.perf_counter() - started
            people.append(
                Person(
                    said=said,
                    encodings=own,
                    training=training_rows(judged, own, size, self.encoder.background(), recency),
                    prior=() if self.population is None else self.population.prior(said.user),
                    half_life=half_life or None,
                    policy=policy,
                    encode_seconds=seconds * len(judged) + own_seconds,
                )
            )
        return people

    def _policy(
        self,
        judged: Sequence[Feedback],
        encodings: dict[bytes, Encoding],
        recency: Sequence[float],
    ) -> PolicyFit:
        from prefcli.services.latent_dpo import PolicyFit

        models = self.encoder.models()
        return PolicyFit(judged, encodings, *models, self.encoder.progress, recency=recency)
