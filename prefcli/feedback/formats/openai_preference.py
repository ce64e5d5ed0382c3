"""OpenAI's preference fine-tuning.

Source: https://developers.openai.com/api/docs/guides/direct-preference-optimization, section "Data
format", which Azure, Fireworks and Together follow. The turns are in `input.messages`; each output
is a list that begins with an assistant's message. An earlier edition of the API's description calls
the outputs `preferred_completion` and `non_preferred_completion`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback

_PREFERRED = ("preferred_output", "preferred_completion")
_OTHER = ("non_preferred_output", "non_preferred_completion")


def _name(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if name in row), names[0])


def _matches(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("input"), dict) and all(
        isinstance(row.get(_name(row, names)), list | dict) for names in (_PREFERRED, _OTHER)
    )


def _parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    prompt = fields.messages(fields.inner(row, "input"), "messages")
    chosen = fields.answer(row, _name(row, _PREFERRED))
    rejected = fields.answer(row, _name(row, _OTHER))
    yield judgements.pair(row, user, prompt, chosen, rejected)


FORMAT = Format(
    name="openai-preference",
    example='{"input": {"messages": [{"role": "user", "content": "What is the sky?"}]}, '
    '"preferred_output": [{"role": "assistant", "content": "Blue."}], '
    '"non_preferred_output": [{"role": "assistant", "content": "Green."}]}',
    fields=(("input",), _PREFERRED, _OTHER),
    matches=_matches,
    parse=_parse,
)
