from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.errors import DataError, NotFoundError, PrefcliError
from prefcli.feedback import json_stream
from prefcli.feedback.containers import Row, read_rows

TWO = [{"a": "one"}, {"a": "two"}]


def rows_of(content: bytes | str, name: str = "file") -> list[Row]:
    data = content.encode() if isinstance(content, str) else content
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        path.write_bytes(data)
        return list(read_rows(str(path)))


def values(rows: list[Row]) -> list[Any]:
    return [row.value for row in rows]


def problems(rows: list[Row]) -> list[tuple[int, str]]:
    return [(row.line, row.problem) for row in rows if row.problem]


# What a file is ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv", "x.gz", "x"])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        '{"a": "one"}\n{"a": "two"}\n',
        '\n\n{"a": "one"}\r\n\r\n{"a": "two"}',
        '[{"a": "one"}, {"a": "two"}]',
        json.dumps(TWO, indent=2),
        json.dumps({"version": 1, "data": TWO}),
        json.dumps({"rows": TWO, "n": [2]}, indent=1),
        '{\n "a": "one"\n}\n{\n "a": "two"\n}\n',
    ],
)
def test_the_content_decides_what_json_is_whatever_the_name(
    text: str, zipped: bool, name: str
) -> None:
    data = text.encode()
    assert values(rows_of(gzip.compress(data) if zipped else data, name)) == TWO


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x"])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_content_decides_what_csv_is_whatever_the_name(zipped: bool, name: str) -> None:
    data = b'a,b\r\n1,"x, ""y""\r\nz"\r\n'
    rows = rows_of(gzip.compress(data) if zipped else data, name)
    assert values(rows) == [{"a": "1", "b": 'x, "y"\r\nz'}]


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    for text in ('{"a": "one"}\n{"a": "two"}', json.dumps(TWO), "a,b\n1,2\n"):
        plain = values(rows_of(text))
        assert values(rows_of("\ufeff" + text)) == plain


def test_one_object_is_one_row() -> None:
    assert values(rows_of('{\n  "prompt": "x",\n  "data": [1]\n}')) == [
        {"prompt": "x", "data": [1]}
    ]
    assert values(rows_of('{"prompt": "x"}')) == [{"prompt": "x"}]


def test_standard_input_is_read_like_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    data = gzip.compress(b'{"a": "one"}\n{"a": "two"}\n')
    stdin = io.TextIOWrapper(io.BytesIO(data))
    monkeypatch.setattr("sys.stdin", stdin)
    assert values(list(read_rows("-"))) == TWO
    assert not stdin.buffer.closed


def test_a_message_list_in_a_csv_cell_is_read_as_json() -> None:
    turns = [{"role": "user", "content": "x"}]
    file = io.StringIO()
    csv.writer(file).writerows([["messages", "b"], [json.dumps(turns), "[1, 2]"]])
    assert values(rows_of(file.getvalue())) == [{"messages": turns, "b": "[1, 2]"}]


def test_a_message_list_printed_by_python_is_refused() -> None:
    rows = rows_of("messages,label\n\"[{'role': 'user', 'content': 'x'}]\",true\n")
    assert "json.dumps" in problems(rows)[0][1]


# Where a row is ----------------------------------------------------------------------------------


def test_line_numbers_are_those_of_the_file() -> None:
    assert [row.line for row in rows_of('\n{"a": 1}\n\n{"a": 2}\n')] == [2, 4]
    assert [row.line for row in rows_of('\n[\n {"a":\n 1}, {"a": 2},\n\n {"a": 3}]')] == [3, 4, 6]
    assert [row.line for row in rows_of('{"n": 1,\n "data": [\n{"a": 1},\n{"a": 2}]}')] == [3, 4]
    assert [row.line for row in rows_of('a,b\n"1\n\n2",3\n\n4,5\n')] == [2, 6]


