"""Training sets without judgements, read as answers that somebody holds to be good.

Sources: https://github.com/hiyouga/LLaMA-Factory, data/README.md, sections "Supervised Fine-Tuning
Dataset" (Alpaca and ShareGPT form; the v1 form of data/v1_sft_demo.jsonl is the latter with content
in parts), and https://huggingface.co/docs/trl/dataset_formats, section "Prompt-completion".
GPTeacher calls the answer of the Alpaca form `response`.

Nothing in such a row says that it is good, so a file is taken for one only where every field of
its rows is known to hold something else than a verdict: a row with a `score`, a `label` or a field
that nobody knows is left to the other formats, or to `--format`. A conversation is one
demonstration: its last answer, the turns before it the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.feedback import fields, judgements
from prefcli.feedback.formats import llamafactory
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback

_TURNS = ("conversations", "messages")
_OUTPUT = ("output", "response")
# Fields that tell nothing about how good an answer is.
_HARMLESS = {
    *("system", "tools", "images", "videos", "audios", "user", "user_id", "_dataset_name"),
    *("category", "source", "dataset", "language", "lang", "model", "split"),
    *judgements.ID_FIELDS,
    *judgements.TIME_FIELDS,
}
_NOTE = "the rows hold no judgement: every answer was taken for a good one (a demonstration)"


def _only(row: Mapping[str, Any], *names: str) -> bool:
    return row.keys() <= _HARMLESS | set(names)


def _answer(row: Mapping[str, Any]) -> str:
    return next((name for name in _OUTPUT if name in row), _OUTPUT[0])


def _matches_alpaca(row: Mapping[str, Any]) -> bool:
    asked = all(isinstance(row.get(name), str) for name in ("instruction", _answer(row)))
    return asked and _only(row, "instruction", "input", "history", _answer(row))


def _parse_alpaca(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    answer = fields.text(row, _answer(row))
    yield judgements.demonstration(row, user, llamafactory.instruction(row), answer)


ALPACA = Format(
    name="alpaca-demonstration",
    example='{"instruction": "What is the sky?", "input": "", "output": "Blue."}',
    fields=(("instruction",), _OUTPUT),
    matches=_matches_alpaca,
    parse=_parse_alpaca,
    note=_NOTE,
    kinds=("demonstration",),
    tried=True,
)


def _matches_sharegpt(row: Mapping[str, Any]) -> bool:
    turns = any(isinstance(row.get(name), list) for name in _TURNS)
    return turns and _only(row, *_TURNS)


def _parse_sharegpt(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    field = next((name for name in _TURNS if name in row), _TURNS[0])
    prompt, answer = fields.split_last(fields.messages(row, field), field)
    yield judgements.demonstration(row, user, fields.with_system(row, prompt), answer)


SHAREGPT = Format(
    name="sharegpt-demonstration",
    example='{"conversations": [{"from": "human", "value": "What is the sky?"}, '
    '{"from": "gpt", "value": "Blue."}]}',
    fields=(_TURNS,),
    matches=_matches_sharegpt,
    parse=_parse_sharegpt,
    note=_NOTE,
    kinds=("demonstration",),
)


def _matches_trl(row: Mapping[str, Any]) -> bool:
    shaped = all(isinstance(row.get(name), str | list) for name in ("prompt", "completion"))
    return shaped and _only(row, "prompt", "completion")


def _parse_trl(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    prompt = fields.with_system(row, fields.question(row, "prompt"))
    yield judgements.demonstration(row, user, prompt, fields.answer(row, "completion"))


TRL = Format(
    name="trl-demonstration",
    example='{"prompt": "What is the sky?", "completion": "Blue."}',
    fields=(("prompt",), ("completion",)),
    matches=_matches_trl,
    parse=_parse_trl,
    note=_NOTE,
    kinds=("demonstration",),
)

FORMATS = (ALPACA, SHAREGPT, TRL)
