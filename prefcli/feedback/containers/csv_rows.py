"""Rows of RFC 4180 text whose columns are parted by commas, tabs, semicolons or bars.

The header row decides: it is cut into names at each of the four, and the one that gives most
columns is taken. The standard library's Sniffer guesses from the commonest characters of the
first rows instead, and long answers are full of commas.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from prefcli.errors import DataError
from prefcli.feedback.containers.rows import Row, cell
from prefcli.feedback.containers.text import Text
from prefcli.feedback.limits import LARGEST_ROW, RowTooLongError

DELIMITERS = ",\t;|"
_PYTHON_CELL = re.compile(r"\s*\[?\s*\{\s*'(?:role|content|from|value)'\s*:")
_NAMED = re.compile(r"\.(csv|tsv|tab)(\.\w+)?\Z", re.IGNORECASE)
_NAME = re.compile(r"[\w .:/()?-]{0,80}\Z")
# How a line of JSON begins. A cell with such a mark in it would be quoted, and begin with one.
OBJECT = re.compile(r' *\{\s*"')
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?\Z")  # Excel's own first line


def delimiter_of(name: str, start: list[str]) -> str | None:
    """What parts the columns, if the first line is a header row; None if the file is no CSV.

    Args:
        name: The file's name.
        start: The first line with something in it, and the second where there is one.
    """
    told = _SEPARATOR_LINE.match(start[0])
    if told:
        return told[1]
    found = {mark: _cells(start[0], mark) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: len(found[mark]))
    if _NAMED.search(name):
        return best
    if len(start) > 1 and OBJECT.match(start[1]):
        return None
    names = found[best]
    return best if len(names) > 1 and all(_NAME.match(one.strip()) for one in names) else None


def _cells(line: str, delimiter: str) -> list[str]:
    for strict in (True, False):  # a quoted name may go on in the next line
        with suppress(csv.Error):
            return next(csv.reader([line], delimiter=delimiter, strict=strict), [])
    return []  # a carriage return outside of quotes, which reading the rows tells


def csv_rows(text: Text, delimiter: str) -> Iterator[Row]:
    """The rows behind the header; a row's `raw` is the exact text of all its lines."""
    # The module's limit of 128 K characters is for the whole process and below long transcripts.
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_ROW))
    header: list[str] | None = None
    header_text = ""
    for line, cells, raw, fault in _records(text.lines(as_written=True), delimiter):
        raw, _, unreadable = text.settle(raw)  # noqa: PLW2901
        problem = unreadable or fault
        cells = [text.meant(one) for one in cells] if not problem else cells  # noqa: PLW2901
        if header is None:
            if _SEPARATOR_LINE.match(raw):
                continue
            header, header_text = _header(cells, problem, f"{text.name}:{line}"), raw
            continue
        if problem is None and not any(cells) and '"' not in raw:
            continue  # `,,,` as spreadsheets leave behind the last row
        if problem is None and len(cells) != len(header):
            problem = f"expected {len(header)} columns as in the header row, came {len(cells)}"
        if problem is None and "{'" in raw and any(map(_PYTHON_CELL.match, cells)):
            problem = "expected messages in JSON, came Python's notation: write them by json.dumps"
        value = None
        if problem is None:
            value = {key: cell(one) for key, one in zip(header, cells, strict=True) if key}
        yield Row(line, value, raw, problem, header_text)


def _records(
    lines: Iterable[str], delimiter: str
) -> Iterator[tuple[int, list[str], str, str | None]]:
    """Records that are not blank: (line, cells, text, what is wrong)."""
    taken: list[str] = []
    count = size = 0

    def recorded() -> Iterator[str]:
        nonlocal count, size
        for line in lines:
            count += 1
            size += len(line)
            if size > LARGEST_ROW:
                raise RowTooLongError(count - len(taken))
            taken.append(line)
            yield line

    reader = csv.reader(recorded(), delimiter=delimiter, strict=True)
    while True:
        taken.clear()
        size = 0
        line = count + 1
        try:
            cells, problem = next(reader), None
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = [], _problem(error)
        raw = taken[0] if len(taken) == 1 else "".join(taken)
        if raw and not raw.isspace():
            yield line, cells, raw, problem


def _header(cells: list[str], problem: str | None, where: str) -> list[str]:
    names = [one.strip() for one in cells]
    twice = sorted({one for one in names if one and names.count(one) > 1})
    if problem is None and len(names) < 2:
        problem = "expected names of columns separated by commas, tabs or semicolons"
    if problem is None and twice:
        problem = f"column {twice[0]!r} occurs twice"
    if problem is not None:
        raise DataError(f"{where}: CSV header row: {problem}")
    return names


def _problem(error: csv.Error) -> str:
    said = str(error)
    if "unexpected end" in said:
        return "not CSV: a quoted cell is never closed"
    if "new-line character" in said:
        return "not CSV: a carriage return outside of quotes"
    return f"not CSV: {said}"
