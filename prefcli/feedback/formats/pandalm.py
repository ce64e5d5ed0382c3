"""PandaLM: which of two responses is better, said by several annotators or with a reason.

Source: https://github.com/WeOpenML/PandaLM, README.md, section "Data", and data/testset-v1.json. A
row of the test set has a verdict for each annotator (`annotator1`, ..., in the README `label_0`,
...): 1 or 2 for the better response, 0 where they are alike. Each is a pair of its own, whose
annotator is the field's name. A row of the training set has one verdict (`1`, `2` or `Tie`) in
`outputs`, with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.feedback import fields, judgements
from prefcli.feedback.formats import llamafactory
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback

_ANNOTATOR = re.compile(r"annotator_?\d+|label_\d+")
_VERDICTS = {"1": 0, "2": 1, "0": None, "tie": None}  # the place of the better response


def _names(row: Mapping[str, Any]) -> list[str]:
    return [name for name in row if _ANNOTATOR.fullmatch(name)]


def _has_responses(row: Mapping[str, Any]) -> bool:
    responses = all(isinstance(row.get(name), str | bool) for name in ("response1", "response2"))
    return responses and isinstance(row.get("instruction"), str)


def _response(row: Mapping[str, Any], field: str) -> str:
    """A response; six of the test set were the text `True` before they became JSON's true."""
    value = row.get(field)
    return str(value) if isinstance(value, bool) else fields.text(row, field)


def _pair(
    row: Mapping[str, Any],
    user: str,
    asked: Mapping[str, Any],
    verdict: tuple[str, Any],
    annotator: str | None = None,
) -> Feedback:
    field, said = verdict
    if isinstance(said, float) and said.is_integer():  # as a table's columns with gaps have them
        said = int(said)
    better = _VERDICTS.get(str(said).strip().lower(), -1)
    if better == -1 or isinstance(said, bool):
        raise fields.expected(field, "1, 2, or 0 for a tie", said)
    texts = [_response(asked, "response1"), _response(asked, "response2")]
    first = better or 0
    return judgements.pair(
        row,
        user,
        llamafactory.instruction(asked),
        texts[first],
        texts[1 - first],
        tie=better is None,
        annotator=annotator,
    )


def _matches(row: Mapping[str, Any]) -> bool:
    return _has_responses(row) and bool(_names(row))


def _parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    named = {**row, "id": next((row[name] for name in ("id", "idx", "index") if name in row), None)}
    given = [name for name in _names(row) if row[name] is not None]
    if not given:
        raise fields.expected("annotator1", "1, 2, or 0 for a tie", fields.get(row, "annotator1"))
    for name in given:
        yield _pair(named, user, row, (name, row[name]), name)


FORMAT = Format(
    name="pandalm",
    example='{"idx": 0, "instruction": "What is the sky?", "input": "", "response1": "Green.", '
    '"response2": "Blue.", "annotator1": 2, "annotator2": 2, "annotator3": 0}',
    fields=(("instruction",), ("response1",), ("response2",), ("annotator1", "label_0")),
    matches=_matches,
    parse=_parse,
    tried=True,
)


def _matches_training(row: Mapping[str, Any]) -> bool:
    asked, said = row.get("inputs"), row.get("outputs")
    shaped = isinstance(asked, dict) and isinstance(said, dict)
    return shaped and _has_responses(row["inputs"]) and "evaluation_result" in row["outputs"]


def _parse_training(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    asked, said = fields.inner(row, "inputs"), fields.inner(row, "outputs")
    named = {**row, "reason": row.get("reason") or said.get("evaluation_reason")}
    verdict = fields.get(said, "evaluation_result")
    yield _pair(named, user, asked, ("evaluation_result", verdict))


TRAINING = Format(
    name="pandalm-training",
    example='{"inputs": {"instruction": "What is the sky?", "input": "", "response1": "Blue.", '
    '"response2": "Green."}, "outputs": {"evaluation_result": "1", '
    '"evaluation_reason": "It is not green."}}',
    fields=(("inputs",), ("outputs",)),
    matches=_matches_training,
    parse=_parse_training,
)
