"""From a source to the files in it, and from a file to its rows: the content says what it is."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from prefcli.errors import DataError, PrefcliError
from prefcli.feedback.containers import archives, databases, json_rows, tables, workbooks
from prefcli.feedback.containers.csv_rows import OBJECT, csv_rows, delimiter_of
from prefcli.feedback.containers.rows import Note, Row, excerpt, source_name
from prefcli.feedback.containers.streams import (
    HEAD_BYTES,
    Damaged,
    kind_of,
    looked_at,
    opened,
    seekable,
    unpacked,
)
from prefcli.feedback.containers.text import Text, require_text
from prefcli.feedback.limits import RowTooLongError

_COMPRESSIONS = ("gzip", "bzip2", "xz", "zstd")
_MOST_LAYERS = 4  # a gzipped file in a zip archive in a tar.gz, and no endless nest
_JSON_NAMES = (".json", ".jsonl", ".ndjson")

Files = Generator[tuple[str, Iterator[Row]], None, None]


def read_files(source: str, note: Note = lambda _: None) -> Files:
    """The files that a source holds: (name, rows); one, but for archives and workbooks.

    The rows of a file are read before the next file is asked for, or not at all.

    Args:
        source: A path, or `-` for standard input, which need not be able to go back.
        note: Told what a person should know about a file.

    Raises:
        NotFoundError: there is no such file, or it may not be read.
        DataError: it is nothing that holds rows, holds none, or its data is damaged; also while
            the rows are read.
        PrefcliError: reading it fails, or needs a package that is not installed.
    """
    name = source_name(source)
    with opened(source, name) as stream:
        path = None if source == "-" or not stream.seekable() else Path(source)
        with _told(name):
            yield from _Unpacking(note).files(stream, name, path)


def read_rows(source: str, note: Note = lambda _: None) -> Generator[Row, None, None]:
    """The rows of all files in a source, good and bad, in order; as `read_files`."""
    for _, rows in read_files(source, note):
        yield from rows


@dataclass(frozen=True, slots=True)
class _Unpacking:
    """The way down to the rows of one source."""

    note: Note
    layers: int = 0

    def files(self, stream: IO[bytes], name: str, path: Path | None) -> Files:
        """The files in a stream; `path` is where it can be read with jumps, if it can."""
        head, whole = looked_at(stream)
        kind = kind_of(head, name)
        if kind == "text":
            yield name, _read(lambda: _text_rows(Text(whole, head, name, self.note), head), name)
        elif kind in _COMPRESSIONS:
            yield from self._below(name).files(unpacked(whole, kind, name), name, None)
        elif kind == "tar":
            for inner, content in archives.tar_members(whole, name, self.note):
                yield from self._member(content, inner)
        else:
            with ExitStack() as stack:
                file = path or stack.enter_context(seekable(whole, name))
                yield from self._of_file(file, kind, name)

    def _of_file(self, path: Path, kind: str, name: str) -> Files:
        if kind == "sqlite":
            yield name, _read(lambda: databases.database_rows(path, name), name)
        elif kind != "zip":
            yield name, _read(lambda: tables.table_rows(path, kind, name), name)
        elif archives.is_workbook(archives.zip_names(path)):
            yield from self._filled(workbooks.sheets(path, name), name)
        else:
            for inner, content in archives.zip_members(path, name, self.note):
                yield from self._member(content, inner)

    def _member(self, content: IO[bytes], name: str) -> Files:
        with _told(name):
            yield from self._below(name).files(content, name, None)

    def _filled(self, sheets: Iterator[tuple[str, Iterator[Row]]], name: str) -> Files:
        """The sheets that hold rows; it is enough if one does."""
        empty = True
        for inner, rows in sheets:
            first = next(rows, None)
            if first is not None:
                empty = False
                yield inner, _read(lambda first=first, rows=rows: _again(first, rows), inner)  # type: ignore[misc]
        if empty:
            raise _nothing(name)

    def _below(self, name: str) -> _Unpacking:
        if self.layers == _MOST_LAYERS:
            raise DataError(f"{name}: is packed more than {_MOST_LAYERS} times over; unpack it")
        return _Unpacking(self.note, self.layers + 1)


def _again(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _read(rows: Callable[[], Iterator[Row]], name: str) -> Iterator[Row]:
    """The rows of one file; what goes wrong says where, and how far the file was good."""
    line = count = 0
    with _told(name, lambda: (line, count)):
        for row in rows():
            line = row.line
            count += 1
            yield row
    if not count:
        raise _nothing(name)


def _nothing(name: str) -> DataError:
    return DataError(f"{name}: nothing to read: it holds no rows")


@contextmanager
def _told(name: str, reached: Callable[[], tuple[int, int]] = lambda: (0, 0)) -> Iterator[None]:
    """Say of a fault in a file what it is called and how far it could be read."""
    try:
        yield
    except RowTooLongError as error:
        raise DataError(f"{name}:{error.line}: {error.message}") from error
    except Damaged as error:
        raise DataError(_cut(name, error.what, *reached())) from error
    except UnicodeDecodeError as error:
        raise DataError(_cut(name, error.encoding.upper(), *reached())) from error
    except OSError as error:
        raise PrefcliError(f"{name}: reading failed: {error.strerror or error}") from error


def _cut(name: str, what: str, line: int, count: int) -> str:
    rows = "1 row" if count == 1 else f"{count} rows"
    where = f"after line {line} ({rows} read)" if line else "before its first row"
    return f"{name}: the {what} data is cut off or damaged {where}; copy the file again"


def _text_rows(text: Text, head: bytes) -> Iterator[Row]:
    """Look at the beginning of a text and choose the reader."""
    require_text(text)
    if text.sample.lstrip()[:1] == "[":
        return json_rows.list_rows(text)
    start = _first_lines(text.sample)
    if not start:
        if len(head) < HEAD_BYTES:
            raise DataError(f"{text.name}: nothing to read: the file is empty")
        return json_rows.line_rows(text)
    if start[0].lstrip().startswith("{"):
        return json_rows.object_rows(text, start)
    delimiter = delimiter_of(text.name, start)
    if delimiter is not None:
        return csv_rows(text, delimiter)
    named = any(part in text.name.lower() for part in _JSON_NAMES)
    if named or (len(start) > 1 and OBJECT.match(start[1])):
        return json_rows.line_rows(text)
    raise DataError(
        f"{text.name}: expected JSONL, JSON or CSV with a header row, "
        f"came text that begins {excerpt(start[0])}"
    )


def _first_lines(sample: str) -> list[str]:
    """The first two lines that are not blank."""
    mark = "\r" if "\n" not in sample and "\r" in sample else "\n"
    lines = io.StringIO(sample, newline=mark)
    found: list[str] = []
    for line in lines:
        if not line.isspace():
            found.append(line)
            if len(found) == 2:
                break
    return found
