"""Votes between two chatbots: the published votes of Chatbot Arena, and FastChat's own log.

Source: https://huggingface.co/datasets/lmsys/chatbot_arena_conversations (`conversation_a`,
`conversation_b`, `winner`, `judge`, `tstamp`, `question_id`; the later human-preference data sets
and MT-bench's human judgements have the same), and https://github.com/lm-sys/FastChat,
fastchat/serve/gradio_block_arena_anony.py (what a vote writes) and
fastchat/serve/monitor/clean_battle_data.py (what it means). A log has a line for each event: a
vote between two `states`, a thumb on one, and much that is no judgement.

The conversations share their turns up to the first answer that differs; all that follows on a
side is its answer. The vote that both are bad says more than that neither is better: it is kept
as two thumbs down, and not as a tie. From documentation only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Message, Prompt

_SIDES = ("conversation_a", "conversation_b")
_WINNERS = {
    "model_a": "a",
    "model_b": "b",
    "tie": "tie",
    "tie (bothbad)": "bad",
    "bothbad": "bad",
    "both_bad": "bad",
}
_VOTES = {
    "leftvote": "a",
    "rightvote": "b",
    "tievote": "tie",
    "bothbad_vote": "bad",
    "bothbadvote": "bad",
}
_THUMBS = {"upvote": 1.0, "downvote": 0.0}
_OTHER_EVENTS = {"chat", "flag", "share", "load"}
_NOTE = "a vote that both answers are bad is kept as two thumbs down, not as a tie"


def _vote(
    said: Mapping[str, Any],
    user: str,
    conversations: tuple[Prompt, Prompt],
    winner: str,
    judge: str | None,
) -> Iterator[Feedback]:
    try:
        prompt, first, second = fields.split_pair(*conversations)
    except DataError as error:
        raise DataError(
            "the two conversations: expected the same turns before the first answer, "
            "came conversations that share none"
        ) from error
    if winner == "bad":
        for answer in (first, second) if first != second else (first,):
            yield judgements.thumb(said, user, prompt, answer, 0.0, annotator=judge)
        return
    chosen, rejected = (second, first) if winner == "b" else (first, second)
    tie = winner == "tie"
    yield judgements.pair(said, user, prompt, chosen, rejected, tie=tie, annotator=judge)


# Published votes ---------------------------------------------------------------------------------


def _matches_votes(row: Mapping[str, Any]) -> bool:
    return all(isinstance(row.get(name), list) for name in _SIDES) and "winner" in row


def _parse_votes(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    said = {
        "id": next(
            (row[name] for name in ("question_id", "id") if row.get(name) is not None), None
        ),
        "time": next((row[name] for name in ("tstamp", "timestamp") if row.get(name)), None),
        "reason": next((row[name] for name in judgements.REASON_FIELDS if row.get(name)), None),
    }
    winner = fields.text(row, "winner").strip()
    names = _WINNERS | {
        row[name]: side
        for name, side in (("model_a", "a"), ("model_b", "b"))
        if isinstance(row.get(name), str) and row.get("model_a") != row.get("model_b")
    }
    if winner not in names:
        raise fields.expected("winner", "model_a, model_b, tie or tie (bothbad)", winner)
    conversations = fields.messages(row, _SIDES[0]), fields.messages(row, _SIDES[1])
    yield from _vote(said, user, conversations, names[winner], _text(row.get("judge")))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


VOTES = Format(
    name="arena",
    example=json.dumps(
        {
            "question_id": "q1",
            "model_a": "llama",
            "model_b": "vicuna",
            "winner": "model_a",
            "judge": "arena_user_1",
            "conversation_a": [
                {"role": "user", "content": "What is the sky?"},
                {"role": "assistant", "content": "Blue."},
            ],
            "conversation_b": [
                {"role": "user", "content": "What is the sky?"},
                {"role": "assistant", "content": "Green."},
            ],
        }
    ),
    fields=((_SIDES[0],), (_SIDES[1],), ("winner",)),
    matches=_matches_votes,
    parse=_parse_votes,
    users=("judge", "evaluation_session_id"),
    note=_NOTE,
    kinds=("pair", "thumb"),
)


# FastChat's log ----------------------------------------------------------------------------------


def _matches_log(row: Mapping[str, Any]) -> bool:
    event = row.get("type")
    if not isinstance(event, str) or "tstamp" not in row:
        return False
    if event in _OTHER_EVENTS:
        return "state" in row or "states" in row or "model" in row
    return (event in _VOTES or event in _THUMBS) and isinstance(row.get("states"), list) | (
        isinstance(row.get("state"), dict)
    )


def _parse_log(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    event = fields.text(row, "type")
    if event in _OTHER_EVENTS:
        return
    if event not in _VOTES and event not in _THUMBS:
        raise fields.expected("type", "a vote or a thumb", event)
    states = row.get("states", [row["state"]] if "state" in row else None)
    if not isinstance(states, list) or len(states) != (2 if event in _VOTES else 1):
        raise fields.expected("states", "two states, or one for a thumb", states)
    talks = [_talk(state, f"states[{index}]") for index, state in enumerate(states)]
    said = {"id": states[0].get("conv_id"), "time": row.get("tstamp")}
    if event in _VOTES:
        yield from _vote(said, user, (talks[0], talks[1]), _VOTES[event], _text(row.get("ip")))
        return
    prompt, answer = fields.split_last(talks[0], "states[0].messages")
    yield judgements.thumb(
        said, user, prompt, answer, _THUMBS[event], annotator=_text(row.get("ip"))
    )


def _talk(state: Any, where: str) -> Prompt:
    """The turns of a state: [role, text], by turns the user's and the model's, from `offset`."""
    turns = state.get("messages") if isinstance(state, dict) else None
    offset = state.get("offset", 0) if isinstance(state, dict) else 0
    if not isinstance(turns, list) or not isinstance(offset, int) or not turns[max(0, offset) :]:
        raise fields.expected(f"{where}.messages", "a list of [role, text]", turns)
    found: list[Message] = []
    for index, turn in enumerate(turns[max(0, offset) :]):
        body = turn[1] if isinstance(turn, list) and len(turn) == 2 else None
        body = body[0] if isinstance(body, list) and body else body  # a text with its pictures
        if not isinstance(body, str):
            raise fields.expected(f"{where}.messages[{index}]", "[role, text]", turn)
        found.append(Message(("user", "assistant")[index % 2], body))
    return tuple(found)


LOG = Format(
    name="fastchat-log",
    example=json.dumps(
        {
            "tstamp": 1690000000.5,
            "type": "leftvote",
            "models": ["llama", "vicuna"],
            "states": [
                {
                    "conv_id": "c1",
                    "offset": 0,
                    "messages": [["USER", "What is the sky?"], ["ASSISTANT", "Blue."]],
                },
                {
                    "conv_id": "c2",
                    "offset": 0,
                    "messages": [["USER", "What is the sky?"], ["ASSISTANT", "Green."]],
                },
            ],
            "ip": "192.0.2.1",
        }
    ),
    fields=(("type",), ("tstamp",), ("states", "state")),
    matches=_matches_log,
    parse=_parse_log,
    users=("ip",),
    note=f"{_NOTE}; a log tells people apart by their addresses, which --pseudonymize hides",
    kinds=("pair", "thumb"),
)
