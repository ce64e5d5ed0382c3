"""What a user's latest profile means for the next fit: whether one is due, how, and what it leaves.

A version that was gone back to, edited or made from others is a choice of the user after the fits
before it. It stays until there is feedback that no fit has seen.
"""

from __future__ import annotations

from prefcli.store import Store

BRADLEY_TERRY, LATENT_DPO = METHODS = ("bradley-terry", "latent-dpo")


def is_current(
    store: Store,
    user: str,
    mark: tuple[int, int],
    space: str,
    method: str | None = None,
    half_life: float | None = None,
) -> bool:
    """Whether the user's profile in a space is of the feedback they have now.

    Args:
        store: The open home.
        user: Whose.
        mark: How many judgements there are, and the newest one's id.
        space: Fingerprint of the space.
        method, half_life: What the profile must have; None for whatever it has, and a half-life
            of 0 for none.
    """
    latest = store.profile(user, space=space)
    if latest is None:
        return False
    if method is not None and latest.summary.get("method") != method:
        return False
    if half_life is not None and (latest.summary.get("half_life") or 0) != half_life:
        return False
    if "origin" not in latest.summary:
        return latest.summary.get("seen") == list(mark)
    return any(
        row.space == space and row.summary.get("seen") == list(mark)
        for row in store.profiles(0, user, all_versions=True)
    )


def as_before(
    store: Store,
    user: str,
    space: str | None,
    method: str | None = None,
    half_life: float | None = None,
) -> tuple[str, float | None]:
    """Method and half-life: as asked for, else as of the user's profile in this space.

    Args:
        store: The open home.
        user: Whose.
        space: Fingerprint of the space; None for the user's latest profile, wherever it is.
        method, half_life: What is asked for; None for what the profile has, and a half-life of 0
            for none.
    """
    latest = store.profile(user, space=space)
    summary = {} if latest is None else latest.summary
    known = summary.get("method")
    before = known if known in METHODS else BRADLEY_TERRY
    return method or before, summary.get("half_life") if half_life is None else half_life


def replaced(store: Store, user: str, space: str) -> list[str]:
    """What is to be said where a fit follows a version that was no fit."""
    latest = store.profile(user, space=space)
    if latest is None or latest.summary.get("origin", "rollback") == "rollback":
        return []
    return [
        f"{user}@{latest.version} was made by {latest.summary['origin']}; this fit starts from the "
        f"feedback again (`prefcli profile rollback {user} {latest.version}` goes back)"
    ]