def test_the_raw_text_of_a_row_is_what_came() -> None:
    lines = ['{"a" : 1}\r\n', "oops \n", '{"a":\t"\u00e9"}']
    assert [row.raw for row in rows_of("".join(lines), "x.jsonl")] == lines
    records = ["a,b\r\n", '"1\n2","3"\r\n', "4,5,6\n", "7,8"]
    rows = rows_of("".join(records))
    assert [row.raw for row in rows] == records[1:]
    assert {row.header for row in rows} == {records[0]}
    assert [row.raw for row in rows_of('[ {"a" :1} ,{"b":[ ]}]')] == ['{"a" :1}', '{"b":[ ]}']


# Bad rows ----------------------------------------------------------------------------------------


def test_a_bad_line_does_not_hide_the_others() -> None:
    rows = rows_of('{"a": 1}\n{"a": \n[1]\n{"a": NaN}\n{"a": "\\ud800"}\nnull\n{"a": 2}\n')
    assert values(rows) == [{"a": 1}, None, None, rows[3].value, None, None, {"a": 2}]
    found = problems(rows)
    assert [line for line, _ in found] == [2, 3, 5, 6]
    assert found[0][1].startswith("not JSON: Expecting value")
    assert found[1][1] == "expected a JSON object with fields, came '[1]'"
    assert "surrogate" in found[2][1]


@pytest.mark.parametrize("first", ['{"a": 1', "oops", '{"a": "x}', '{"a": 1,'])
def test_a_bad_first_line_does_not_change_what_the_file_is(first: str) -> None:
    rows = rows_of(first + '\n{"a": 2}\n{"a": 3}\n', "x")
    assert values(rows) == [None, {"a": 2}, {"a": 3}]
    assert [line for line, _ in problems(rows)] == [1]


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ('[{"a": 1},\n {"a" 2},\n {"a": 3}]', [1, 3], [2]),
        ('[{"a": 1},\n {"a": 2,\n {"a": 3}]', [1, 3], [2]),
        ('[{"a": 1},\n {"a": "2},\n {"a": 3}]', [1, 3], [2]),
        ('[{"a": 1},\n 7,\n {"a": 3}]', [1, 3], [2]),
        ('[{"a": 1},\n ,\n {"a": 3}]', [1, 3], [2]),
        ('[{"a": 1},\n {"a": 3},]', [1, 3], [2]),
        ('[{"a": 1},\n {"a": 3}\n] more', [1, 3], [3]),
        ('[{"a": 1},\n {"a": 3},\n {"a": "cut', [1, 3], [3]),
        ('[{"a": 1},\n {"a": 3},\n', [1, 3], [3]),
    ],
)
def test_a_fault_in_a_json_list_stays_in_its_row(
    text: str, good: list[int], bad: list[int]
) -> None:
    rows = rows_of(text)
    assert [row.value["a"] for row in rows if row.value] == good
    assert [line for line, _ in problems(rows)] == bad


def test_bad_csv_rows_are_named() -> None:
    rows = rows_of('a,b\n1\n1,2,3\n"x"y,2\n4,5\n6,"7\n')
    assert values(rows) == [None, None, None, {"a": "4", "b": "5"}, None]
    assert problems(rows) == [
        (2, "expected 2 columns as in the header row, came 1"),
        (3, "expected 2 columns as in the header row, came 3"),
        (4, "not CSV: ',' expected after '\"'"),
        (6, "not CSV: a quoted cell is never closed"),
    ]


def test_damage_in_utf8_is_one_problem_and_survives() -> None:
    for text in (
        b'{"a": "\xc3\xa9"}\n{"a": "\xe9"}\n',
        b'[{"a": "\xc3\xa9"},\n{"a": "\xe9"}]',
        b"a,b\n\xc3\xa9,2\n\xe9,3\n",
    ):
        rows = rows_of(text)
        ((line, problem),) = problems(rows)
        assert problem == "not UTF-8 text"
        assert rows[-1].raw.encode("utf-8", "surrogateescape").strip() in text.splitlines()[
            line - 1
        ].rstrip(b"]")


def test_hostile_json_is_a_bad_row() -> None:
    for text in ("[" * 100_000, '{"a": ' * 100_000, '{"a": ' + "1" * 5000 + "}"):
        rows = rows_of(text + "\n", "x.jsonl")
        assert values(rows) == [None] * len(rows)
        assert all(row.problem for row in rows)


