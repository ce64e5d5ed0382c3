"""Which judgements are meant: the filters of every command that lists, exports or removes some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from prefcli.feedback.records import Kind

# A turn's text and an answer's text, never the names of roles that stand beside them in the JSON.
_CONTAINS = (
    "(EXISTS (SELECT 1 FROM json_each(feedback.prompt) "
    "WHERE instr(json_extract(value, '$[1]'), ?)) "
    "OR EXISTS (SELECT 1 FROM json_each(feedback.responses) WHERE instr(value, ?)) "
    "OR instr(coalesce(reason, ''), ?))"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Judgements that meet all that is given; nothing given means every one.

    Args:
        user: By this user.
        kind: Of this kind.
        source: From this file: its name as it was ingested, or the last parts of its path.
        since: Read at this time or later, ISO 8601 in UTC.
        contains: With this text in the prompt, an answer or the reason.
        ids: With one of these numbers; None for any.
        last: With a number up to this: what was there when somebody looked.
    """

    user: str | None = None
    kind: Kind | None = None
    source: str | None = None
    since: str | None = None
    contains: str | None = None
    ids: Sequence[int] | None = field(default=None)
    last: int | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is given."""
        return self == Selection(last=self.last)

    def condition(self) -> tuple[str | None, list[Any]]:
        """The condition in SQL, None for every row, and what its question marks stand for."""
        parts: list[str] = []
        parameters: list[Any] = []
        for text, values in (
            ("user = ?", [self.user]),
            ("kind = ?", [self.kind]),
            ("(source = ? OR substr(source, -length(?)) = ?)", self._source()),
            ("created >= ?", [self.since]),
            (_CONTAINS, [self.contains] * 3),
            ("id <= ?", [self.last]),
        ):
            if values[0] is not None:
                parts.append(text)
                parameters += values
        if self.ids is not None:
            # Whole numbers, so they may stand in the text: of parameters there can be only so many.
            parts.append(f"id IN ({', '.join(str(int(each)) for each in self.ids)})")
        return (" AND ".join(parts) if parts else None), parameters

    def _source(self) -> list[str | None]:
        tail = None if self.source is None else f"/{self.source}"
        return [self.source, tail, tail]
