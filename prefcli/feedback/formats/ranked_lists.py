"""Several answers to one prompt with a rank or a score each.

Source of Nectar: https://huggingface.co/datasets/berkeley-nest/Nectar, the data card: the prompt is
a transcript that ends in `Assistant:`, each of `answers` is an object with its `rank`, 1 for the
best. axolotl's `zephyr.nectar` has the same fields.

The lists without a source are a convention: `responses`, `completions` or `answers`, and a second
list of the same length that holds either ranks (`ranks`, `ranking`: of each answer, the lowest is
the best, equal ones are ties) or scores (`scores`, `ratings`: higher is better). Ranks are kept as
a ranking; scores as a rating for each answer, on a scale that is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats import hh_rlhf
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Prompt

_LISTS = ("responses", "completions", "answers")
_RANKS = ("ranks", "ranking")
_SCORES = ("scores", "ratings")


def _name(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if name in row), names[0])


def _prompt(row: Mapping[str, Any]) -> Prompt:
    turns = hh_rlhf.open_turns(row.get("prompt"))
    return fields.with_system(row, turns or fields.question(row, "prompt"))


# Nectar ------------------------------------------------------------------------------------------


def _matches_nectar(row: Mapping[str, Any]) -> bool:
    given = row.get("answers")
    ranked = isinstance(given, list) and any(
        isinstance(one, dict) and "answer" in one and "rank" in one for one in given
    )
    return ranked and isinstance(row.get("prompt"), str)


def _parse_nectar(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    given = fields.objects(row, "answers")
    answers = [fields.text(one, "answer") for one in given]
    ranks = [fields.number(one, "rank") for one in given]
    yield judgements.ranking(row, user, _prompt(row), answers, ranks)


NECTAR = Format(
    name="nectar",
    example='{"prompt": "\\n\\nHuman: What is the sky?\\n\\nAssistant: ", "answers": [{"answer": '
    '"Blue.", "model": "gpt-4", "rank": 1}, {"answer": "Green.", "model": "llama", "rank": 2}]}',
    fields=(("prompt",), ("answers",)),
    matches=_matches_nectar,
    parse=_parse_nectar,
    kinds=("ranking",),
)


# Lists side by side ------------------------------------------------------------------------------


def _matches_lists(row: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    given = [row.get(_name(row, each)) for each in (_LISTS, names)]
    return isinstance(row.get("prompt"), str | list) and all(
        isinstance(one, list) and len(one) > 0 for one in given
    )


def _answers(row: Mapping[str, Any]) -> list[str]:
    field = _name(row, _LISTS)
    given = fields.get(row, field)
    if not isinstance(given, list) or not given:
        raise fields.expected(field, "a list of answers", given)
    named = {f"{field}[{at}]": one for at, one in enumerate(given)}
    return [fields.answer(named, name) for name in named]


def _numbers(row: Mapping[str, Any], names: tuple[str, ...], count: int) -> list[float]:
    field = _name(row, names)
    given = fields.get(row, field)
    if not isinstance(given, list):
        raise fields.expected(field, "a list of numbers", given)
    if len(given) != count:
        raise DataError(
            f"field {field!r}: expected a number for each of {count} answers, came {len(given)}"
        )
    named = {f"{field}[{at}]": one for at, one in enumerate(given)}
    return [fields.number(named, name) for name in named]


def _parse_ranks(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    answers = _answers(row)
    ranks = _numbers(row, _RANKS, len(answers))
    yield judgements.ranking(row, user, _prompt(row), answers, ranks)


def _parse_scores(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    answers = _answers(row)
    scores, prompt = _numbers(row, _SCORES, len(answers)), _prompt(row)
    for answer, score in zip(answers, scores, strict=True):
        yield judgements.rating(row, user, prompt, answer, score)


RANKS = Format(
    name="ranked-list",
    example='{"prompt": "What is the sky?", "responses": ["Blue.", "Green."], "ranks": [1, 2]}',
    fields=(("prompt",), _LISTS, _RANKS),
    matches=lambda row: _matches_lists(row, _RANKS),
    parse=_parse_ranks,
    kinds=("ranking",),
)

SCORES = Format(
    name="scored-list",
    example='{"prompt": "What is the sky?", "responses": ["Blue.", "Green."], "scores": [5, 1]}',
    fields=(("prompt",), _LISTS, _SCORES),
    matches=lambda row: _matches_lists(row, _SCORES) and not _matches_lists(row, _RANKS),
    parse=_parse_scores,
    kinds=("rating",),
)
