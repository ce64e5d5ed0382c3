from __future__ import annotations

import datetime
import gzip
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.errors import DataError, PrefcliError
from prefcli.feedback.containers import Row, read_files, read_rows

pyarrow = pytest.importorskip("pyarrow")
openpyxl = pytest.importorskip("openpyxl")
parquet = pytest.importorskip("pyarrow.parquet")

ROWS = [
    {"prompt": "p", "chosen": "a", "rejected": "b", "n": 1},
    {"prompt": "q", "chosen": "", "rejected": None, "n": 2},
]


def write_table(path: Path, rows: list[dict[str, Any]], kind: str) -> str:
    table = pyarrow.Table.from_pylist(rows)
    if kind == "parquet":
        parquet.write_table(table, path, row_group_size=2)
        return str(path)
    new = pyarrow.ipc.new_file if kind == "arrow" else pyarrow.ipc.new_stream
    with new(str(path), table.schema) as writer:
        writer.write_table(table)
    return str(path)


def write_book(path: Path, sheets: dict[str, list[list[Any]]]) -> str:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, cells in sheets.items():
        sheet = book.create_sheet(name)
        for row in cells:
            sheet.append(row)
    book.save(path)
    return str(path)


@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrow stream"])
@pytest.mark.parametrize("packed", [False, True])
def test_columnar_files_give_their_rows_numbered_as_a_spreadsheet_does(
    kind: str, packed: bool, tmp_path: Path
) -> None:
    path = Path(write_table(tmp_path / "x.bin", ROWS, kind))
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    rows = list(read_rows(str(path)))
    assert [row.value for row in rows] == ROWS
    assert [row.line for row in rows] == [2, 3]


def test_cells_are_what_json_has() -> None:
    when = datetime.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001
    row = {
        "messages": [{"role": "user", "content": "x"}],
        "told": '[{"role": "user", "content": "x"}]',
        "when": when,
        "bytes": b"text",
        "gone": float("nan"),
    }
    with tempfile.TemporaryDirectory() as directory:
        (read,) = read_rows(write_table(Path(directory) / "x", [row], "parquet"))
    assert read.value == {
        "messages": row["messages"],
        "told": row["messages"],
        "when": "2026-01-02T03:04:05",
        "bytes": "text",
        "gone": None,
    }


def test_bytes_in_a_cell_are_a_bad_row(tmp_path: Path) -> None:
    path = write_table(tmp_path / "x", [{"a": b"ok"}, {"a": b"\xff"}], "parquet")
    rows = list(read_rows(path))
    assert [(row.line, row.problem) for row in rows] == [
        (2, None),
        (3, "a cell holds bytes that are not UTF-8 text"),
    ]


@settings(deadline=None, max_examples=80)
@given(
    st.sampled_from(["parquet", "arrow", "arrow stream", "book"]), st.floats(0, 1), st.booleans()
)
def test_a_damaged_table_is_an_error_of_ours(kind: str, share: float, change: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "x"
        if kind == "book":
            write_book(path.with_suffix(".xlsx"), {"One": [["a", "b"], ["1", "2"]]})
            path = path.with_suffix(".xlsx")
        else:
            write_table(path, ROWS, kind)
        data = bytearray(path.read_bytes())
        at = int(share * (len(data) - 1))
        if change:
            data[at] ^= 0x55
        else:
            del data[at:]
        path.write_bytes(bytes(data))
        try:
            rows = list(read_rows(str(path)))
        except PrefcliError as error:
            assert "\n" not in error.message
        else:
            assert all(isinstance(row, Row) for row in rows)


@pytest.mark.parametrize("kind", ["arrow", "arrow stream"])
def test_no_changed_byte_of_an_arrow_file_ends_the_process(kind: str, tmp_path: Path) -> None:
    path = Path(write_table(tmp_path / "x", ROWS, kind))
    data = path.read_bytes()
    refused = 0
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            list(read_rows(str(path)))
        except PrefcliError:
            refused += 1
    assert refused > 50


def test_a_workbook_says_what_its_csv_would(tmp_path: Path) -> None:
    day = datetime.date(2026, 1, 2)
    cells = [[None, None], ["prompt", "label ", "n", "day"], ["p\nq", True, 2.0, day], [], ["r"]]
    path = write_book(tmp_path / "x.xlsx", {"One": cells})
    rows = list(read_rows(path))
    assert [row.value for row in rows] == [
        {"prompt": "p\nq", "label": "true", "n": "2", "day": "2026-01-02T00:00:00"},
        {"prompt": "r", "label": "", "n": "", "day": ""},
    ]
    assert [row.line for row in rows] == [3, 5]


def test_every_sheet_with_rows_is_a_file(tmp_path: Path) -> None:
    one, two = [["a", "b"], ["1", "2"]], [["c", "d"], ["3", "4"], ["5", "6", "7"]]
    path = write_book(tmp_path / "x.xlsx", {"One": one, "None": [], "Two": two})
    found = {name: list(rows) for name, rows in read_files(path)}
    assert list(found) == [f"{path}/One", f"{path}/Two"]
    assert [row.problem for row in found[f"{path}/Two"]] == [
        None,
        "expected 2 columns as in the header row, came 3",
    ]
    with pytest.raises(DataError, match="nothing to read"):
        list(read_rows(write_book(tmp_path / "y.xlsx", {"None": [], "Names": [["a"]]})))


@pytest.mark.parametrize(("package", "kind"), [("pyarrow", "parquet"), ("openpyxl", "book")])
def test_without_its_package_a_table_is_one_line(
    package: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = {"One": [["a", "b"], ["1", "2"]]}
    path = tmp_path / "x.xlsx"
    source = write_book(path, book) if kind == "book" else write_table(path, ROWS, kind)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PrefcliError, match=f"needs the package {package}"):
        list(read_rows(source))
