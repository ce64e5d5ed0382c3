"""Rows out of files: JSONL, a JSON list or object, CSV; each plain or gzipped; a path or stdin.

What a file is follows from its content; its name only decides where the content leaves it open.
A reader never stops at a bad row: it hands the row on with its problem, its line and its text, so
that one look at a file finds every fault in it. Text is decoded with `surrogateescape`, which
lets a row that is not UTF-8 be saved byte for byte as it came.

Rows come one at a time and memory holds one of them; only a single JSON object that wraps a list
(`{"data": [...]}`) is held whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import sys
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from prefcli.errors import DataError, NotFoundError, PrefcliError
from prefcli.feedback import json_stream

_HEAD_BYTES = 65536
_PIECE_CHARACTERS = 262144
_LARGEST_CELL = 64 * 1024 * 1024
# Members under which a list of rows may be wrapped, and members that make an object a row itself.
_WRAPPERS = ("data", "rows", "examples")
_ROW_MEMBERS = {"prompt", "chosen", "rejected", "completion", "label", "messages", "conversations"}
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_MESSAGE_CELL = re.compile(r'\s*\[?\s*\{\s*"(?:role|content|from|value)"\s*:')
_PYTHON_CELL = re.compile(r"\s*\[?\s*\{\s*'(?:role|content|from|value)'\s*:")
_JSON_NAME = re.compile(r"\.(json|jsonl|ndjson)(\.gz)?\Z", re.IGNORECASE)
_CSV_NAME = re.compile(r"\.csv(\.gz)?\Z", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[\w .:/-]{0,80}\Z")
_FOREIGN = (
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"%PDF", "a PDF"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file.

    Args:
        line: The 1-based line of the decompressed file on which the row starts.
        value: The row's fields; None where there is a problem.
        raw: The row as it came, undecodable bytes as surrogate escapes.
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
    return "stdin" if source == "-" else "".join(c if c.isprintable() else "?" for c in source)


def read_rows(source: str) -> Generator[Row, None, None]:
    """Yield the rows of a file, good and bad, in order.

    Args:
        source: A path, or `-` for standard input.

    Raises:
        NotFoundError: there is no such file, or it may not be read.
        DataError: it holds no rows, is no JSONL, JSON or CSV, or its compressed data is damaged.
    """
    name = source_name(source)
    line = 0
    with _opened(source, name) as stream:
        try:
            for row in _rows(_decompressed(stream), name):
                line = row.line
                yield row
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            where = f"after line {line}" if line else "from its start"
            raise DataError(
                f"{name}: the gzip data is cut off or damaged {where}; copy the file again"
            ) from error
        except OSError as error:
            raise PrefcliError(f"{name}: reading failed: {error.strerror or error}") from error
    if not line:
        raise DataError(f"{name}: nothing to read: it holds no rows")


@contextmanager
def _opened(source: str, name: str) -> Iterator[BinaryIO]:
    if source == "-":
        if sys.stdin is None:
            raise NotFoundError("stdin: there is no standard input; name a file")
        yield sys.stdin.buffer
        return
    try:
        stream = Path(source).open("rb")  # noqa: SIM115 (closed below; the try is for opening)
    except FileNotFoundError as error:
        raise NotFoundError(f"{name}: no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{name}: is a directory, expected a file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise NotFoundError(f"{name}: cannot be opened: {reason}") from error
    with stream:
        yield stream


class _Prefixed(io.RawIOBase):
    """A stream with the bytes that were read ahead put back; leaves the stream open."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._stream.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)


def _decompressed(stream: BinaryIO) -> BinaryIO:
    head = stream.read(2)
    whole = io.BufferedReader(_Prefixed(head, stream), _HEAD_BYTES)
    return cast(BinaryIO, gzip.GzipFile(fileobj=whole)) if head == b"\x1f\x8b" else whole


def _rows(stream: BinaryIO, name: str) -> Iterator[Row]:
    """Look at the beginning of the decompressed bytes and choose the reader."""
    head = stream.read(_HEAD_BYTES)
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise DataError(f"{name}: is {what}, expected JSONL, JSON or CSV in UTF-8")
    if b"\0" in head:
        raise DataError(f"{name}: is binary data, expected JSONL, JSON or CSV in UTF-8")
    text = io.TextIOWrapper(
        io.BufferedReader(_Prefixed(head, stream), _HEAD_BYTES),
        encoding="utf-8-sig",
        errors="surrogateescape",
        newline="\n",
    )
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first == b"[":
        pieces = iter(lambda: text.read(_PIECE_CHARACTERS), "")
        return map(_from_piece, json_stream.array_elements(pieces))
    lines, start = _first_lines(text)
    if not start:
        raise DataError(f"{name}: nothing to read: the file is empty")
    whole = itertools.chain(lines, text)
    if start[0][1].lstrip().startswith("{"):
        return _json_rows(start, whole)
    if _looks_like_csv(name, start):
        return _csv_rows(whole, name)
    if _JSON_NAME.search(name) or (len(start) > 1 and start[1][1].lstrip().startswith("{")):
        return _line_rows(whole)
    raise DataError(
        f"{name}: expected JSONL, JSON or CSV with a header row, "
        f"came text that begins {_printable(start[0][1])}"
    )


