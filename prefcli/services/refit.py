"""Refit: people move to a new space, from what they said before.

What a profile learned in one space means nothing in another, so nothing is converted: everybody is
fitted anew from their feedback, by the method and with the half-life of their latest profile, and
keeps the older versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prefcli.errors import NotFoundError
from prefcli.services.fit import FitReport, fit_users
from prefcli.services.fit_before import as_before
from prefcli.services.spaces import resolve_space, use_space
from prefcli.store import Store

if TYPE_CHECKING:
    from prefcli.progress import Progress


def refit(
    store: Store,
    space: str,
    *,
    users: Sequence[str] | None = None,
    all_users: bool = False,
    use: bool = True,
    progress: Progress | None = None,
) -> Iterator[FitReport]:
    """Fit people in another space, then make it the space in use.

    Nobody is fitted before it is known that all of them have feedback. If a fit fails, the space
    in use stays what it was and the next call goes on with those who have not moved.

    Args:
        store: The open home.
        space: Name of the new space.
        users: Who moves; default everybody whose latest profile is of another space.
        all_users: Everybody with feedback moves, with a profile or without.
        use: Whether the new space is the one in use afterwards.

    Raises:
        NotFoundError: no such space, or one of them has no feedback.
        DataError: the space's files are damaged.
    """
    reference = resolve_space(store, space)
    if users is None:
        users = store.users() if all_users else _elsewhere(store, reference.fingerprint)
    users = list(dict.fromkeys(users))
    for user in users:
        if not store.has_user(user):
            raise NotFoundError(
                f"no feedback by user {user!r}: `prefcli ingest FILE --user {user}` first, or "
                "name the users who move with --user"
            )
    ways = {user: as_before(store, user, None) for user in users}
    yield from fit_users(store, users, space=space, ways=ways, common=True, progress=progress)
    if use:
        use_space(store, space)


def _elsewhere(store: Store, fingerprint: str) -> list[str]:
    """Users whose latest profile is of another space, in the order of their names."""
    return sorted(row.user for row in store.profiles() if row.space != fingerprint)
