"""Feedback as it lies in the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prefcli.errors import NotFoundError
from prefcli.store import Store


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
        feedback = stored.feedback
        yield {
            "id": stored.id,
            "user": feedback.user,
            "kind": feedback.kind,
            "value": feedback.value,
            "prompt": [{"role": t.role, "content": t.content} for t in feedback.prompt],
            "responses": list(feedback.responses),
            "row_id": feedback.row_id,
            "time": feedback.time,
            "source": stored.source,
            "line": stored.line,
            "created": stored.created,
        }
