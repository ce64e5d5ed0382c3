"""prefcli's own format: what `feedback list --jsonl` and `feedback export` write.

Each row is a whole judgement of any kind, so reading it gives back exactly what was stored. A field
that a judgement does not have may be absent or null; fields beyond these (`id`, `source`, `line`,
`created`, `ingest`) are for people and are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import KINDS, Feedback

_NUMBERS = ("strength", "low", "high")
_TEXTS = ("row_id", "time", "annotator", "reason")


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


FORMAT = Format(
    name="prefcli",
    example='{"user": "alice", "kind": "pair", "prompt": [{"role": "user", '
    '"content": "What is the sky?"}], "responses": ["Blue.", "Green."], "value": 1.0}',
    fields=(("kind",), ("responses",), ("prompt",)),
    matches=_matches,
    parse=_parse,
    kinds=KINDS,
    users=("user",),
    tried=True,
)
