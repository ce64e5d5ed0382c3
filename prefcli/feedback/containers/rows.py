"""One row of a file, whatever the file is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from prefcli.feedback import json_stream

Note = Callable[[str], None]
"""Told, once per file, what a person should know about it."""

_MESSAGE_CELL = re.compile(r'\s*\[?\s*\{\s*"(?:role|content|from|value)"\s*:')


class Row(NamedTuple):
    """One row of a file.

    Args:
        line: The 1-based line of the unpacked file on which the row starts; of a table, the
            number that a spreadsheet shows beside it, the header being row 1.
        value: The row's fields; None where there is a problem.
        raw: The row as it came, undecodable bytes as surrogate escapes; of a table, as JSON.
        problem: Why the row could not be read, or None.
        header: The header row that `raw` needs to be understood (CSV), else empty.
    """

    line: int
    value: dict[str, Any] | None
    raw: str
    problem: str | None = None
    header: str = ""


def source_name(source: str) -> str:
    """What a source is called in messages and records: its path, or `stdin` for `-`.

    A character that cannot be printed, as a name that is not UTF-8 has, becomes `?`.
    """
    return "stdin" if source == "-" else printable_name(source)


def printable_name(name: str) -> str:
    """A file's name with `?` for what cannot be printed."""
    return name if name.isprintable() else "".join(c if c.isprintable() else "?" for c in name)


def excerpt(text: str) -> str:
    """The beginning of a text, quoted, for a message."""
    shown = text[:200].strip().encode("utf-8", "replace").decode()
    return repr(shown if len(shown) <= 40 else shown[:37] + "...")


def cell(text: str) -> Any:
    """A cell's text, or the messages that it spells in JSON, as tables of conversations have."""
    if "{" not in text or not _MESSAGE_CELL.match(text):
        return text
    value, problem = json_stream.decode(text)
    return text if problem else value
