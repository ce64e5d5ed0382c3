"""Any table whose columns someone names: a format made to measure.

A column may lie within objects: `meta.user.name`. What the columns say together:

| columns | judgement |
|---|---|
| prompt, chosen, rejected | pair |
| prompt, response, score | rating |
| prompt, response, label | thumb |
| prompt, response, edited | edit |
| prompt, edited | demonstration |

An empty score, label or edit says nothing about its row. Tried on real files.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prefcli.errors import DataError, UsageError
from prefcli.feedback import fields, judgements, verdicts
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Kind

NAME = "table"
# Scales that people are asked on; the first that holds all scores is taken.
_USUAL_SCALES = (
    (0, 1),
    (-1, 1),
    (1, 3),
    (1, 4),
    (1, 5),
    (0, 5),
    (1, 7),
    (1, 10),
    (0, 10),
    (0, 100),
)
_SCALE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|\.\.|to|:)\s*(-?\d+(?:\.\d+)?)\s*\Z")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what; None for what there is not.

    Args:
        scale: The lowest and highest score that could be given.

    Raises:
        UsageError: together they say nothing.
    """

    prompt: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    response: str | None = None
    score: str | None = None
    label: str | None = None
    edited: str | None = None
    reason: str | None = None
    id: str | None = None
    time: str | None = None
    scale: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.named:
            if self.scale:
                raise UsageError("--score-scale needs --score-field")
            return
        if self.prompt is None:
            raise UsageError(f"{self._flags()}: --prompt-field is missing")
        if (self.chosen is None) != (self.rejected is None):
            raise UsageError("--chosen-field and --rejected-field go together")
        judged = self.score or self.label
        if judged and self.response is None:
            raise UsageError("--score-field and --label-field need --response-field")
        if self.response and not (judged or self.edited):
            raise UsageError(
                "--response-field needs what was said about it: "
                "--score-field, --label-field or --edited-field"
            )
        if not self.kinds:
            raise UsageError(
                "--prompt-field alone says nothing: add --chosen-field and --rejected-field, "
                "or --response-field with --score-field or --label-field, or --edited-field"
            )
        if self.scale and not self.score:
            raise UsageError("--score-scale needs --score-field")

    @property
    def named(self) -> dict[str, str]:
        """The columns that were named, by what they hold."""
        names = (one.name for one in dataclasses.fields(self) if one.name != "scale")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The judgements that they make."""
        found: dict[Kind, Any] = {
            "pair": self.chosen,
            "rating": self.score,
            "thumb": self.label,
            "edit": self.edited and self.response,
            "demonstration": self.edited and not self.response,
        }
        return tuple(kind for kind, there in found.items() if there)

    def _flags(self) -> str:
        return ", ".join(f"--{name}-field" for name in self.named)


def parse_scale(text: str) -> tuple[float, float]:
    """The scale that `1-5` (or `1..5`, `1:5`, `-1..1`) writes.

    Raises:
        UsageError: it writes none.
    """
    found = _SCALE.match(text)
    if found is None or not float(found[1]) < float(found[2]):
        raise UsageError(f"--score-scale {text}: expected the lowest and highest score, like 1-5")
    return float(found[1]), float(found[2])


def usual_scale(scores: Iterable[float]) -> tuple[float, float] | None:
    """The usual scale that scores fit, or None if there are none or they fit no usual one."""
    lowest = highest = None
    whole = True
    for score in scores:
        lowest = score if lowest is None else min(lowest, score)
        highest = score if highest is None else max(highest, score)
        whole = whole and score.is_integer()
    if lowest is None or highest is None:
        return None
    fitting = (one for one in _USUAL_SCALES if one[0] <= lowest and highest <= one[1])
    if whole and lowest > 0 and highest == 1:  # all ones: more likely stars than a share
        fitting = (one for one in _USUAL_SCALES if one == (1, 5))
    low, high = next(fitting, (None, None))
    return None if low is None or high is None else (float(low), float(high))


def table_format(columns: Columns) -> Format:
    """The format of a table with these columns."""

    def parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
        return _judged(columns, row, user)

    return Format(
        name=NAME,
        example="",
        fields=tuple((name,) for name in columns.named.values()),
        matches=lambda row: all(fields.has(row, name) for name in columns.named.values()),
        parse=parse,
        kinds=columns.kinds,
        tried=True,
        columns={f"--{what}-field": name for what, name in columns.named.items()},
    )


def score_of(columns: Columns, row: Mapping[str, Any]) -> float | None:
    """The score of a row that has a proper one."""
    if columns.score is None:
        return None
    try:
        return fields.number({columns.score: fields.at(row, columns.score)}, columns.score)
    except DataError:
        return None


def _judged(columns: Columns, row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    # The row under the names that its owner gave, so that a fault names them.
    seen = {
        name: value
        for name in columns.named.values()
        if fields.has(row, name) and (value := fields.at(row, name)) is not None
    }
    prompt = fields.question(seen, columns.prompt or "")
    said = {name: seen.get(getattr(columns, name) or "") for name in ("id", "time", "reason")}
    said = {name: _plain(value) for name, value in said.items()}
    if columns.chosen and columns.rejected:
        chosen, rejected = (
            fields.answer(seen, columns.chosen),
            fields.answer(seen, columns.rejected),
        )
        yield judgements.pair(said, user, prompt, chosen, rejected)
    if columns.score and _filled(seen, columns.score):
        answer, score = _answer(columns, seen), fields.number(seen, columns.score)
        scale = columns.scale or judgements.UNKNOWN_SCALE
        yield judgements.rating(said, user, prompt, answer, score, scale=scale)
    if columns.label and _filled(seen, columns.label):
        up = verdicts.up_or_down(seen[columns.label])
        if up is None:
            raise fields.expected(columns.label, verdicts.WORDS, seen[columns.label])
        yield judgements.thumb(said, user, prompt, _answer(columns, seen), up)
    if columns.edited and _filled(seen, columns.edited):
        edited = fields.answer(seen, columns.edited)
        if columns.response:
            yield judgements.edit(said, user, prompt, _answer(columns, seen), edited)
        else:
            yield judgements.demonstration(said, user, prompt, edited)


def _answer(columns: Columns, seen: Mapping[str, Any]) -> str:
    return fields.answer(seen, columns.response or "")


def _filled(seen: Mapping[str, Any], name: str) -> bool:
    value = seen.get(name)
    return value is not None and not (isinstance(value, str) and not value.strip())


def _plain(value: Any) -> Any:
    """A cell as the catalog notes it: a whole number that a table made a fraction is whole."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else str(value)
    return value if isinstance(value, str | int) or value is None else str(value)
