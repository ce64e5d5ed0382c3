"""Feedback exported from Open WebUI (Admin Panel, Evaluations, Feedbacks, Export).

Source: https://github.com/open-webui/open-webui, `feedbackHandler` in
src/lib/components/chat/Messages/ResponseMessage.svelte, src/lib/.../RateComment.svelte and
backend/open_webui/models/feedbacks.py. A row is one person's (`user_id`) thumb on a message
(`data.rating` 1 or -1), with a snapshot of the chat, whose messages know their `parentId`.

The score from 1 to 10 that the person may add (`data.details.rating`) refines the thumb, and is
kept instead of it. Where other models answered the same question (`data.sibling_model_ids`, or
`meta.arena`), the app itself counts the thumb as a win or a loss against each of them, 0 as a
draw: then it is kept as pairs with those answers. From documentation only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Prompt

_SCALE = (1.0, 10.0)
_RATINGS = (1.0, 0.0, -1.0)


def _matches(row: Mapping[str, Any]) -> bool:
    data = row.get("data")
    return (
        isinstance(data, dict)
        and "rating" in data
        and isinstance(row.get("meta"), dict)
        and "snapshot" in row
    )


def _parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    data = fields.get(row, "data")
    if not isinstance(data, dict):
        raise fields.expected("data", "an object with the rating", data)
    if data.get("rating") is None and fields.at(row, "data.details.rating") is None:
        return  # opened, and closed again without a word
    messages, rated = _messages(row)
    path = _path(messages, rated)
    prompt, answer = fields.split_last(path, "snapshot")
    said = {"id": row.get("id"), "time": row.get("created_at"), "reason": _reason(data)}
    details = data.get("details")
    score = details.get("rating") if isinstance(details, dict) else None
    if score is not None:
        number = fields.number({"data.details.rating": score}, "data.details.rating")
        yield judgements.rating(said, user, prompt, answer, number, scale=_SCALE)
    rating = _rating(data)
    others = _others(row, data, messages, rated) if rating is not None else []
    for other in others:
        chosen, rejected = (answer, other) if rating != -1 else (other, answer)
        yield judgements.pair(said, user, prompt, chosen, rejected, tie=rating == 0)
    if score is None and not others and rating is not None:
        if rating == 0:
            raise fields.expected("data.rating", "1 or -1 where there is one answer", 0)
        yield judgements.thumb(said, user, prompt, answer, float(rating > 0))


def _rating(data: Mapping[str, Any]) -> float | None:
    if data.get("rating") is None:
        return None
    rating = fields.number({"data.rating": data["rating"]}, "data.rating")
    if rating not in _RATINGS:
        raise fields.expected("data.rating", "1, 0 or -1", data["rating"])
    return rating


def _messages(row: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The messages of the snapshot by their ids, and the id of the rated one."""
    rated = fields.at(row, "meta.message_id")
    if not isinstance(rated, str):
        raise fields.expected("meta.message_id", "a message's id", rated)
    tree = fields.at(row, "snapshot.chat.chat.history.messages")
    if not isinstance(tree, dict):
        flat = fields.at(row, "snapshot.chat.chat.messages")
        if not isinstance(flat, list):
            raise fields.expected("snapshot", "the chat with its messages", row.get("snapshot"))
        tree = {one["id"]: one for one in flat if isinstance(one, dict) and "id" in one}
    if not isinstance(tree.get(rated), dict):
        raise DataError(f"field 'snapshot': the rated message {rated!r} is not in it")
    return tree, rated


def _path(messages: Mapping[str, Any], last: str) -> Prompt:
    """The turns from the first to a message."""
    turns = []
    seen: set[str] = set()
    at: Any = last
    while isinstance(at, str) and at in messages:
        if at in seen:
            raise DataError(f"field 'snapshot': message {at!r} comes before itself")
        seen.add(at)
        turns.append(fields.message(messages[at], f"snapshot message {at!r}"))
        at = messages[at].get("parentId")
    return tuple(reversed(turns))


def _others(
    row: Mapping[str, Any], data: Mapping[str, Any], messages: Mapping[str, Any], rated: str
) -> list[str]:
    """The other models' answers to the question, where the thumb was a choice among them."""
    if not data.get("sibling_model_ids") and fields.at(row, "meta.arena") is not True:
        return []
    parent = messages[rated].get("parentId")
    beside = [
        message
        for name, message in messages.items()
        if name != rated and isinstance(message, dict) and message.get("parentId") == parent
    ]
    turns = [fields.message(one, "snapshot message") for one in beside]
    return [turn.content for turn in turns if turn.role == "assistant" and turn.content.strip()]


def _reason(data: Mapping[str, Any]) -> str:
    said = [data.get(name) for name in ("reason", "comment")]
    return ": ".join(one for one in said if isinstance(one, str) and one.strip())


FORMAT = Format(
    name="open-webui",
    example=json.dumps(
        {
            "id": "f1",
            "user_id": "u1",
            "type": "rating",
            "data": {"rating": 1, "model_id": "llama", "reason": "", "comment": ""},
            "meta": {"message_id": "m2", "chat_id": "c1"},
            "snapshot": {
                "chat": {
                    "chat": {
                        "history": {
                            "messages": {
                                "m1": {
                                    "id": "m1",
                                    "parentId": None,
                                    "role": "user",
                                    "content": "What is the sky?",
                                },
                                "m2": {
                                    "id": "m2",
                                    "parentId": "m1",
                                    "role": "assistant",
                                    "content": "Blue.",
                                },
                            }
                        }
                    }
                }
            },
        }
    ),
    fields=(("data",), ("meta",), ("snapshot",)),
    matches=_matches,
    parse=_parse,
    users=("user_id",),
    kinds=("thumb", "rating", "pair"),
)
