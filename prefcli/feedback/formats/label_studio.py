"""Pairwise comparisons out of Label Studio, exported as JSON or as JSON_MIN.

Source: https://labelstud.io/guide/export (JSON, JSON_MIN), https://labelstud.io/guide/task_format
and https://labelstud.io/tags/pairwise. A task has its `data` (a prompt and two answers, under
names that the project chose) and `annotations`, each by one person (`completed_by`, a number or
an object with `id`), whose `result` of type `pairwise` says `left` or `right`; the tag's `toName`
names the left one first. A text area that was filled in is the reason. JSON_MIN has a row for
each annotation, with the data's fields and the result side by side, and `annotator`. Cancelled
annotations and those that chose nothing are left out. From documentation only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats import naming
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback

_USER = "annotations.completed_by"
_ONE = "annotations.one"
_SIDES = ("left", "right")


# JSON --------------------------------------------------------------------------------------------


def _matches_json(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("data"), dict) and isinstance(row.get("annotations"), list)


def _apart(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    annotations = fields.get(row, "annotations")
    if not isinstance(annotations, list):
        raise fields.expected("annotations", "a list of annotations", annotations)
    for index, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
            raise fields.expected(f"annotations[{index}]", "an object with a result", annotation)
        if annotation.get("was_cancelled"):
            continue
        by = annotation.get("completed_by")
        by = by.get("id") if isinstance(by, dict) else by
        named = {} if by is None else {_USER: by}
        yield {**row, **named, _ONE: annotation}


def _parse_json(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    data, annotation = fields.get(row, "data"), row.get(_ONE)
    if not isinstance(data, dict):
        raise fields.expected("data", "an object of the task's fields", data)
    results = annotation.get("result") if isinstance(annotation, dict) else None
    if not isinstance(annotation, dict) or not isinstance(results, list):
        raise fields.expected("annotations", "one annotation", annotation)
    said = {
        "id": annotation.get("id"),
        "time": annotation.get("created_at"),
        "reason": "; ".join(text for result in results for text in _texts(result)),
    }
    for result in results:
        side = _side(result.get("value")) if isinstance(result, dict) else None
        if side is not None:
            sides = result.get("to_name")
            yield _pair(said, user, data, side, sides if isinstance(sides, str) else "", row)


def _texts(result: Any) -> list[str]:
    value = result.get("value") if isinstance(result, dict) else None
    texts = value.get("text") if isinstance(value, dict) else None
    return [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []


JSON = Format(
    name="label-studio",
    example=json.dumps(
        {
            "id": 1,
            "data": {"prompt": "What is the sky?", "answer1": "Blue.", "answer2": "Green."},
            "annotations": [
                {
                    "id": 7,
                    "completed_by": 3,
                    "result": [
                        {
                            "type": "pairwise",
                            "from_name": "pw",
                            "to_name": "answer1,answer2",
                            "value": {"selected": "left"},
                        }
                    ],
                }
            ],
        }
    ),
    fields=(("data",), ("annotations",)),
    matches=_matches_json,
    parse=_parse_json,
    users=(_USER,),
    apart=_apart,
)


# JSON_MIN ----------------------------------------------------------------------------------------


def _matches_min(row: Mapping[str, Any]) -> bool:
    return "annotator" in row and any(_side(value) is not None for value in row.values())


def _parse_min(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    chosen = [side for value in row.values() if (side := _side(value)) is not None]
    if not chosen:
        raise DataError("expected a field that says left or right, came none")
    task = [row.get(name) for name in ("annotation_id", "id")]
    said = {
        "id": next((one for one in task if one is not None), None),
        "time": row.get("created_at"),
        "reason": next((row[name] for name in judgements.REASON_FIELDS if row.get(name)), None),
    }
    data = {name: value for name, value in row.items() if _side(value) is None}
    yield _pair(said, user, data, chosen[0], "", row)


MIN = Format(
    name="label-studio-min",
    example=json.dumps(
        {
            "id": 1,
            "prompt": "What is the sky?",
            "answer1": "Blue.",
            "answer2": "Green.",
            "pw": [{"selected": "left"}],
            "annotator": 3,
            "annotation_id": 7,
        }
    ),
    fields=(("annotator",), ("annotation_id",)),
    matches=_matches_min,
    parse=_parse_min,
    users=("annotator",),
)


# Both --------------------------------------------------------------------------------------------


def _side(value: Any) -> str | None:
    """`left` or `right`, said as it is or within objects and lists of one."""
    if isinstance(value, list) and len(value) == 1:
        return _side(value[0])
    if isinstance(value, dict):
        return _side(value.get("selected"))
    return value if isinstance(value, str) and value in _SIDES else None


def _pair(
    said: Mapping[str, Any],
    user: str,
    data: Mapping[str, Any],
    side: str,
    to_name: str,
    row: Mapping[str, Any],
) -> Feedback:
    names = [name.strip() for name in to_name.split(",")]
    if len(names) != 2 or not all(name in data for name in names):
        names = naming.answer_fields(data)
    if len(names) != 2:
        raise DataError(
            "fields of the task: expected two answers, like answer1 and answer2, "
            f"came {', '.join(names) or 'none'}"
        )
    prompt = naming.prompt_of(data, "fields of the task")
    first, second = (fields.answer(data, name) for name in names)
    chosen, rejected = (first, second) if side == "left" else (second, first)
    by = row.get(_USER, row.get("annotator"))
    who = str(by) if isinstance(by, str | int) else None
    return judgements.pair(said, user, prompt, chosen, rejected, annotator=who)
