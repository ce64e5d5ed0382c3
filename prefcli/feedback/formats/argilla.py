"""Records of Argilla, in its three layouts.

Source: https://github.com/argilla-io/argilla, version 1 `FeedbackRecord` and
src/argilla/client/feedback/integrations/huggingface/dataset.py, version 2
argilla/src/argilla/records/_io/_generic.py and _json.py:

    records   `fields` and `responses`, a list of people's `values` (version 1) or a list of
              responses for each question (version 2)
    columns   every field and question a column; of a question `name` version 1 has a list of
              `{user_id, value, status}`, version 2 `name.responses`, `name.responses.users`
              and `name.responses.status`

What a question asks is not in the export, so the answer tells: a number is a rating, a list a
ranking of the answers, the name of one of several answers a pair, a word like good or bad a
thumb. A text is an edit where its question is called so (`corrected`, `edited`, ...), a reason
where it is called that, and a demonstration where the record has no answer to judge. Which field
is the prompt and which are answers, their names say (`naming`). Drafts and discarded responses
are left out, and so are suggestions, which models make. From documentation only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats import naming
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Prompt
from prefcli.feedback.verdicts import up_or_down

_USER = "responses.user_id"
_VALUES = "responses.values"
_RECORD = "record.fields"
_COLUMN = ".responses"
_EDIT = re.compile(r"correct|edit|improve|rewrit|revis|better", re.IGNORECASE)
_REASON = re.compile(r"reason|rationale|comment|why|explan|note|feedback", re.IGNORECASE)
_EQUAL = {"tie", "both", "equal", "same", "draw", "neither", "none"}
_DONE = (None, "submitted")
_KEPT = ("id", "external_id", "inserted_at", "updated_at")

People = dict[str | None, dict[str, Any]]


# Layouts -----------------------------------------------------------------------------------------


def _matches_records(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("fields"), dict) and isinstance(row.get("responses"), list | dict)


def _records_apart(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    record, responses = fields.get(row, "fields"), fields.get(row, "responses")
    if not isinstance(record, dict):
        raise fields.expected("fields", "an object of the record's fields", record)
    people: People = {}
    if isinstance(responses, list):
        for index, response in enumerate(responses):
            values = response.get("values") if isinstance(response, dict) else None
            if not isinstance(values, dict):
                raise fields.expected(f"responses[{index}]", "an object with values", response)
            if response.get("status") in _DONE:
                said = {name: _inner(value) for name, value in values.items()}
                people.setdefault(_user(response), {}).update(said)
    elif isinstance(responses, dict):
        for question, given in responses.items():
            _collect(people, question, given, f"responses.{question}")
    else:
        raise fields.expected("responses", "a list or an object of responses", responses)
    return _parts(row, record, people)


def _columns_of(row: Mapping[str, Any]) -> Iterator[str]:
    for name, value in row.items():
        if name.endswith(_COLUMN) and f"{name}.users" in row:
            yield name.removesuffix(_COLUMN)
        elif f"{name}-suggestion" in row and isinstance(value, list | dict):
            yield name


def _matches_columns(row: Mapping[str, Any]) -> bool:
    return next(_columns_of(row), None) is not None


def _columns_apart(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    people: People = {}
    questions = list(_columns_of(row))
    if not questions:
        raise DataError("expected columns like 'question.responses', came none")
    for question in questions:
        if f"{question}{_COLUMN}" in row:
            given = {
                "value": row[f"{question}{_COLUMN}"],
                "user_id": row[f"{question}{_COLUMN}.users"],
                "status": row.get(f"{question}{_COLUMN}.status"),
            }
            _collect(people, question, given, f"{question}{_COLUMN}")
        else:
            _collect(people, question, row[question], question)
    asked = tuple(f"{question}{mark}" for question in questions for mark in (".", "-"))
    record = {
        name: value
        for name, value in row.items()
        if name not in questions and not name.startswith(asked)
    }
    return _parts(row, record, people)


def _collect(people: People, question: str, given: Any, where: str) -> None:
    """Add one question's responses: a list of objects, or an object of lists."""
    if given is None or (isinstance(given, dict) and given.get("value") is None):
        return
    if isinstance(given, dict):
        values = given["value"]
        if not isinstance(values, list):
            raise fields.expected(where, "a list of values", values)
        users, statuses = (
            given[name] if isinstance(given.get(name), list) else [given.get(name)] * len(values)
            for name in ("user_id", "status")
        )
        if not len(values) == len(users) == len(statuses):
            raise DataError(
                f"field {where!r}: {len(values)} values, {len(users)} users and "
                f"{len(statuses)} states, expected as many of each"
            )
        given = [
            {"value": value, "user_id": user, "status": status}
            for value, user, status in zip(values, users, statuses, strict=True)
        ]
    if not isinstance(given, list):
        raise fields.expected(where, "a list of responses", given)
    for index, response in enumerate(given):
        if not isinstance(response, dict):
            raise fields.expected(f"{where}[{index}]", "a response", response)
        if response.get("status") in _DONE and response.get("value") is not None:
            people.setdefault(_user(response), {})[question] = response["value"]


