"""SQLite files: whoever can read a kind of them adds a reader here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from prefcli.errors import DataError
from prefcli.feedback.containers.rows import Row

DatabaseReader = Callable[[Path, str], "Iterator[Row] | None"]
"""Called with a file and its name: its rows, or None if it is another program's database."""

READERS: list[DatabaseReader] = []
"""Asked in order; the first that knows the database reads it."""


def database_rows(path: Path, name: str) -> Iterator[Row]:
    """The rows of an SQLite file.

    Raises:
        DataError: no reader knows it.
    """
    for reader in READERS:
        rows = reader(path, name)
        if rows is not None:
            return rows
    raise DataError(
        f"{name}: is an SQLite database of a program that is not known here; "
        "export its table as JSONL or CSV"
    )
