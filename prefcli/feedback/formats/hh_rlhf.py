"""Anthropic's HH-RLHF: two whole transcripts, of which the first was preferred.

Source: https://github.com/anthropics/hh-rlhf. A turn begins with a blank line and `Human:` or
`Assistant:`. The two transcripts share their turns up to the last `Assistant:` at which both
still agree; all that follows, further turns included, is the answer. Most rows differ only in the
last turn, a few part earlier, and a few answers are empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Message

_TURN = re.compile(r"(?:\A\s*|\r?\n\r?\n)(Human|Assistant):")
_BEGINNING = re.compile(r"\s*Human:")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def _is_transcript(value: Any) -> bool:
    return isinstance(value, str) and bool(_BEGINNING.match(value)) and "\nAssistant:" in value


def _matches(row: Mapping[str, Any]) -> bool:
    return _is_transcript(row.get("chosen")) and _is_transcript(row.get("rejected"))


def _parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    chosen, rejected = _transcript(row, "chosen"), _transcript(row, "rejected")
    turns = list(_TURN.finditer(chosen))
    boundaries = [
        index
        for index, turn in enumerate(turns)
        if turn[1] == "Assistant" and rejected.startswith(chosen[: turn.end()])
    ]
    if not boundaries:
        raise DataError(
            "fields 'chosen' and 'rejected': expected the same turns up to an 'Assistant:', "
            "came transcripts that share none"
        )
    last = boundaries[-1]
    ends = [turn.start() for turn in turns[1:]]
    prompt = tuple(
        Message(_ROLES[turn[1]], chosen[turn.end() : end].strip())
        for turn, end in zip(turns[:last], ends, strict=False)
    )
    answer = turns[last].end()
    yield judgements.pair(row, user, prompt, chosen[answer:].strip(), rejected[answer:].strip())


def _transcript(row: Mapping[str, Any], field: str) -> str:
    value = fields.text(row, field)
    if not _is_transcript(value):
        raise fields.expected(field, "a transcript from 'Human:' to 'Assistant:'", value)
    return value


FORMAT = Format(
    name="hh-rlhf",
    example='{"chosen": "\\n\\nHuman: What is the sky?\\n\\nAssistant: Blue.", '
    '"rejected": "\\n\\nHuman: What is the sky?\\n\\nAssistant: Green."}',
    fields=(("chosen",), ("rejected",)),
    matches=_matches,
    parse=_parse,
)
