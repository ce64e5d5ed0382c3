"""A space is thrown away: its name, its files and what can be computed again."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from prefcli import tiny
from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.services.space_files import workplace, writing
from prefcli.services.spaces import resolve_space, space_in_use
from prefcli.store import SpaceRow, Store
from prefcli.store.registry import check_asked


def remove_space(
    store: Store, name: str, agreed: Callable[[dict[str, Any]], bool] = lambda _: True
) -> dict[str, Any]:
    """Throw a space away: files, name and encodings. Profiles stay, and say what they lack.

    Works above all for one that has lost its files, or whose files are damaged.

    Args:
        store: The open home.
        name: Which space.
        agreed: Asked with what would go, before anything does.

    Raises:
        UsageError: it is the built-in one.
        NotFoundError: no space of that name.
        PrefcliError: not agreed, or the home cannot be written to.
    """
    if name == tiny.NAME:
        raise UsageError(f"{name!r} is the built-in space, which is part of prefcli and stays")
    row = store.space(check_asked(name, "space"))
    if row is None:
        raise NotFoundError(f"no space {name!r}: see `prefcli space list`")
    shared = _shared(store, row)
    plan: dict[str, Any] = {
        "space": row.name,
        "base": row.base,
        "fingerprint": row.fingerprint,
        "encodings": 0 if shared else store.count_encodings(row.fingerprint),
        "profiles": 0 if shared else store.count_profiles(row.fingerprint),
        "in_use": _fallback(store, row) if space_in_use(store) == name else space_in_use(store),
    }
    if not agreed(plan):
        raise PrefcliError(f"space {name!r} stays: nothing was removed")
    return plan | {"encodings": _take(store, row, plan["in_use"])}


def _take(store: Store, row: SpaceRow, use: str) -> int:
    """Take row, encodings and files away together."""
    directory = store.space_directory(row.name)
    with workplace(directory.parent) as there, writing(directory):
        removed = there / "removed"

        def take() -> None:
            if os.path.lexists(directory):
                directory.rename(removed)

        try:
            gone = store.remove_space(
                row.name,
                row.fingerprint,
                use=None if use == tiny.NAME else use,
                encodings=not _shared(store, row),
                take=take,
            )
        except BaseException:
            if os.path.lexists(removed):  # not committed, so it is still there
                removed.rename(directory)
            raise
    if gone is None:
        raise NotFoundError(f"no space {row.name!r} any more: see `prefcli space list`")
    return gone


def _shared(store: Store, row: SpaceRow) -> bool:
    """Whether another space has the same weights, and so the same profiles and encodings."""
    if any(other.fingerprint == row.fingerprint for other in store.spaces() if other != row):
        return True
    return resolve_space(store, tiny.NAME).fingerprint == row.fingerprint


def _fallback(store: Store, row: SpaceRow) -> str:
    """What is used instead of a space: the newest sound one of its base, else the built-in one."""
    for other in reversed(store.spaces()):
        if other.name != row.name and other.base == row.base:
            with suppress(NotFoundError, DataError):
                return resolve_space(store, other.name).name
    return tiny.NAME
