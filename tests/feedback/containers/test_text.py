from __future__ import annotations

import csv
import io
import json
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.errors import DataError
from prefcli.feedback import json_stream, limits
from prefcli.feedback.containers import Row, csv_rows, read_rows, text

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
ROWS = [{"a": "Caf\u00e9 \u201cRouge\u201d", "b": "1"}, {"a": "na\u00efve", "b": ""}]


def read(data: bytes, name: str = "file") -> tuple[list[Row], list[str]]:
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        path.write_bytes(data)
        rows = list(read_rows(str(path), notes.append))
    return rows, notes


def values(data: bytes, name: str = "file") -> list[Any]:
    return [row.value for row in read(data, name)[0]]


def as_json_lines(rows: list[dict[str, str]], end: str = "\n") -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + end for row in rows)


def as_csv(rows: list[dict[str, str]], delimiter: str = ",", end: str = "\n") -> str:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_same_rows_come_out_of_every_encoding_and_line_end(encoding: str, end: str) -> None:
    layouts = [
        as_json_lines(ROWS, end),
        json.dumps(ROWS, ensure_ascii=False, indent=1).replace("\n", end),
        json.dumps({"data": ROWS}, ensure_ascii=False, indent=1).replace("\n", end),
        end.join(json.dumps(row, ensure_ascii=False, indent=1) for row in ROWS).replace("\n", end),
        *(as_csv(ROWS, delimiter, end) for delimiter in csv_rows.DELIMITERS),
    ]
    for layout in layouts:
        assert values(layout.encode(encoding)) == ROWS


def test_line_numbers_are_the_same_whatever_ends_a_line() -> None:
    for end in ("\n", "\r\n", "\r"):
        for layout in (as_json_lines(ROWS, end), end.join(["[", '{"a": 1},', '{"a": 2}]'])):
            lines = [row.line for row in read(layout.encode())[0]]
            assert lines == ([1, 2] if layout[0] == "{" else [2, 3])


def test_windows_1252_is_said_once_per_file_and_kept_byte_for_byte() -> None:
    data = as_json_lines(ROWS * 3).encode("cp1252")
    rows, notes = read(data, "old.jsonl")
    assert [note.partition("/old.jsonl")[2] for note in notes] == [
        " is not UTF-8: read as Windows-1252 (cp1252)"
    ]
    assert "".join(row.raw for row in rows).encode("utf-8", "surrogateescape") == data
    assert read(as_json_lines(ROWS).encode())[1] == []


def test_a_byte_that_no_encoding_has_is_a_bad_row() -> None:
    rows, notes = read(b'{"a": "\x81"}\n{"a": "b"}\n')
    assert rows[0].problem == "neither UTF-8 nor Windows-1252 text"
    assert rows[1].value == {"a": "b"}
    assert notes == []


def test_nul_characters_and_half_pairs_are_bad_rows_and_not_a_bad_file() -> None:
    rows, _ = read(b'{"a": "b"}\n{"a": "\0"}\n{"a": "\\ud83d"}\n{"a": "c"}\n')
    assert [row.line for row in rows if row.problem] == [2, 3]
    rows, _ = read(b"a,b\n1,2\n3,\0\n4,5\n")
    assert [row.line for row in rows if row.problem] == [3]
    rows, _ = read(b'{"a": "b"}\n{"a": "\xd8\x3d"}\n'.decode("latin-1").encode("utf-16"))
    assert [row.problem for row in rows] == [None, None]
    half = '{"a": "b"}\n{"a": "\ud83d"}\n'.encode("utf-16", "surrogatepass")
    assert [row.line for row in read(half)[0] if row.problem] == [2]


def test_utf16_that_is_cut_in_a_character_is_an_error() -> None:
    with pytest.raises(DataError, match="UTF-16-LE data is cut off or damaged"):
        read(as_json_lines(ROWS).encode("utf-16")[:-1])


characters = st.text(st.characters(codec="cp1252", exclude_characters="\0\r\n"), max_size=12)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.fixed_dictionaries({"a": characters, "b": characters}), min_size=2, max_size=4),
    st.sampled_from(ENCODINGS),
    st.sampled_from(csv_rows.DELIMITERS),
)
def test_what_was_written_in_an_encoding_is_read(
    rows: list[dict[str, str]], encoding: str, delimiter: str
) -> None:
    if encoding == "cp1252":
        for row in rows:  # such bytes may be UTF-8 by chance, if somebody tries
            for part in row.values():
                try:
                    if not part.isascii() and part.encode("cp1252").decode():
                        return
                except UnicodeDecodeError:
                    continue
    assert values(as_json_lines(rows).encode(encoding)) == rows
    filled = [row for row in rows if "".join(row.values()).strip()]
    if filled:
        written = as_csv(filled, delimiter)
        assert values(written.encode(encoding)) == filled


# CSV ---------------------------------------------------------------------------------------------


def test_header_cells_may_hold_spaces_and_blank_rows_say_nothing() -> None:
    data = b'Elementary,Intermediate ,Advanced\r\n"a\rb",c,d\r\n\r\n,,\r\ne,f,g\r\n'
    rows, _ = read(data)
    assert [row.value for row in rows] == [
        {"Elementary": "a\rb", "Intermediate": "c", "Advanced": "d"},
        {"Elementary": "e", "Intermediate": "f", "Advanced": "g"},
    ]
    assert [row.line for row in rows] == [2, 5]


def test_long_answers_full_of_commas_do_not_decide_what_parts_the_columns() -> None:
    data = b"prompt;chosen;rejected\na, b, c;d, e, f, g;h, i\n"
    assert values(data) == [{"prompt": "a, b, c", "chosen": "d, e, f, g", "rejected": "h, i"}]
    assert values(b"sep=;\r\na;b\r\n1;2\r\n") == [{"a": "1", "b": "2"}]


# Size --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start", ['{"a": "b"}\n{"a": "', '[{"a": "', '{"data": [{"a": "', 'a,b\n1,"', '{\n"a": "b",\n"']
)
@pytest.mark.parametrize("filling", ["x", "\\n", "{"])
def test_a_row_without_an_end_fails_before_it_fills_the_memory(
    start: str, filling: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limit = 1 << 18
    for module in (limits, json_stream, csv_rows, text):
        monkeypatch.setattr(module, "LARGEST_ROW", limit)
    path = tmp_path / "x"
    path.write_text(start + filling * (16 * limit // len(filling)))
    tracemalloc.start()
    with pytest.raises(DataError, match="a row of more than"):
        list(read_rows(str(path)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 14 * limit