def _first_lines(text: Iterable[str]) -> tuple[list[str], list[tuple[int, str]]]:
    """The lines up to the second that is not blank; and the one or two that are not, numbered."""
    lines: list[str] = []
    visible: list[tuple[int, str]] = []
    for line in text:
        lines.append(line)
        if line.strip():
            visible.append((len(lines), line))
        if len(visible) == 2:
            break
    return lines, visible


# JSON --------------------------------------------------------------------------------------------


def _json_rows(start: list[tuple[int, str]], whole: Iterable[str]) -> Iterator[Row]:
    """Rows of a text that begins with an object: one to a line, or spread over lines."""
    line, first = start[0]
    problem = json_stream.decode(first)[1]
    if len(start) == 1:
        return _line_rows(whole) if problem else _unwrapped(json_stream.Piece(line, first, None))
    # A first line that is no JSON is either the start of an object over many lines or a bad row.
    begun = first.rstrip()
    goes_on = begun.endswith(("{", "[", ",")) or json_stream.decode(start[1][1])[1] is not None
    if problem and goes_on and not begun.endswith("}"):
        return _object_rows(json_stream.objects(whole))
    return _line_rows(whole)


def _line_rows(whole: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(whole, 1):
        if line.strip():
            yield _from_piece(json_stream.Piece(number, line, None))


def _object_rows(pieces: Iterator[json_stream.Piece]) -> Iterator[Row]:
    first = next(pieces)
    second = next(pieces, None)
    if second is None:
        yield from _unwrapped(first)
    else:
        yield from map(_from_piece, itertools.chain([first, second], pieces))


def _unwrapped(piece: json_stream.Piece) -> Iterator[Row]:
    """The rows of a file's only object: itself, or those of the list that it wraps."""
    row = _from_piece(piece)
    if row.value is not None and not _ROW_MEMBERS & row.value.keys():
        for member in _WRAPPERS:
            if isinstance(row.value.get(member), list):
                span = json_stream.member_span(piece.text, member)
                line = piece.line + piece.text.count("\n", 0, span.start)
                yield from map(_from_piece, json_stream.array_elements([piece.text[span]], line))
                return
    yield row


def _from_piece(piece: json_stream.Piece) -> Row:
    line, text, problem = piece
    value = None
    if not text.isascii() and _NOT_UTF8.search(text):
        problem = "not UTF-8 text"
    if problem is None:
        value, problem = json_stream.decode(text)
    if problem is None and not isinstance(value, dict):
        problem = f"expected a JSON object with fields, came {_printable(text)}"
    return Row(line, value if problem is None else None, text, problem)


# CSV ---------------------------------------------------------------------------------------------


def _looks_like_csv(name: str, start: list[tuple[int, str]]) -> bool:
    """Is the first line a header row? Names of two columns or more, with nothing else in them."""
    if _CSV_NAME.search(name):
        return True
    if len(start) > 1 and start[1][1].lstrip().startswith("{"):
        return False
    try:
        names = next(csv.reader([start[0][1]], strict=True))
    except csv.Error:
        return False
    return len(names) > 1 and all(_HEADER_NAME.match(cell.strip()) for cell in names)


def _csv_rows(lines: Iterable[str], name: str) -> Iterator[Row]:
    """Rows of RFC 4180 text; a row's `raw` is the exact text of all its lines."""
    # The module's limit of 128 K characters is for the whole process and below long transcripts.
    csv.field_size_limit(max(csv.field_size_limit(), _LARGEST_CELL))
    taken: list[str] = []
    count = 0

    def recorded() -> Iterator[str]:
        nonlocal count
        for line in lines:
            count += 1
            taken.append(line)
            yield line

    header: list[str] | None = None
    header_text = ""
    reader = csv.reader(recorded(), strict=True)
    while True:
        cells: list[str] = []
        problem = None
        taken.clear()
        line = count + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = _csv_problem(error)
        raw = "".join(taken)
        if not raw.strip():
            continue
        if not raw.isascii() and _NOT_UTF8.search(raw):
            problem = "not UTF-8 text"
        if header is None:
            header, header_text = _csv_header(cells, problem, f"{name}:{line}"), raw
            continue
        if problem is None and len(cells) != len(header):
            problem = f"expected {len(header)} columns as in the header row, came {len(cells)}"
        if problem is None and any(map(_PYTHON_CELL.match, cells)):
            problem = "expected messages in JSON, came Python's notation: write them by json.dumps"
        value = dict(zip(header, map(_cell, cells), strict=True)) if problem is None else None
        yield Row(line, value, raw, problem, header_text)


def _csv_header(cells: list[str], problem: str | None, where: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = sorted({cell for cell in names if names.count(cell) > 1})
    if problem is None and len(names) < 2:
        problem = "expected names of columns separated by commas"
    if problem is None and twice:
        problem = f"column {twice[0]!r} occurs twice"
    if problem is not None:
        raise DataError(f"{where}: CSV header row: {problem}")
    return names


def _csv_problem(error: csv.Error) -> str:
    said = str(error)
    if "unexpected end" in said:
        return "not CSV: a quoted cell is never closed"
    if "new-line character" in said:
        return "not CSV: a carriage return outside of quotes"
    return f"not CSV: {said}"


def _cell(text: str) -> Any:
    """A cell's text, or the messages that it spells in JSON, as tables of conversations have."""
    if not _MESSAGE_CELL.match(text):
        return text
    value, problem = json_stream.decode(text)
    return text if problem else value


def _printable(text: str) -> str:
    shown = text.strip().encode("utf-8", "replace").decode()
    return repr(shown if len(shown) <= 40 else shown[:37] + "...")
