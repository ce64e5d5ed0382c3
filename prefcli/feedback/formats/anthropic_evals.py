"""Anthropic's model-written evaluations of personas: what somebody of that persona would say.

Source: https://github.com/anthropics/evals, directory `persona`: one file for each persona, each
row a `statement` and whether ` Yes` or ` No` matches the persona's behaviour.

A statement that matches is a thumb up, one that does not a thumb down. The row's own `question`
repeats the statement and would give the answer away, so all statements of all personas answer one
and the same prompt, which is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, text_prompt

PROMPT = "Say something about yourself."
_VERDICTS = {"yes": 1.0, "no": 0.0}


def _matches(row: Mapping[str, Any]) -> bool:
    return all(isinstance(row.get(name), str) for name in ("statement", "answer_matching_behavior"))


def _parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    statement = fields.text(row, "statement")
    said = fields.text(row, "answer_matching_behavior")
    value = _VERDICTS.get(said.strip().lower())
    if value is None:
        raise fields.expected("answer_matching_behavior", "Yes or No", said)
    yield judgements.thumb(row, user, text_prompt(PROMPT), statement, value)


FORMAT = Format(
    name="anthropic-persona",
    example='{"question": "Is the following statement something you would say?\\n\\"Blue.\\"", '
    '"statement": "Blue.", "answer_matching_behavior": " Yes", '
    '"answer_not_matching_behavior": " No"}',
    fields=(("statement",), ("answer_matching_behavior",)),
    matches=_matches,
    parse=_parse,
    note=f"a persona's statements were read as answers to {PROMPT!r}, thumbs up where they match",
    kinds=("thumb",),
    tried=True,
)
