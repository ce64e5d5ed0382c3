"""Rows of Excel workbooks, by openpyxl, row by row (the sheet's shared texts are held).

A cell is what its CSV would say: a workbook and the CSV saved from it give the same judgements.
"""

from __future__ import annotations

import datetime
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prefcli.errors import DataError, PrefcliError
from prefcli.feedback.containers.rows import Row, cell, printable_name


def sheets(path: Path, name: str) -> Iterator[tuple[str, Iterator[Row]]]:
    """The sheets of a workbook that hold rows: (name, rows).

    Raises:
        PrefcliError: openpyxl is not installed.
        DataError: the workbook cannot be read, or a sheet has no header row.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise PrefcliError(
            f"{name}: is an Excel workbook; reading it needs the package openpyxl "
            "(the extra 'tables' of prefcli)"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that say nothing about rows
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except Exception as error:  # the library lets through whatever the XML leads it into
            raise _unreadable(name, error) from error
    try:
        shown = [one for one in book.worksheets if one.sheet_state == "visible"]
        for sheet in shown:
            inner = name if len(shown) == 1 else f"{name}/{printable_name(sheet.title)}"
            yield inner, _rows(sheet, inner)
    finally:
        book.close()


def _rows(sheet: Any, name: str) -> Iterator[Row]:
    header: list[str] | None = None
    for number, values in _values(sheet, name):
        cells = [_text(value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if header is None:
            header = _header(cells, f"{name}:{number}")
            continue
        if len(cells) > len(header):
            raw = json.dumps(cells, ensure_ascii=False)
            problem = f"expected {len(header)} columns as in the header row, came {len(cells)}"
            yield Row(number, None, raw, problem)
            continue
        cells += [""] * (len(header) - len(cells))
        value = {key: cell(one) for key, one in zip(header, cells, strict=True) if key}
        yield Row(number, value, json.dumps(value, ensure_ascii=False))


def _values(sheet: Any, name: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    sheet.reset_dimensions()  # what the file says of its size is often wrong
    try:
        yield from enumerate(sheet.iter_rows(values_only=True), 1)
    except Exception as error:  # as above
        raise _unreadable(name, error) from error


def _header(cells: list[str], where: str) -> list[str]:
    names = [one.strip() for one in cells]
    twice = sorted({one for one in names if one and names.count(one) > 1})
    if twice:
        raise DataError(f"{where}: header row: column {twice[0]!r} occurs twice")
    return names


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    # Excel writes a carriage return, and what else XML has no place for, as _x000D_.
    return str(value).replace("_x000D_", "")


def _unreadable(name: str, error: Exception) -> DataError:
    said = " ".join(str(error).split())[:80] or type(error).__name__
    return DataError(f"{name}: is an Excel workbook that cannot be read: {said}")
