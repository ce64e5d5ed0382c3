"""The log database of the `llm` command, opened to be read only.

See `prefcli.feedback.formats.llm_logs`. `llm` itself keeps no feedback: plugins add a table. The
one of llm-feedback is known; another one is read if it is called `feedback` too and its columns
go by usual names.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from prefcli.errors import DataError
from prefcli.feedback.containers import Row, source_name
from prefcli.feedback.exports.definition import Export

_MAGIC = b"SQLite format 3\0"
_TABLE = "feedback"
_RESPONSE = ("response_id", "prompt_id", "log_id")
_VERDICT = ("feedback", "rating", "vote", "thumb", "score", "value")
_COMMENT = ("comment", "reason", "note", "text")
_TIME = ("datetime_utc", "created_at", "created", "timestamp")
_OF_RESPONSES = ("id", "prompt", "system", "response", "conversation_id", "datetime_utc")


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    return connection


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    rows = connection.execute("select name from pragma_table_info(?)", [table])
    return [row["name"] for row in rows]


def _matches(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return False
    try:
        with closing(_connected(path)) as connection:
            return set(_OF_RESPONSES) <= set(_columns(connection, "responses"))
    except sqlite3.Error:
        return False


def _read(path: Path) -> Generator[Row, None, None]:
    name = source_name(str(path))
    try:
        with closing(_connected(path)) as connection:
            yield from _rows(connection, name)
    except sqlite3.Error as error:
        raise DataError(f"{name}: the database cannot be read: {error}") from error


def _rows(connection: sqlite3.Connection, name: str) -> Iterator[Row]:
    columns = _columns(connection, _TABLE)
    if not columns:
        raise DataError(
            f"{name}: is a log of llm without a table of feedback, so nothing in it says what "
            "you liked; the plugin llm-feedback adds one"
        )
    response, verdict, comment, time = (
        next((one for one in names if one in columns), None)
        for names in (_RESPONSE, _VERDICT, _COMMENT, _TIME)
    )
    if response is None or verdict is None:
        raise DataError(
            f"{name}: table {_TABLE} has the columns {', '.join(columns)}; expected one of "
            f"{', '.join(_RESPONSE)} and one of {', '.join(_VERDICT)}"
        )
    with_fragments = bool(_columns(connection, "prompt_fragments"))
    # The names come from the fixed lists above.
    said = connection.execute(f"select rowid as number, * from {_TABLE} order by rowid")  # noqa: S608
    for one in said:
        value: dict[str, Any] = {
            "id": one["id"] if "id" in columns else one["number"],
            "response_id": one[response],
            "feedback": one[verdict],
            "comment": one[comment] if comment else None,
            "datetime_utc": one[time] if time else None,
        }
        problem = _join(connection, value, with_fragments)
        raw = json.dumps(value, ensure_ascii=False, default=repr)
        yield Row(one["number"], None if problem else value, raw, problem)


def _join(
    connection: sqlite3.Connection, value: dict[str, Any], with_fragments: bool
) -> str | None:
    """Add the response, and what came before it in its conversation."""
    found = connection.execute(
        "select rowid as number, * from responses where id = ?", [value["response_id"]]
    ).fetchone()
    if found is None:
        return f"response {value['response_id']!r} is not in the log"
    value |= {"system": found["system"], "response": found["response"]}
    value["prompt"] = _prompt(connection, found, with_fragments)
    value["earlier"] = [
        {"prompt": _prompt(connection, row, with_fragments), "response": row["response"]}
        for row in connection.execute(
            "select * from responses where conversation_id = ? and rowid < ? order by rowid",
            [found["conversation_id"], found["number"]],
        )
    ]
    return None


def _prompt(connection: sqlite3.Connection, row: sqlite3.Row, with_fragments: bool) -> str:
    """The prompt as the model saw it: the fragments that were attached, then the words."""
    parts = []
    if with_fragments:
        parts = [
            fragment["content"]
            for fragment in connection.execute(
                "select content from prompt_fragments join fragments "
                "on fragments.id = prompt_fragments.fragment_id "
                'where response_id = ? order by prompt_fragments."order"',
                [row["id"]],
            )
        ]
    return "\n".join(part for part in [*parts, row["prompt"]] if part)


EXPORT = Export(
    name="llm-logs",
    what="the log database of llm (logs.db) with a table of feedback",
    matches=_matches,
    read=_read,
)
