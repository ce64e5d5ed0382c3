"""What a format of feedback is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prefcli.feedback.records import Feedback, Kind

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a judgement was first read, and when (ISO 8601 in UTC, to the millisecond)."""

    source: str
    line: int
    created: str


@dataclass(frozen=True, slots=True)
class Format:
    """One way in which the world writes judgements down.

    Args:
        name: What `--format` calls it.
        example: One row as JSON, for people.
        fields: The fields that a row must have; each a tuple of the names it may go by.
        matches: True if a row has the shape of this format; of two such formats the earlier in
            the registry counts.
        parse: The judgements of one row by one user.
            Raises DataError, naming the field, what was expected and what came.
        users: The fields in which the format itself names the user, the first that a row has
            counts; empty where it names none.
        note: What has to be said to whoever reads such a file, or "".
        kinds: The kinds of judgement that its rows give.
        tried: Tried on a real file; else written from documentation only.
        apart: The parts of a row, one for each person, where a row holds the judgements of
            several; `users` and `parse` then are about a part. None where a row is one person's.
        columns: The columns that someone named, by the flags that name them.
        origin: Where a row says that its judgement came from; None where it does not say. Raises
            DataError as `parse` does. None where no row of the format can say it.
    """

    name: str
    example: str
    fields: tuple[tuple[str, ...], ...]
    matches: Callable[[Mapping[str, Any]], bool]
    parse: Callable[[Mapping[str, Any], str], Iterator[Feedback]]
    users: tuple[str, ...] = ()
    note: str = ""
    kinds: tuple[Kind, ...] = ("pair",)
    tried: bool = False
    apart: Callable[[Row], Iterator[Row]] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    origin: Callable[[Row], Origin | None] | None = None

    def parts(self, row: Row) -> list[Row]:
        """What `parse` is to be given of a row: the row, or its parts for each person.

        Raises:
            DataError: the row cannot be taken apart.
        """
        return [row] if self.apart is None else list(self.apart(row))

    def fields_in(self, row: Mapping[str, Any]) -> int:
        """How many of the required fields a row has, whatever they hold."""
        return sum(any(name in row for name in names) for names in self.fields)