def _inner(value: Any) -> Any:
    return value.get("value") if isinstance(value, dict) else value


def _user(response: Mapping[str, Any]) -> str | None:
    user = response.get("user_id")
    return str(user) if isinstance(user, str | int) and user != "" else None


def _parts(
    row: Mapping[str, Any], record: Mapping[str, Any], people: People
) -> Iterator[Mapping[str, Any]]:
    for user, values in people.items():
        named = {} if user is None else {_USER: user}
        yield {**row, **named, _VALUES: values, _RECORD: record}


# Judgements --------------------------------------------------------------------------------------


def _parse(row: Mapping[str, Any], user: str, *, only_named: bool) -> Iterator[Feedback]:
    record, values = row.get(_RECORD), row.get(_VALUES)
    if not isinstance(record, dict) or not isinstance(values, dict):
        raise fields.expected("responses", "one person's responses", row.get(_VALUES, None))
    prompt = naming.prompt_of(record, "fields of the record")
    names = naming.answer_fields(record, only_named=only_named)
    reasons = [
        value
        for question, value in values.items()
        if isinstance(value, str)
        and value
        and _REASON.search(question)
        and not _names(value, names)
    ]
    said = {name: row[name] for name in _KEPT if row.get(name) is not None}
    said.setdefault("id", said.get("external_id"))
    said |= {"time": said.get("inserted_at"), "reason": "; ".join(reasons)}
    several = sum(value is not None for value in values.values()) > 1
    for question, value in values.items():
        if several and isinstance(said["id"], str | int):
            named = {**said, "id": f"{said['id']}:{question}"}
        else:
            named = said
        # Who judged is noted where the user is a whole team.
        yield from _judged(named, user, prompt, record, names, question, value, row.get(_USER))


def _judged(
    said: Mapping[str, Any],
    user: str,
    prompt: Prompt,
    record: Mapping[str, Any],
    names: list[str],
    question: str,
    value: Any,
    who: str | None,
) -> Iterator[Feedback]:
    """What one person's response to one question says about the answers."""
    where = f"response to {question!r}"
    if isinstance(value, list | dict):
        ranks = dict(_ranked(value, names, where))
        answers = [fields.answer(record, name) for name in ranks]
        yield judgements.ranking(said, user, prompt, answers, list(ranks.values()), annotator=who)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        answer = _the_answer(record, names, question, where)
        score = fields.number({where: value}, where)
        yield judgements.rating(said, user, prompt, answer, score, annotator=who)
    elif isinstance(value, str | bool):
        yield from _worded(said, user, prompt, record, names, question, value, who)
    elif value is not None:
        raise fields.expected(where, "a number, a label, a text or a ranking", value)


