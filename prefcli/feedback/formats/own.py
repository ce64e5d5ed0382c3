"""prefcli's own format: what `feedback list --jsonl` and `feedback export` write.

Each row is a whole judgement of any kind, so reading it gives back exactly what was stored. A field
that a judgement does not have may be absent or null. A row that has `source`, `line` and `created`,
as all have that prefcli wrote, keeps them: the judgement came from that file, at that time, however
often it has moved since. `id` and `ingest` are numbers of the catalog that wrote it, and not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields
from prefcli.feedback.formats.definition import Format, Origin
from prefcli.feedback.records import KINDS, Feedback

_NUMBERS = ("strength", "low", "high")
_TEXTS = ("row_id", "time", "annotator", "reason")
_ORIGIN = ("source", "line", "created")


def _matches(row: Mapping[str, Any]) -> bool:
    return (
        row.get("kind") in KINDS
        and isinstance(row.get("responses"), list)
        and isinstance(row.get("prompt"), list | str)
    )


def _parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    kind = fields.text(row, "kind")
    responses = fields.get(row, "responses")
    if not isinstance(responses, list) or not all(isinstance(each, str) for each in responses):
        raise fields.expected("responses", "a list of texts", responses)
    said: dict[str, Any] = {
        name: fields.number(row, name) for name in _NUMBERS if row.get(name) is not None
    }
    said |= {name: fields.text(row, name) for name in _TEXTS if row.get(name) is not None}
    if row.get("ranks") is not None:
        said["ranks"] = tuple(_ranks(row))
    value = 1.0 if row.get("value") is None else fields.number(row, "value")
    if kind not in KINDS:
        raise DataError(f"field 'kind': expected one of {', '.join(KINDS)}, came {kind!r}")
    yield Feedback(user, kind, fields.prompt(row, "prompt"), tuple(responses), value, **said)


def _ranks(row: Mapping[str, Any]) -> list[int]:
    ranks = row["ranks"]
    if not isinstance(ranks, list) or not all(type(rank) is int for rank in ranks):
        raise fields.expected("ranks", "a list of whole numbers", ranks)
    return list(ranks)


def _origin(row: Mapping[str, Any]) -> Origin | None:
    if any(row.get(name) is None for name in _ORIGIN):
        return None
    source, line, created = row["source"], row["line"], row["created"]
    if not isinstance(source, str) or not source:
        raise fields.expected("source", "a file's name", source)
    if type(line) is not int or not 1 <= line < 2**63:
        raise fields.expected("line", "a line's number", line)
    return Origin(source, line, _moment(created))


def _moment(created: Any) -> str:
    """A time as the catalog writes times; without a zone it is in UTC."""
    try:
        when = datetime.fromisoformat(created)
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise fields.expected("created", "a time like 2026-11-30T18:00:00Z", created) from None
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


FORMAT = Format(
    name="prefcli",
    example='{"user": "alice", "kind": "pair", "prompt": [{"role": "user", '
    '"content": "What is the sky?"}], "responses": ["Blue.", "Green."], "value": 1.0}',
    fields=(("kind",), ("responses",), ("prompt",)),
    matches=_matches,
    parse=_parse,
    kinds=KINDS,
    users=("user",),
    origin=_origin,
    tried=True,
)
