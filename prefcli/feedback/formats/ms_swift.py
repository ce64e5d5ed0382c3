"""The preference and KTO rows of ms-swift, in its standard form and in the older one.

Source: https://github.com/modelscope/ms-swift, docs/source_en/Customization/Custom-dataset.md and
swift/dataset/preprocessor/core.py. A row of the standard form is a conversation in `messages` whose
end is the chosen answer, with the other one in `rejected_response` (text, or turns that take the
place of all that follows the last user's turn) or a whole conversation in `rejected_messages`. The
older form has `query`, `response` and, for what came before, `history` of [query, response]; the
fields go by several names. `margin` says how much better the chosen answer is. A KTO row of the
standard form is a `sharegpt-kto` row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats import llamafactory
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Message, Prompt

_QUERY = ("query", "prompt", "instruction", "question", "problem", "input")
_RESPONSE = ("response", "answer", "output", "completion")
_REJECTED = ("rejected_response", "rejected_messages")


def _pair(
    row: Mapping[str, Any], user: str, prompt: Prompt, chosen: str, rejected: str
) -> Feedback:
    margin = None if row.get("margin") is None else fields.number(row, "margin")
    return judgements.pair(row, user, prompt, chosen, rejected, strength=margin)


def _matches_preference(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("messages"), list) and any(
        isinstance(row.get(name), str | list) for name in _REJECTED
    )


def _parse_preference(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    turns = fields.messages(row, "messages")
    if row.get("rejected_response") is None:
        rejected = fields.messages(row, "rejected_messages")
        prompt, better, other = fields.split_pair(turns, rejected)
    else:
        asked = max((at + 1 for at, turn in enumerate(turns) if turn.role == "user"), default=0)
        prompt, answer = turns[:asked], turns[asked:]
        if not prompt or not answer:
            raise DataError(
                "field 'messages': expected a user's turn and the chosen answer, "
                f"came {', '.join(turn.role for turn in turns[-3:])} at the end"
            )
        better = fields.answer_text(answer, "messages")
        other = fields.answer(row, "rejected_response")
    yield _pair(row, user, fields.with_system(row, prompt), better, other)


PREFERENCE = Format(
    name="ms-swift-preference",
    example='{"messages": [{"role": "user", "content": "What is the sky?"}, '
    '{"role": "assistant", "content": "Blue."}], "rejected_response": "Green."}',
    fields=(("messages",), _REJECTED),
    matches=_matches_preference,
    parse=_parse_preference,
)


def _name(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if row.get(name) is not None), names[0])


def _query(row: Mapping[str, Any]) -> Prompt:
    field = _name(row, _QUERY)
    parts = [fields.text(row, field)]
    if field == "instruction":
        parts.append(fields.optional_text(row, "input"))
    asked = Message("user", "\n".join(part for part in parts if part))
    turns = (*llamafactory.history(row), asked)
    return fields.with_system(row, turns, "system", "system_prompt")


def _is_answered(row: Mapping[str, Any]) -> bool:
    return "messages" not in row and all(
        isinstance(row.get(_name(row, names)), str) for names in (_QUERY, _RESPONSE)
    )


def _matches_query_preference(row: Mapping[str, Any]) -> bool:
    return _is_answered(row) and isinstance(row.get("rejected_response"), str)


def _parse_query_preference(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    better = fields.text(row, _name(row, _RESPONSE))
    yield _pair(row, user, _query(row), better, fields.text(row, "rejected_response"))


QUERY_PREFERENCE = Format(
    name="ms-swift-query-preference",
    example='{"query": "What is the sky?", "response": "Blue.", "rejected_response": "Green."}',
    fields=(_QUERY, _RESPONSE, ("rejected_response",)),
    matches=_matches_query_preference,
    parse=_parse_query_preference,
)


def _matches_query_kto(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("query"), str) and _is_answered(row) and "label" in row


def _parse_query_kto(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    response = fields.text(row, _name(row, _RESPONSE))
    yield judgements.thumb(row, user, _query(row), response, fields.verdict(row, "label"))


QUERY_KTO = Format(
    name="ms-swift-query-kto",
    example='{"query": "What is the sky?", "response": "Blue.", "label": true}',
    fields=(("query",), _RESPONSE, ("label",)),
    matches=_matches_query_kto,
    parse=_parse_query_kto,
    kinds=("thumb",),
)