def _worded(
    said: Mapping[str, Any],
    user: str,
    prompt: Prompt,
    record: Mapping[str, Any],
    names: list[str],
    question: str,
    value: str | bool,
    who: str | None,
) -> Iterator[Feedback]:
    label = str(value)
    where = f"response to {question!r}"
    best = _names(label, names)
    if len(names) > 1 and (best or label.strip().lower() in _EQUAL):
        tie = best is None
        chosen = best or names[0]
        for other in names:
            if other != chosen:
                answers = fields.answer(record, chosen), fields.answer(record, other)
                yield judgements.pair(said, user, prompt, *answers, tie=tie, annotator=who)
    elif up_or_down(value) is not None:
        answer = _the_answer(record, names, question, where)
        up = float(up_or_down(value) or 0)
        yield judgements.thumb(said, user, prompt, answer, up, annotator=who)
    elif names and _EDIT.search(question) and label.strip():
        original = _the_answer(record, names, question, where)
        yield judgements.edit(said, user, prompt, original, label, annotator=who)
    elif not names and not _REASON.search(question) and label.strip():
        yield judgements.demonstration(said, user, prompt, label, annotator=who)


def _names(label: str, names: list[str]) -> str | None:
    """The answer that a label names, if there are several to choose from."""
    return naming.matching(label, names) if len(names) > 1 else None


def _the_answer(record: Mapping[str, Any], names: list[str], question: str, where: str) -> str:
    """The answer that a question is about: the only one, or the one that it is called after."""
    name = names[0] if len(names) == 1 else naming.matching(question, names)
    if name is None:
        name = next((one for one in names if one in question), None)
    if name is None:
        shown = ", ".join(names) or "none"
        raise DataError(f"{where}: expected one answer among the fields, came {shown}")
    return fields.answer(record, name)


def _ranked(value: Any, names: list[str], where: str) -> Iterator[tuple[str, float]]:
    """Each ranked answer's field and its rank."""
    if isinstance(value, dict):
        labels, ranks = value.get("value"), value.get("rank")
        if not isinstance(labels, list) or not isinstance(ranks, list) or len(labels) != len(ranks):
            raise fields.expected(where, "as many ranks as values", value)
        value = [{"value": one, "rank": rank} for one, rank in zip(labels, ranks, strict=True)]
    for place, one in enumerate(value, start=1):
        label, rank = (one.get("value"), one.get("rank")) if isinstance(one, dict) else (one, place)
        name = naming.matching(label, names) if isinstance(label, str) else None
        if name is None:
            raise fields.expected(
                where, f"one of the answers {', '.join(names) or '(none)'}", label
            )
        yield name, fields.number({where: rank}, where)


RECORDS = Format(
    name="argilla",
    example=json.dumps(
        {
            "id": "r1",
            "fields": {"prompt": "What is the sky?", "response": "Blue."},
            "responses": [{"user_id": "u1", "values": {"rating": {"value": 5}}}],
        }
    ),
    fields=(("fields",), ("responses",)),
    matches=_matches_records,
    parse=lambda row, user: _parse(row, user, only_named=False),
    users=(_USER,),
    kinds=("rating", "ranking", "pair", "thumb", "edit", "demonstration"),
    apart=_records_apart,
)

COLUMNS = Format(
    name="argilla-columns",
    example=json.dumps(
        {
            "id": "r1",
            "prompt": "What is the sky?",
            "response": "Blue.",
            "quality.responses": [5],
            "quality.responses.users": ["u1"],
            "quality.responses.status": ["submitted"],
        }
    ),
    fields=(("QUESTION.responses",), ("QUESTION.responses.users",)),
    matches=_matches_columns,
    parse=lambda row, user: _parse(row, user, only_named=True),
    users=(_USER,),
    kinds=RECORDS.kinds,
    apart=_columns_apart,
)
