"""Feedback as it lies in the catalog: listed, looked through, removed, forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefcli.config import SPACES_NAME
from prefcli.errors import NotFoundError, UsageError
from prefcli.feedback.conflicts import Conflicts
from prefcli.feedback.records import KINDS
from prefcli.services.pseudonyms import pseudonym_here
from prefcli.services.space_files import sweep
from prefcli.services.space_plan import abandon_trainings
from prefcli.store import Forgotten, Selection, Store, StoredFeedback
from prefcli.store.removal import FORGOTTEN

_DESCRIPTION = "space.json"


def list_feedback(
    store: Store,
    user: str | None = None,
    limit: int = 20,
    *,
    selection: Selection | None = None,
) -> Iterator[dict[str, Any]]:
    """Judgements, newest first.

    Args:
        store: The open home.
        user: Only this user's.
        limit: At most so many; 0 for all.
        selection: Only these (instead of `user`).

    Raises:
        NotFoundError: the user has given none.
        UsageError: a filter cannot be understood.
    """
    chosen = checked(store, selection or Selection(user=user))
    for stored in store.feedback(limit=limit, newest_first=True, selection=chosen):
        yield as_fields(stored)


def as_fields(stored: StoredFeedback) -> dict[str, Any]:
    """A judgement as JSON-ready fields."""
    feedback = stored.feedback
    return {
        "id": stored.id,
        "user": feedback.user,
        "kind": feedback.kind,
        "value": feedback.value,
        "strength": feedback.strength,
        "low": feedback.low,
        "high": feedback.high,
        "prompt": [{"role": turn.role, "content": turn.content} for turn in feedback.prompt],
        "responses": list(feedback.responses),
        "ranks": None if feedback.ranks is None else list(feedback.ranks),
        "row_id": feedback.row_id,
        "time": feedback.time,
        "annotator": feedback.annotator,
        "reason": feedback.reason,
        "source": stored.source,
        "line": stored.line,
        "created": stored.created,
        "ingest": stored.ingest,
    }


def checked(store: Store, selection: Selection) -> Selection:
    """The selection, with its time as the catalog writes times, and its user as they stand there.

    Raises:
        NotFoundError: the user has given no feedback.
        UsageError: the kind or the time cannot be understood, or a text is empty.
    """
    if selection.user is not None and not store.has_user(selection.user):
        other = known_as(store, selection.user)
        if other is None:
            raise NotFoundError(f"no feedback by user {selection.user!r}")
        selection = replace(selection, user=other)
    if selection.kind is not None and selection.kind not in KINDS:
        raise UsageError(f"--kind {selection.kind}: expected one of {', '.join(KINDS)}")
    for flag, text in (("--contains", selection.contains), ("--source", selection.source)):
        if text == "":
            raise UsageError(f"{flag} is empty: it would select everything")
    if selection.since is None:
        return selection
    try:
        since = datetime.fromisoformat(selection.since)
    except ValueError:
        raise UsageError(
            f"--since {selection.since!r}: expected a date or time like 2026-11-30 or "
            "2026-11-30T18:00"
        ) from None
    moment = since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return replace(selection, since=moment)


def known_as(store: Store, user: str) -> str | None:
    """The pseudonym under which there is feedback by this user; None if there is none."""
    other = pseudonym_here(store.home, user)
    return other if other is not None and store.has_user(other) else None


def nothing_to_fit(store: Store, user: str) -> NotFoundError:
    """The error for a user without feedback, with what to do."""
    other = known_as(store, user)
    hint = f"`prefcli ingest FILE --user {user}` first"
    if other is not None:
        hint = f"here they are {other}: `prefcli fit --user {other}`"
    return NotFoundError(f"no feedback by user {user!r}: {hint}")


def remove_feedback(store: Store, selection: Selection) -> dict[str, Any]:
    """Remove judgements; profiles keep what they learned from them until the next fit.

    Args:
        store: The open home.
        selection: Which; with `last` from `matching`, exactly what was there then.

    Returns:
        `removed`: how many.

    Raises:
        UsageError: nothing is selected by anything.
        NotFoundError: a number does not exist (nothing is removed then), or the user has given
            none.
    """
    if selection.is_everything:
        raise UsageError("what to remove? give IDs, or filters like --user NAME or --source FILE")
    chosen = checked(store, selection)
    if chosen.ids is not None and replace(chosen, ids=None).is_everything:
        found = {row.id for row in store.feedback(selection=chosen)}
        missing = [number for number in chosen.ids if number not in found]
        if missing:
            raise NotFoundError(f"no feedback with id {missing[0]}; nothing was removed")
    return {"removed": store.remove_feedback(chosen)}


def matching(store: Store, selection: Selection) -> tuple[int, Selection]:
    """How many judgements are selected, and the selection of exactly these.

    Raises:
        UsageError, NotFoundError: as `remove_feedback`.
    """
    chosen = checked(store, selection)
    count, last = store.count_feedback(chosen)
    return count, replace(selection, last=last)


def find_conflicts(store: Store, user: str | None = None) -> Iterator[dict[str, Any]]:
    """Pairs of judgements in which one user says opposite things, in the order they came.

    Args:
        store: The open home.
        user: Only this user's.

    Raises:
        NotFoundError: the user has given no feedback.
    """
    chosen = checked(store, Selection(user=user)).user
    for name in [chosen] if chosen is not None else store.users():
        conflicts: Conflicts[int] = Conflicts()
        for row in store.feedback(name):
            earlier = conflicts.add(row.feedback, row.id)
            if earlier is not None:
                fields = as_fields(row)
                yield {
                    "user": name,
                    "id": row.id,
                    "contradicts": earlier,
                    **{
                        key: fields[key]
                        for key in ("kind", "value", "prompt", "responses", "ranks")
                    },
                }


def undo(store: Store) -> dict[str, Any]:
    """Take back the last ingest.

    Raises:
        NotFoundError: there is none.
    """
    return asdict(store.undo_ingest())


def forget(store: Store, user: str) -> dict[str, Any]:
    """Remove everything about a user from every file of the home.

    What they said under their pseudonym goes with what they said under their name.

    Returns:
        `user`; `pseudonym`, under which there was feedback by them, or None; how many
        `judgements`, `encodings`, `profiles`, `generations` and `picks` of blind tests are gone;
        `spaces`: those that were trained on the user's prompts, which cannot be undone; and
        `unfinished`: trainings on them that had not ended, which are gone with the prompts.

    Raises:
        NotFoundError: there is nothing about them.
        PrefcliError: see `Store.forget_user`.
    """
    other = pseudonym_here(store.home, user)
    names = [user] if other is None else [user, other]
    said = known_as(store, user)
    spaces = {each for name in names for each in rename_in_spaces(store.home, name, FORGOTTEN)}
    unfinished = [
        each for name in names for each in abandon_trainings(store.home / SPACES_NAME, name)
    ]
    sweep(store.home / SPACES_NAME)  # what a killed restore left holds everybody's feedback
    try:
        forgotten = store.forget_user(*names)
    except NotFoundError:
        if not (spaces or unfinished):
            raise
        forgotten = Forgotten(user, 0, 0, 0, 0)
    more = {"pseudonym": said, "spaces": sorted(spaces), "unfinished": unfinished}
    return asdict(forgotten) | more


def rename_in_spaces(home: Path, user: str, new: str) -> list[str]:
    """Names of the spaces that list the user, who then stands there under the new name."""
    found = []
    for path in sorted((home / SPACES_NAME).glob(f"*/{_DESCRIPTION}")):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            description = json.loads(path.read_text("utf-8"))
            prompts = description["provenance"]["prompts"]
            users = prompts["users"]
            if user not in users:
                continue
            prompts["users"] = [new if name == user else name for name in users]
            draft = path.with_name(f".{_DESCRIPTION}.draft")
            draft.write_text(json.dumps(description, indent=1) + "\n", "utf-8")
            draft.replace(path)
            found.append(path.parent.name)
    return found
