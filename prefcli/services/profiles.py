"""Profiles as the catalog holds them."""

from __future__ import annotations

from typing import Any

from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.profile import Profile
from prefcli.services.spaces import space_of
from prefcli.services.starters import starter_file
from prefcli.store import ProfileRow, Store, StoredProfile

LONGEST_VERSION = 18  # digits; more do not fit the catalog's integers


def list_profiles(store: Store, limit: int = 20) -> list[dict[str, Any]]:
    """The latest profile of each user, newest first.

    Args:
        store: The open home.
        limit: At most so many; 0 for all.
    """
    return [fields(row) for row in store.profiles(limit)]


def show_profile(store: Store, name: str) -> dict[str, Any]:
    """One profile with its whole report.

    Args:
        name: `user`, or `user@version`.

    Raises:
        NotFoundError: no such profile.
        DataError: it is damaged.
    """
    stored = stored_profile(store, name)
    profile = open_profile(stored)
    z = profile.latent(1.0)
    return {
        **fields(stored),
        **{name: value for name, value in stored.summary.items() if name != "seen"},
        "base": space_of(store, stored.space).base,
        "reach": None if z is None else round(float((z @ z) ** 0.5), 3),
        "weight": [round(float(value), 4) for value in profile.reward.weight],
        "quadratic": bool(profile.reward.curvature.any()),
    }


def stored_profile(store: Store, name: str) -> StoredProfile:
    """A profile by `user` (its latest version), `user@version` or `user@tag`.

    Raises:
        UsageError: the name is no text, or names no version after its `@`.
        NotFoundError: there is none.
    """
    user, mark, text = name.partition("@")
    if not user or (mark and not text):
        raise UsageError(f"profile {name!r}: expected user, or user@version as in alice@2")
    try:
        user.encode()
    except UnicodeEncodeError:
        raise UsageError(f"profile {name!r} holds half a character: check its spelling") from None
    version = _version(store, user, text) if mark else None
    found = None if mark and version is None else store.profile(user, version)
    if found is None:
        raise NotFoundError(f"no profile {name!r}: {_hint(store, user)}")
    return found


def is_number(text: str) -> bool:
    """Whether a text is read as a version's number and not as a tag."""
    return text.isascii() and text.isdecimal()


def _version(store: Store, user: str, text: str) -> int | None:
    """The version with this number or tag."""
    if is_number(text):
        if len(text) > LONGEST_VERSION:
            raise NotFoundError(f"no profile {user[:20]}@{text[:20]}...: no version is that large")
        return int(text)
    for row in store.profiles(0, user, all_versions=True):
        if text in row.summary.get("tags", ()):
            return row.version
    return None


def open_profile(stored: StoredProfile) -> Profile:
    """The profile that a row of the catalog holds.

    Raises:
        DataError: it is damaged, or of another space than its row says; the message says whose
            it is.
    """
    name = f"profile {stored.user}@{stored.version}"
    try:
        profile = Profile.from_bytes(stored.artifact)
    except DataError as error:
        raise DataError(f"{name}: {error.message}") from error
    if profile.space != stored.space:
        raise DataError(
            f"{name}: what was learned in space {profile.space} is kept as of {stored.space}, "
            "fit the user again"
        )
    return profile


def _hint(store: Store, user: str) -> str:
    latest = store.profile(user)
    if latest is not None:
        last = latest.version
        return f"{user} has " + ("only version 1" if last == 1 else f"versions 1 to {last}")
    hint = f"`prefcli fit --user {user}` first" if store.has_user(user) else "no such user"
    if starter_file(user) is not None and not store.has_user(user):
        hint = f"it is a starter profile, `prefcli profile import {user}` first"
    return f"{hint} (see `prefcli profile list`)"


def fields(row: ProfileRow) -> dict[str, Any]:
    """The fields of `profile list`."""
    return {
        "profile": f"{row.user}@{row.version}",
        "user": row.user,
        "version": row.version,
        "space": row.summary.get("space", row.space),
        "pairs": row.summary.get("pairs"),
        "thumbs": row.summary.get("thumbs"),
        "heldout_accuracy": row.summary.get("heldout_accuracy"),
        "bytes": row.bytes,
        "created": row.created,
    }
