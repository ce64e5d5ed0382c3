"""The map of a space: where its users stand, who is near whom, and what the axes change in a text.

A user stands where their latest profile generates; older versions lead there. What they judged lies
where it was encoded. Both are seen along the two axes in which users differ most, and each axis has
the words that the space's report has for such a direction.

Letters: U users, d latent dimensions.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from prefcli.errors import DataError, NotFoundError
from prefcli.feedback.records import encoding_key
from prefcli.latent.tastes import find_slopes, leanings, words_from_report
from prefcli.services.profiles import open_profile
from prefcli.services.spaces import SpaceReference, reference_encodings, resolve_space
from prefcli.solvers.layout import groups, nearest, two_axes
from prefcli.store import ProfileRow, Store

Array = npt.NDArray[np.float64]

NEIGHBOURS = 3
MOST_TRAILS = 300  # users whose older versions are drawn
MOST_JUDGEMENTS = 1500  # the newest, whose answers are drawn
MOST_WORDS = 2  # of each kind at an end of an axis


@dataclass(frozen=True)
class User:
    """Somebody on the map.

    Args:
        name, version: Whose latest profile.
        at: Where on the two axes.
        group: Which group, 0 the largest.
        trail: Where their older versions were, the oldest first.
        near: The nearest others and how far they are, in standard deviations of base answers.
    """

    name: str
    version: int
    at: tuple[float, float]
    group: int
    trail: tuple[tuple[float, float], ...]
    near: tuple[tuple[str, float], ...]

    def as_dict(self) -> dict[str, Any]:
        """The fields of `map --json`, one of `users`."""
        return {
            "user": self.name,
            "version": self.version,
            "x": round(self.at[0], 4),
            "y": round(self.at[1], 4),
            "group": self.group,
            "trail": [[round(x, 4), round(y, 4)] for x, y in self.trail],
            "near": [{"user": name, "distance": round(far, 4)} for name, far in self.near],
        }


@dataclass(frozen=True)
class Axis:
    """One of the two.

    Args:
        low, high: What answers are like at either end; empty where the space has no words for it.
        share: Of the users' variance.
    """

    low: str
    high: str
    share: float


@dataclass(frozen=True)
class UserMap:
    """A space with its users.

    Args:
        space, base: Their names.
        users: In the order of their names.
        axes: To the right, and up.
        liked, others: (N, 2) where answers lie that were judged good or better, and all others.
    """

    space: str
    base: str
    users: tuple[User, ...]
    axes: tuple[Axis, Axis]
    liked: Array
    others: Array

    def as_dict(self) -> dict[str, Any]:
        """The fields of `map --json`."""
        return {
            "space": self.space,
            "base": self.base,
            "axes": [vars(axis) for axis in self.axes],
            "users": [user.as_dict() for user in self.users],
        }


def user_map(store: Store, space: str | None = None) -> UserMap:
    """Find where everybody stands.

    Args:
        store: The open home.
        space: Name of a space; default the one in use.

    Raises:
        NotFoundError: no such space, or nobody has a profile in it.
    """
    reference = resolve_space(store, space)
    size = int(reference.description["latent_size"])
    names, versions, points = [], [], []
    for row in sorted(store.profiles(), key=lambda row: row.user):
        if row.space == reference.fingerprint:
            with suppress(DataError):  # damaged: `doctor` tells
                points.append(_point(store, row, size))
                names.append(row.user)
                versions.append(row.version)
    if not points:
        raise NotFoundError(
            f"nobody has a profile in space {reference.name}: `prefcli fit --all` first"
        )
    z = np.stack(points)
    axes, shares = two_axes(z, reference_encodings(reference))
    at = z @ axes.T
    near, far = nearest(z, NEIGHBOURS)
    trails = _trails(store, reference, axes, size) if len(names) <= MOST_TRAILS else {}
    users = tuple(
        User(
            name,
            version,
            (float(at[i, 0]), float(at[i, 1])),
            group,
            trails.get(name, ()),
            tuple((names[j], float(d)) for j, d in zip(near[i], far[i], strict=True)),
        )
        for i, (name, version, group) in enumerate(
            zip(names, versions, groups(z).tolist(), strict=True)
        )
    )
    liked, others = _judged(store, reference.fingerprint, axes)
    first, second = (
        Axis(*_ends(reference, axis), round(float(share), 4))
        for axis, share in zip(axes, shares, strict=True)
    )
    return UserMap(reference.name, reference.base, users, (first, second), liked, others)


def _point(store: Store, row: ProfileRow, size: int) -> Array:
    stored = store.profile(row.user, row.version)
    if stored is None:
        raise DataError(f"{row.user}@{row.version} was removed meanwhile")
    z = open_profile(stored).latent(1.0)
    if z is not None and len(z) != size:
        raise DataError(f"{row.user}@{row.version} is of another number of directions")
    return np.zeros(size) if z is None else z


def _trails(
    store: Store, reference: SpaceReference, axes: Array, size: int
) -> dict[str, tuple[tuple[float, float], ...]]:
    """Where each user's versions before the latest were, the oldest first."""
    found: dict[str, list[tuple[float, float]]] = {}
    latest: set[str] = set()
    for row in store.profiles(all_versions=True):  # the newest first
        if row.space != reference.fingerprint:
            continue
        if row.user not in latest:
            latest.add(row.user)
            continue
        with suppress(DataError):
            x, y = axes @ _point(store, row, size)
            found.setdefault(row.user, []).insert(0, (float(x), float(y)))
    return {user: tuple(trail) for user, trail in found.items()}


def _judged(store: Store, space: str, axes: Array) -> tuple[Array, Array]:
    """Where the newest judged answers lie: those judged good or better, and the others."""
    good: dict[bytes, bool] = {}
    for row in store.feedback(limit=MOST_JUDGEMENTS, newest_first=True):
        said = row.feedback
        best = min(said.ranks) if said.ranks else None
        for i, response in enumerate(said.responses):
            if said.ranks:
                liked = said.ranks[i] == best
            elif said.kind == "rating":
                middle = ((said.low or 0.0) + (said.high or 2 * said.value)) / 2
                liked = said.value > middle
            else:
                liked = i == 0 and said.value > 0.5
            good.setdefault(encoding_key(said.prompt, response), liked)
    encodings = store.encodings(space, list(good))
    sides: tuple[list[Array], list[Array]] = ([], [])
    for key, encoding in encodings.items():
        mean = np.frombuffer(encoding.mean, dtype="<f4").astype(np.float64)
        sides[0 if good[key] else 1].append(axes @ mean)
    return np.array(sides[0]).reshape(-1, 2), np.array(sides[1]).reshape(-1, 2)


def _ends(reference: SpaceReference, axis: Array) -> tuple[str, str]:
    return _end(reference, -axis), _end(reference, axis)


def _end(reference: SpaceReference, direction: Array) -> str:
    """What answers are like there: `longer, more emoji; "you", "what"`."""
    report = reference.description["report"]
    if not report.get("directions_text") or not direction.any():
        return ""
    slopes, _ = find_slopes(report, len(direction))
    told = [each.words for each in leanings(slopes, direction, np.repeat(direction[None], 200, 0))]
    words = [f'"{word}"' for word in words_from_report(report, direction)[0]]
    parts = (", ".join(told[:MOST_WORDS]), ", ".join(words[:MOST_WORDS]))
    return "; ".join(part for part in parts if part)
