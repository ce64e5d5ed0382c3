"""The preference and KTO formats of LLaMA-Factory.

Source: https://github.com/hiyouga/LLaMA-Factory, data/README.md: the ShareGPT form (turns in
`conversations`, or in `messages` for its OpenAI flavour) and the Alpaca form (`instruction` and
`input`, joined by a line break; `question` in the Orca pairs that data/dataset_info.json lists).
The verdict of a KTO row is `kto_tag`, or `label` as in its demo file. A `system` column becomes
the first turn. An answer may also be a list that begins with an assistant's turn, as axolotl's
`chat_template.default` has it. The v1 form (src/llamafactory/v1, data/v1_dpo_demo.jsonl) holds two
whole conversations, whose content is a list of parts of a `type` and a `value`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Message, Prompt

_TURNS = ("conversations", "messages")
_ASKED = ("instruction", "question")
_VERDICT = ("kto_tag", "label")
_ANSWERS = (("chosen",), ("rejected",))


def _conversation(row: Mapping[str, Any]) -> tuple[str, Prompt]:
    """The name of the field that holds the turns, and the turns."""
    field = next((name for name in _TURNS if name in row), _TURNS[0])
    turns = fields.messages(row, field)
    return field, fields.with_system(row, turns)


# ShareGPT ----------------------------------------------------------------------------------------


def follows_turns(row: Mapping[str, Any]) -> bool:
    """Whether `chosen` and `rejected` go on where the row's turns end."""
    return any(isinstance(row.get(name), list) for name in _TURNS) and all(
        _is_answer(row.get(name)) for name in ("chosen", "rejected")
    )


def _is_answer(value: Any) -> bool:
    if isinstance(value, list):  # of turns; a whole conversation would begin with another role
        first = value[0] if value and isinstance(value[0], dict) else {}
        return first.get("role", first.get("from")) in ("assistant", "gpt")
    return isinstance(value, dict | str)


def _matches_sharegpt_preference(row: Mapping[str, Any]) -> bool:
    if row.get("prompt") is not None:  # with these two the turns are a copy of one of them
        listed = any(isinstance(row.get(name), list) for name in ("chosen", "rejected"))
        if listed or "score_chosen" in row:
            return False
    return follows_turns(row)


