"""Whose taste a name stands for: a profile, or a blend of several as in `alice=0.7,bob=0.3`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prefcli.errors import DataError, UsageError
from prefcli.profile import Profile
from prefcli.services.profile_versions import add_version, check_free
from prefcli.services.profiles import open_profile, stored_profile
from prefcli.solvers.blend import blend
from prefcli.store import Store, StoredProfile

MOST = 32  # tastes in one blend


@dataclass(frozen=True)
class Taste:
    """What a name stands for.

    Args:
        name: The user, or the blend with the version of each: `alice@2=0.7,bob@1=0.3`.
        version: The profile's; None for a blend.
        space: Fingerprint of the space.
        parts: The stored profiles, each with its share.
    """

    name: str
    version: int | None
    space: str
    parts: tuple[tuple[StoredProfile, float], ...]

    @property
    def full_name(self) -> str:
        """The user with the version, or the blend."""
        return full_name(self.name, self.version)

    def open(self) -> Profile:
        """What is to be generated with.

        Raises:
            DataError: a profile is damaged, or two have not the same number of directions.
        """
        opened = [open_profile(stored) for stored, _ in self.parts]
        if self.version is not None:
            return opened[0]
        if len({len(profile.reward.weight) for profile in opened}) > 1:
            raise DataError(f"{self.name}: not all are profiles of one space, fit them again")
        shares = [share for _, share in self.parts]
        total = math.fsum(shares)
        return Profile.from_reward(
            self.name,
            self.space,
            blend([profile.reward for profile in opened], shares),
            math.fsum(s * p.rho for s, p in zip(shares, opened, strict=True)) / total,
            method="blend",
            created=max(profile.created for profile in opened),
        )


def full_name(user: str, version: int | None) -> str:
    """A profile as it can be named: `alice@2`; a blend, which has no version, as it is."""
    return user if version is None else f"{user}@{version}"


def find_taste(store: Store, name: str) -> Taste:
    """The profile or the blend of this name, without opening it.

    A user's name may hold `=`, so a name that is somebody's profile is taken for that.

    Raises:
        UsageError: the name cannot be read, or the profiles are of different spaces.
        NotFoundError: there is no such profile.
    """
    shares = None if _is_somebody(store, name) else parse_blend(name)
    if shares is None:
        stored = stored_profile(store, name)
        return Taste(stored.user, stored.version, stored.space, ((stored, 1.0),))
    parts = tuple((stored_profile(store, part), share) for part, share in shares)
    first = parts[0][0]
    for stored, _ in parts:
        if stored.space != first.space:
            raise UsageError(
                f"--profile {name}: {first.user}@{first.version} and {stored.user}@"
                f"{stored.version} are of different spaces: fit all of them in one"
            )
    return Taste(blend_name(parts), None, first.space, parts)


def parse_blend(name: str) -> list[tuple[str, float]] | None:
    """The profiles and shares of a blend; None where the name is no blend.

    Raises:
        UsageError: it is a blend that makes no sense.
    """
    if "=" not in name:
        if "," in name:
            raise UsageError(f"--profile {name}: expected shares, as in alice=0.7,bob=0.3")
        return None
    found: dict[str, float] = {}
    for part in name.split(","):
        profile, mark, text = part.strip().rpartition("=")
        share = _number(text)
        if not mark or not profile or not (math.isfinite(share) and share > 0):
            raise UsageError(
                f"--profile {name}: {part.strip()!r} is no share, expected a profile and a "
                "positive number as in alice=0.7,bob=0.3"
            )
        if profile in found:
            raise UsageError(f"--profile {name}: {profile} is in it twice")
        found[profile] = share
    if len(found) > MOST:
        raise UsageError(f"--profile: a blend of {len(found)}, {MOST} at most")
    return list(found.items())


def blend_name(parts: tuple[tuple[StoredProfile, float], ...]) -> str:
    """The name of a blend with the version of each profile: `alice@2=0.7,bob@1=0.3`."""
    return ",".join(f"{stored.user}@{stored.version}={share:g}" for stored, share in parts)


def keep_blend(store: Store, name: str, user: str, new_version: bool = False) -> dict[str, Any]:
    """Keep a blend as a profile of its own, as its parts are now.

    Args:
        name: The blend.
        user: What to call it.
        new_version: Allow a name that has a profile, which gets a new version.

    Returns:
        The fields of `profile list`, `origin`, `parents` and `warnings`.

    Raises:
        UsageError: it is no blend, or the name is taken.
        NotFoundError: there is no such profile.
        DataError: one is damaged.
    """
    taste = find_taste(store, name)
    if taste.version is not None:
        raise UsageError(f"{name} is no blend: `prefcli profile copy` keeps a profile twice")
    check_free(store, user, new_version)
    learned = dataclasses.replace(taste.open(), user=user)
    parents = [stored for stored, _ in taste.parts]
    first = parents[0]
    summary = {"space": first.summary.get("space"), "method": learned.method}
    artifact = learned.to_bytes()
    content = StoredProfile(user, 0, taste.space, summary, len(artifact), learned.created, artifact)
    made = add_version(store, user, content, "blend", parents, taste.name.split(","))
    return made | {"warnings": policy_lost(parents, "blend")}


def policy_lost(parents: Iterable[StoredProfile], what: str) -> list[str]:
    """What is to be said where a profile loses the policy that reads each prompt.

    Args:
        parents: What the profile was made from.
        what: What was made: a blend or an edit.
    """
    had = [f"{p.user}@{p.version}" for p in parents if open_profile(p).policy is not None]
    if not had:
        return []
    return [
        f"{', '.join(had)}: this latent-dpo policy answers each prompt in its own way, and the "
        f"{what} keeps what it does on average, for every prompt alike"
    ]


def _is_somebody(store: Store, name: str) -> bool:
    user = name.partition("@")[0]
    try:
        user.encode()
    except UnicodeEncodeError:
        return False
    return "=" in user and "," not in user and store.profile(user) is not None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
