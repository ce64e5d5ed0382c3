"""Profiles as the catalog holds them."""

from __future__ import annotations

from typing import Any

from prefcli.services.generate import open_profile, stored_profile
from prefcli.services.spaces import space_of
from prefcli.store import ProfileRow, Store


def list_profiles(store: Store, limit: int = 20) -> list[dict[str, Any]]:
    """The latest profile of each user, newest first.

    Args:
        store: The open home.
        limit: At most so many; 0 for all.
    """
    return [_fields(row) for row in store.profiles(limit)]


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
        **_fields(stored),
        **stored.summary,
        "base": space_of(store, stored.space).base,
        "reach": None if z is None else round(float((z @ z) ** 0.5), 3),
        "weight": [round(float(value), 4) for value in profile.reward.weight],
        "quadratic": bool(profile.reward.curvature.any()),
    }


def _fields(row: ProfileRow) -> dict[str, Any]:
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
