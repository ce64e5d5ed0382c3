"""What moved between two profiles of one space, in numbers and in the space's own words.

A profile acts through the point that it generates with, so that is what is compared, direction by
direction; and through what it would choose, which is asked of it for all pairs of the answers that
the space keeps of its base.

Letters: d directions, R reference answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from prefcli.errors import UsageError
from prefcli.latent.describe import in_words
from prefcli.profile import Profile
from prefcli.services.profiles import open_profile, stored_profile
from prefcli.services.spaces import reference_encodings, space_of
from prefcli.store import Store

Array = npt.NDArray[np.float64]

LEAST_MOVE = 0.25  # standard deviations of the base's answers; what is less is not worth a line
SAME = 0.05  # and as little as this in all is no move


def diff(store: Store, first: str, second: str) -> dict[str, Any]:
    """What the second profile does that the first does not.

    Args:
        store: The open home.
        first, second: `user` or `user@version`, of one space.

    Returns:
        `first`, `second`, full names; `space`; `distance` of the two points in standard deviations
        of the base's own answers; `cosine` between them, None where one of them is the base;
        `agreement`, the share of pairs of the base's answers of which both prefer the same, None
        where one of them prefers nothing; `moved`, one object per direction, the largest move
        first (`direction` from 1, `first`, `second`, `change`, `words` for what the change does,
        None without words, and whether it is large enough to be `told`); `described`, whether the
        space has words; `summary` in words.

    Raises:
        UsageError: they are of different spaces.
        NotFoundError: no such profile, or the space is not here.
        DataError: one is damaged.
    """
    stored = [stored_profile(store, name) for name in (first, second)]
    names = [f"{each.user}@{each.version}" for each in stored]
    if stored[0].space != stored[1].space:
        raise UsageError(
            f"{names[0]} and {names[1]} are of different spaces, where nothing can be compared: "
            "fit both in one space"
        )
    reference = space_of(store, stored[0].space)
    profiles = [open_profile(each) for each in stored]
    size = int(reference.description["latent_size"])
    points = [_point(profile, size) for profile in profiles]
    change = points[1] - points[0]  # (d,)
    told = {
        int(each["direction"]): each
        for each in reference.description["report"].get("directions_text", [])
    }
    moved = [
        {
            "direction": k + 1,
            "first": round(float(points[0][k]), 3),
            "second": round(float(points[1][k]), 3),
            "change": round(float(change[k]), 3),
            "words": move_in_words(told[k + 1], float(change[k])) if k + 1 in told else None,
            "told": bool(abs(change[k]) >= LEAST_MOVE),
        }
        for k in np.argsort(-np.abs(change), kind="stable").tolist()
    ]
    distance = float(np.linalg.norm(change))
    agreed = agreement(profiles[0], profiles[1], reference_encodings(reference))
    return {
        "first": names[0],
        "second": names[1],
        "space": reference.name,
        "distance": round(distance, 3),
        "cosine": _cosine(*points),
        "agreement": None if agreed is None else round(agreed, 4),
        "moved": moved,
        "described": bool(told),
        "summary": _summary(names, distance, agreed, points),
    }


def agreement(first: Profile, second: Profile, answers: Array) -> float | None:
    """Of all pairs of answers (R, d), the share of which both profiles prefer the same one.

    Pairs between which one of them sees no difference are left out; None if no pair is left.
    """
    upper = np.triu_indices(len(answers), 1)
    signs = []
    for profile in (first, second):
        rewards = profile.reward(answers)  # (R,)
        signs.append(np.sign(rewards[:, None] - rewards[None])[upper])
    decided = (signs[0] != 0) & (signs[1] != 0)
    return float((signs[0] == signs[1])[decided].mean()) if decided.any() else None


def move_in_words(told: Mapping[str, Any], change: float) -> str:
    """What a move along a direction does to answers; backwards, what it says is turned round."""
    return in_words(told if change >= 0 else reversed_words(told))


def reversed_words(told: Mapping[str, Any]) -> dict[str, Any]:
    """A direction's description, seen from its other end."""
    return {
        **told,
        "features": [
            {**each, "low": each["high"], "high": each["low"]} for each in told.get("features", [])
        ],
        "words_low": told.get("words_high", []),
        "words_high": told.get("words_low", []),
    }


def _point(profile: Profile, size: int) -> Array:
    z = profile.latent(1.0)
    return np.zeros(size) if z is None else z


def _cosine(first: Array, second: Array) -> float | None:
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return round(float(first @ second) / norms, 4) if norms else None


def _summary(names: list[str], distance: float, agreed: float | None, points: list[Array]) -> str:
    if distance < SAME:
        told = f"{names[1]} generates as {names[0]} does"
    elif not points[0].any():
        told = f"{names[0]} is the plain base, {names[1]} is {distance:.2f} away from it"
    elif not points[1].any():
        told = f"{names[1]} is the plain base, {names[0]} is {distance:.2f} away from it"
    else:
        told = f"{names[1]} is {distance:.2f} away from {names[0]}"
    if agreed is None:
        return told
    return f"{told}; of two answers both prefer the same in {100 * agreed:.0f} % of cases"