def _parse_sharegpt_preference(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    field, prompt = _conversation(row)
    if prompt[-1].role == "assistant":
        raise DataError(f"field {field!r}: expected a human's turn at the end, came an assistant's")
    chosen, rejected = fields.answer(row, "chosen"), fields.answer(row, "rejected")
    yield judgements.pair(row, user, prompt, chosen, rejected)


SHAREGPT_PREFERENCE = Format(
    name="sharegpt-preference",
    example='{"conversations": [{"from": "human", "value": "What is the sky?"}], '
    '"chosen": {"from": "gpt", "value": "Blue."}, "rejected": {"from": "gpt", "value": "Green."}}',
    fields=(_TURNS, *_ANSWERS),
    matches=_matches_sharegpt_preference,
    parse=_parse_sharegpt_preference,
    tried=True,
)


def _matches_sharegpt_kto(row: Mapping[str, Any]) -> bool:
    return (
        any(isinstance(row.get(name), list) for name in _TURNS)
        and any(name in row for name in _VERDICT)
        and not _matches_sharegpt_preference(row)
    )


def _parse_sharegpt_kto(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    field, turns = _conversation(row)
    prompt, response = fields.split_last(turns, field)
    yield judgements.thumb(row, user, prompt, response, fields.verdict(row, *_VERDICT))


SHAREGPT_KTO = Format(
    name="sharegpt-kto",
    example='{"messages": [{"role": "user", "content": "What is the sky?"}, '
    '{"role": "assistant", "content": "Blue."}], "label": true}',
    fields=(_TURNS, _VERDICT),
    matches=_matches_sharegpt_kto,
    parse=_parse_sharegpt_kto,
    kinds=("thumb",),
    tried=True,
)


# Alpaca ------------------------------------------------------------------------------------------


def _is_asked(row: Mapping[str, Any]) -> bool:
    return any(isinstance(row.get(name), str) for name in _ASKED)


def instruction(row: Mapping[str, Any]) -> Prompt:
    """The turns of a row in the Alpaca form: its system prompt, its history, what is asked."""
    asked = next((name for name in _ASKED if name in row), _ASKED[0])
    parts = [fields.text(row, asked), fields.optional_text(row, "input")]
    last = Message("user", "\n".join(part for part in parts if part))
    return fields.with_system(row, (*history(row), last))


def history(row: Mapping[str, Any]) -> Iterator[Message]:
    """The turns of `history`, a list of [question, answer], where a row has one."""
    earlier = row.get("history")
    if earlier in (None, ""):
        return
    if not isinstance(earlier, list):
        raise fields.expected("history", "a list of [question, answer]", earlier)
    for index, turn in enumerate(earlier):
        if not isinstance(turn, list) or [type(part) for part in turn] != [str, str]:
            raise fields.expected(f"history[{index}]", "[question, answer]", turn)
        yield Message("user", turn[0])
        yield Message("assistant", turn[1])


def _matches_alpaca_preference(row: Mapping[str, Any]) -> bool:
    return _is_asked(row) and all(isinstance(row.get(name), str) for name in ("chosen", "rejected"))


def _parse_alpaca_preference(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    chosen, rejected = fields.text(row, "chosen"), fields.text(row, "rejected")
    yield judgements.pair(row, user, instruction(row), chosen, rejected)


ALPACA_PREFERENCE = Format(
    name="alpaca-preference",
    example='{"instruction": "What is the sky?", "input": "", '
    '"chosen": "Blue.", "rejected": "Green."}',
    fields=(_ASKED, *_ANSWERS),
    matches=_matches_alpaca_preference,
    parse=_parse_alpaca_preference,
)


def _matches_alpaca_kto(row: Mapping[str, Any]) -> bool:
    answered = _is_asked(row) and isinstance(row.get("output"), str)
    return answered and any(name in row for name in _VERDICT)


def _parse_alpaca_kto(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    prompt, response = instruction(row), fields.text(row, "output")
    yield judgements.thumb(row, user, prompt, response, fields.verdict(row, *_VERDICT))


ALPACA_KTO = Format(
    name="alpaca-kto",
    example='{"instruction": "What is the sky?", "input": "", "output": "Blue.", "kto_tag": true}',
    fields=(_ASKED, ("output",), _VERDICT),
    matches=_matches_alpaca_kto,
    parse=_parse_alpaca_kto,
    kinds=("thumb",),
)


# v1 ----------------------------------------------------------------------------------------------


def _matches_v1_preference(row: Mapping[str, Any]) -> bool:
    names = ("chosen_messages", "rejected_messages")
    return all(isinstance(row.get(name), list) for name in names)


def _parse_v1_preference(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    chosen = fields.messages(row, "chosen_messages")
    rejected = fields.messages(row, "rejected_messages")
    yield judgements.pair(row, user, *fields.split_pair(chosen, rejected))


V1_PREFERENCE = Format(
    name="llamafactory-v1",
    example='{"chosen_messages": [{"role": "user", "content": [{"type": "text", "value": '
    '"What is the sky?"}]}, {"role": "assistant", "content": [{"type": "text", "value": "Blue."}]}]'
    ', "rejected_messages": [{"role": "user", "content": [{"type": "text", "value": '
    '"What is the sky?"}]}, {"role": "assistant", "content": [{"type": "text", "value": "Green."}]}'
    "]}",
    fields=(("chosen_messages",), ("rejected_messages",)),
    matches=_matches_v1_preference,
    parse=_parse_v1_preference,
)