# Files that hold no rows -------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf", b"[]", b"a,b\n", b'{"data": []}'])
def test_a_file_without_rows_is_an_error(data: bytes) -> None:
    for content in (data, gzip.compress(data)):
        with pytest.raises(DataError, match="nothing to read"):
            rows_of(content)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"PAR1xxxx", "parquet data is cut off or damaged"),
        (b"PK\x03\x04xxx", "zip data is cut off or damaged"),
        (b"%PDF-1.7", "a PDF"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b'{"a": "\x00\x01"}', "binary"),
        (b"Once upon a time\nthere was", "begins 'Once upon a time'"),
        (b"a,a\n1,2\n", "'a' occurs twice"),
        (b'\x1f\x8b{"a": 1}\n', "gzip data is cut off or damaged"),
    ],
)
def test_what_is_no_rows_is_named(data: bytes, what: str) -> None:
    with pytest.raises(DataError, match=what):
        rows_of(data)


def test_a_truncated_gzip_file_is_an_error_and_not_the_end() -> None:
    data = gzip.compress(b"".join(b'{"a": %d}\n' % number for number in range(20_000)))
    for end in (len(data) - 1, len(data) // 2, 12, 3):
        with pytest.raises(DataError, match=r"^\S*: the gzip data is cut off or damaged"):
            rows_of(data[:end])
    broken = bytearray(data)
    broken[len(data) // 2] ^= 0xFF
    with pytest.raises(DataError, match="cut off or damaged"):
        rows_of(bytes(broken))


def test_a_file_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        list(read_rows(str(tmp_path / "none.jsonl")))
    with pytest.raises(DataError, match="is a directory"):
        list(read_rows(str(tmp_path)))
    with pytest.raises(NotFoundError, match="cannot be opened"):
        list(read_rows("a\0b"))


# Properties --------------------------------------------------------------------------------------

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
objects = st.dictionaries(st.text(max_size=3), json_values, min_size=1, max_size=4)


@settings(deadline=None, max_examples=60)
@given(st.lists(objects, min_size=1, max_size=4), st.sampled_from([None, 0, 1, 3]), st.booleans())
def test_json_rows_come_back_as_they_were_written(
    written: list[dict[str, Any]], indent: int | None, ascii_only: bool
) -> None:
    def dumps(value: Any, indent: int | None = None) -> str:
        return json.dumps(value, indent=indent, ensure_ascii=ascii_only)

    assert values(rows_of("[" + ",".join(dumps(row, indent) for row in written) + "]")) == written
    if len(written) > 1:
        assert values(rows_of("\n".join(map(dumps, written)))) == written
    if len(written) > 1 and indent is not None:
        assert values(rows_of("\n".join(dumps(row, indent) for row in written))) == written


cells = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=4))
def test_csv_rows_come_back_as_they_were_written(written: list[tuple[str, str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("prompt", "chosen"), *written])
    text = file.getvalue()
    if "\0" in text:
        return
    expected = [{"prompt": first, "chosen": second} for first, second in written]
    rows = rows_of(text)
    assert values(rows) == expected
    assert "".join(row.raw for row in rows) == text.split("\n", 1)[1]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([b"", b"[", b'{"a":', b"a,b\n", b"\x1f\x8b\x08\0"]))
def test_arbitrary_bytes_give_rows_or_an_error_of_ours(data: bytes, start: bytes) -> None:
    try:
        rows = rows_of(start + data, "x.jsonl")
    except PrefcliError as error:
        assert "\n" not in error.message
    else:
        assert all((row.value is None) == bool(row.problem) and row.line >= 1 for row in rows)


json_like = st.text('{}[],:"\\ \n1a', max_size=60)


@settings(deadline=None, max_examples=200)
@given(json_like, st.lists(st.integers(0, 60), max_size=6))
def test_where_the_text_is_cut_does_not_matter(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
    for split in (json_stream.array_elements, json_stream.objects):
        assert list(split(pieces)) == list(split([text]))
