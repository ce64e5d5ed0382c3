"""Anthropic's transcripts: HH-RLHF's pairs, and the rated attempts at red teaming.

Source: https://github.com/anthropics/hh-rlhf (README.md, and the files it speaks of).

A pair is two whole transcripts, of which the first was preferred. A turn begins with a blank line
and `Human:` or `Assistant:`. The two transcripts share their turns up to the last `Assistant:` at
which both still agree; all that follows, further turns included, is the answer. Most rows differ
only in the last turn, a few part earlier, and a few answers are empty. Copies of the set also come
with the shared turns in a field `prompt`, up to the `Assistant:` that the answers follow.

Of a red-teaming attempt the person who made it says how well it went, from 0 to 4. Higher means
that the assistant did worse, so the rating is turned round: 4 for an assistant that held. It speaks
of the whole conversation: all that follows the opening turn is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Message, Prompt

_TURN = re.compile(r"(?:\A\s*|\r?\n\r?\n)(Human|Assistant):")
_BEGINNING = re.compile(r"\s*Human:")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def _is_transcript(value: Any) -> bool:
    return isinstance(value, str) and bool(_BEGINNING.match(value)) and "\nAssistant:" in value


def open_turns(text: Any) -> Prompt | None:
    """The turns of a transcript that ends where an assistant is to answer, else None."""
    if not _is_transcript(text) or not text.rstrip().endswith("Assistant:"):
        return None
    return _turns(text)[:-1]


def _turns(text: str) -> Prompt:
    marks = list(_TURN.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return tuple(
        Message(_ROLES[mark[1]], text[mark.end() : end].strip())
        for mark, end in zip(marks, ends, strict=True)
    )


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
    prompt = _turns(chosen)[: boundaries[-1]]
    answer = turns[boundaries[-1]].end()
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
    tried=True,
)


def matches_prompted(row: Mapping[str, Any]) -> bool:
    """Whether `prompt` is a transcript that both answers, which are texts, go on from."""
    texts = all(isinstance(row.get(name), str) for name in ("chosen", "rejected"))
    return texts and open_turns(row.get("prompt")) is not None and not _matches(row)


def _parse_prompted(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    prompt = open_turns(fields.text(row, "prompt"))
    if not prompt:
        raise fields.expected("prompt", "a transcript from 'Human:' to 'Assistant:'", row["prompt"])
    chosen, rejected = fields.text(row, "chosen"), fields.text(row, "rejected")
    yield judgements.pair(row, user, prompt, chosen.strip(), rejected.strip())


PROMPTED = Format(
    name="hh-rlhf-prompt",
    example='{"prompt": "\\n\\nHuman: What is the sky?\\n\\nAssistant:", '
    '"chosen": " Blue.", "rejected": " Green."}',
    fields=(("prompt",), ("chosen",), ("rejected",)),
    matches=matches_prompted,
    parse=_parse_prompted,
)


_HELD = 4.0  # the rating of an attempt that came to nothing, turned round


def _matches_red_team(row: Mapping[str, Any]) -> bool:
    return _is_transcript(row.get("transcript")) and "rating" in row


def _parse_red_team(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    transcript = _transcript(row, "transcript")
    score = _HELD - fields.number(row, "rating")
    marks = _TURN.finditer(transcript)
    first = next((mark for mark in marks if mark[1] == "Assistant"), None)
    if first is None:
        raise fields.expected("transcript", "a turn of the assistant", transcript)
    prompt, answer = _turns(transcript[: first.start()]), transcript[first.end() :].strip()
    yield judgements.rating(row, user, prompt, answer, score, scale=(0.0, _HELD))


RED_TEAM = Format(
    name="red-team-attempts",
    example='{"transcript": "\\n\\nHuman: What is the sky?\\n\\nAssistant: Blue.", '
    '"rating": 0.0, "red_team_member_id": 7}',
    fields=(("transcript",), ("rating",)),
    matches=_matches_red_team,
    parse=_parse_red_team,
    users=("red_team_member_id",),
    note="a red-teaming attempt's 'rating' says how well the attack went; it was turned round, "
    "so that 4 is an assistant that held",
    kinds=("rating",),
)
