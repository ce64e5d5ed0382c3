"""Thumbs out of ChatGPT's data export.

The export (Settings, Data controls, Export data) has no public documentation. Source: the schema
and notes of https://github.com/mitkury/chatgpt-export-parser (docs/chatgpt-data-export-format.md),
and the rating words of https://github.com/linweiyuan/java-chatgpt-api. A thumb stands in
`message_feedback.json` (`id` is the message's, `conversation_id`, `rating` thumbsUp or
thumbsDown, written `thumbs_up` too), the words in `conversations.json`, whose `mapping` is a tree
of messages. `prefcli.feedback.exports.chatgpt` brings the two together, one row to a thumb:
`message_feedback` and its `conversation`. From documentation only.

The prompt is the path from the root to the rated message, so that of several drafts the right one
counts; hidden and empty messages are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Message
from prefcli.feedback.verdicts import up_or_down

_MARKS = ("id", "message_id")


def _matches(row: Mapping[str, Any]) -> bool:
    said = row.get("message_feedback")
    return isinstance(said, dict) and "rating" in said and "conversation" in row


def _parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    said, conversation = fields.get(row, "message_feedback"), row.get("conversation")
    if not isinstance(said, dict):
        raise fields.expected("message_feedback", "an object with the rating", said)
    up = up_or_down(said.get("rating"))
    if up is None:
        raise fields.expected("rating", "thumbsUp or thumbsDown", said.get("rating"))
    if not isinstance(conversation, dict):
        raise DataError(
            f"conversation {said.get('conversation_id')!r}: is not among the conversations "
            "of the export; was it deleted?"
        )
    mapping = conversation.get("mapping")
    if not isinstance(mapping, dict):
        raise fields.expected("mapping", "an object of messages", mapping)
    marks = [said[name] for name in _MARKS if isinstance(said.get(name), str)]
    rated = next((mark for mark in marks if mark in mapping), None)
    if rated is None:
        raise DataError(f"message {marks[0] if marks else None!r}: is not in its conversation")
    prompt, answer = fields.split_last(tuple(_path(mapping, rated)), "mapping")
    identity = {
        "id": rated,
        "time": said.get("create_time") or said.get("update_time"),
        "reason": _reason(said),
    }
    yield judgements.thumb(identity, user, prompt, answer, up)


def _path(mapping: Mapping[str, Any], last: str) -> list[Message]:
    """The turns from the root to a message."""
    turns: list[Message] = []
    seen: set[str] = set()
    at: Any = last
    while isinstance(at, str) and isinstance(mapping.get(at), dict):
        if at in seen:
            raise DataError(f"field 'mapping': message {at!r} comes before itself")
        seen.add(at)
        turn = _turn(mapping[at].get("message"))
        if turn is None and at == last:  # or the thumb would go to the answer before
            raise DataError(f"message {last!r}: holds no answer")
        if turn is not None and (turn.content.strip() or at == last):
            turns.append(turn)
        at = mapping[at].get("parent")
    return turns[::-1]


def _turn(message: Any) -> Message | None:
    if not isinstance(message, dict):
        return None
    hidden = message.get("metadata")
    if isinstance(hidden, dict) and hidden.get("is_visually_hidden_from_conversation"):
        return None
    author, content = message.get("author"), message.get("content")
    role = author.get("role") if isinstance(author, dict) else None
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        parts = [content.get("text")] if isinstance(content, dict) else []
    text = "\n".join(part for part in parts if isinstance(part, str))
    return Message(fields.ROLE_NAMES.get(str(role).lower(), "assistant"), text)


def _reason(said: Mapping[str, Any]) -> str:
    """The words and tags that came with a thumb, as fields or as JSON in `content`."""
    content = said.get("content")
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except ValueError:
            content = {"text": content}
    more = content if isinstance(content, dict) else {}
    tags = said.get("tags") or more.get("tags")
    tagged = [one for one in tags if isinstance(one, str)] if isinstance(tags, list) else []
    words = [one for one in (said.get("text"), more.get("text")) if isinstance(one, str) and one]
    return "; ".join([*words[:1], *tagged])


FORMAT = Format(
    name="chatgpt",
    example=json.dumps(
        {
            "user_id": "user-1",
            "message_feedback": {"id": "m2", "conversation_id": "c1", "rating": "thumbsUp"},
            "conversation": {
                "id": "c1",
                "mapping": {
                    "m1": {
                        "parent": None,
                        "message": {
                            "author": {"role": "user"},
                            "content": {"content_type": "text", "parts": ["What is the sky?"]},
                        },
                    },
                    "m2": {
                        "parent": "m1",
                        "message": {
                            "author": {"role": "assistant"},
                            "content": {"content_type": "text", "parts": ["Blue."]},
                        },
                    },
                },
            },
        }
    ),
    fields=(("message_feedback",), ("conversation",)),
    matches=_matches,
    parse=_parse,
    users=("user_id",),
    kinds=("thumb",),
)
