"""Fitting a block of users: all their problems, and those of their held-out folds, in one batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefcli.profile import Profile
from prefcli.services.feedback_blocks import Said
from prefcli.services.spaces import SpaceReference
from prefcli.services.training_rows import TrainingRows
from prefcli.solvers.population import Component
from prefcli.solvers.quadratic import fit_rewards
from prefcli.solvers.rows import compare
from prefcli.solvers.validation import Heldout, deal
from prefcli.store import Encoding

if TYPE_CHECKING:
    from prefcli.services.latent_dpo import PolicyFit


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody who is to be fitted.

    Args:
        said: What they said.
        encodings: Of the answers in it, by key.
        training: What a fit works on.
        prior: What the others have in common.
        half_life: Days after which a judgement counted half, None where all count alike.
        policy: Their policy, where the method trains one; it makes the profile then.
        encode_seconds: Their share of what encoding the block took.
    """

    said: Said
    encodings: dict[bytes, Encoding]
    training: TrainingRows
    prior: Sequence[Component]
    half_life: float | None
    policy: PolicyFit | None
    encode_seconds: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a fit gave.

    Args:
        profile: The profile to keep.
        heldout: What fits without each prompt say of it; None where there is too little.
        solve_seconds, validate_seconds: Their share, by rows, of the seconds for the block.
    """

    profile: Profile
    heldout: Heldout | None
    solve_seconds: float
    validate_seconds: float


def fit_block(people: Sequence[Person], reference: SpaceReference) -> list[Fitted]:
    """Fit these people in a space, each as they would be alone; in their order."""
    together = [person for person in people if person.policy is None]
    fitted = iter(_solve(together, reference))
    return [
        next(fitted) if person.policy is None else _train(person, person.policy, reference)
        for person in people
    ]


def _solve(people: Sequence[Person], reference: SpaceReference) -> list[Fitted]:
    """Those whose reward is a convex problem."""
    if not people:
        return []
    size, rho = people[0].training.rows.size, float(reference.description["rho"])
    priors = [person.prior for person in people]
    started = time.perf_counter()
    users = [compare(person.training.rows) for person in people]
    rewards = fit_rewards(users, size, priors)
    profiles = [
        Profile.from_reward(
            user=person.said.user, space=reference.fingerprint, reward=reward, rho=rho
        )
        for person, reward in zip(people, rewards, strict=True)
    ]
    solved = time.perf_counter()
    dealt = [
        deal(person.training.rows, person.training.pair_groups, person.training.thumb_groups)
        for person in people
    ]
    parts = [[] if each is None else each.parts() for each in dealt]
    without = iter(
        fit_rewards(
            [part for each in parts for part in each],
            size,
            [prior for prior, each in zip(priors, parts, strict=True) for _ in each],
        )
    )
    heldout = [
        None if each is None else each.heldout([next(without) for _ in part])
        for each, part in zip(dealt, parts, strict=True)
    ]
    validated = time.perf_counter()
    solving = _shares(solved - started, [len(user.target) for user in users])
    validating = _shares(
        validated - solved, [sum(len(part.target) for part in each) for each in parts]
    )
    return [Fitted(*each) for each in zip(profiles, heldout, solving, validating, strict=True)]


def _train(person: Person, policy: PolicyFit, reference: SpaceReference) -> Fitted:
    """Somebody whose policy is trained."""
    started = time.perf_counter()
    profile = policy.profile(person.said.user, reference.fingerprint)
    solved = time.perf_counter()
    heldout = policy.hold_out()
    return Fitted(profile, heldout, solved - started, time.perf_counter() - solved)


def _shares(seconds: float, counts: Sequence[int]) -> list[float]:
    """The seconds, shared out by counts."""
    total = sum(counts)
    return [seconds * count / total if total else seconds / len(counts) for count in counts]
