"""Feedback as it lies in the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prefcli.errors import NotFoundError
from prefcli.store import Store, StoredFeedback


def list_feedback(
    store: Store, user: str | None = None, limit: int = 20
) -> Iterator[dict[str, Any]]:
    """Judgements, newest first.

    Args:
        store: The open home.
        user: Only this user's.
        limit: At most so many; 0 for all.

    Raises:
        NotFoundError: the user has given none.
    """
    if user is not None and not store.has_user(user):
        raise NotFoundError(f"no feedback by user {user!r}")
    for stored in store.feedback(user, limit, newest_first=True):
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
