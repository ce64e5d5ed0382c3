from __future__ import annotations

import bz2
import gzip
import importlib
import io
import json
import lzma
import os
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prefcli.errors import DataError, PrefcliError
from prefcli.feedback.containers import Row, databases, read_files, read_rows

zstd: Any = importlib.import_module(
    "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
)


def zipped(data: bytes, name: str = "rows.jsonl") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def tarred(data: bytes, name: str = "rows.jsonl") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


STREAMS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
}
PACKINGS: dict[str, Callable[[bytes], bytes]] = {**STREAMS, "zip": zipped, "tar": tarred}
TWO = [{"a": "one"}, {"a": "two"}]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in TWO)


def rows_of(data: bytes, name: str = "file") -> list[Row]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        path.write_bytes(data)
        return list(read_rows(str(path)))


def values(rows: list[Row]) -> list[Any]:
    return [row.value for row in rows]


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("name", ["x.jsonl", "x.gz", "x.csv", "x"])
def test_packed_data_is_read_for_what_it_is_whatever_the_name(packing: str, name: str) -> None:
    assert values(rows_of(PACKINGS[packing](LINES), name)) == TWO


@pytest.mark.parametrize("outer", PACKINGS)
@pytest.mark.parametrize("inner", PACKINGS)
def test_packings_may_lie_in_each_other(outer: str, inner: str) -> None:
    assert values(rows_of(PACKINGS[outer](PACKINGS[inner](LINES)))) == TWO


def test_an_endless_nest_is_refused() -> None:
    data = LINES
    for _ in range(6):
        data = gzip.compress(data)
    with pytest.raises(DataError, match="packed more than 4 times over"):
        rows_of(data)


@pytest.mark.parametrize("packing", STREAMS)
def test_streams_one_after_the_other_are_one_file(packing: str) -> None:
    pack = STREAMS[packing]
    first, second = LINES[:5], LINES[5:]
    assert values(rows_of(pack(first) + pack(second))) == TWO


@pytest.mark.parametrize("packing", PACKINGS)
def test_standard_input_need_not_go_back(packing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    data = PACKINGS[packing](LINES * 5000)

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(data)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "r") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert values(list(read_rows("-"))) == TWO * 5000
    thread.join()


# Archives ----------------------------------------------------------------------------------------


def test_the_members_of_an_archive_are_files_with_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b/rows.jsonl", b'\n{"a": 1}\n')
        archive.writestr("a.csv", b"a,b\n1,2\n")
        archive.writestr("__MACOSX/b/._rows.jsonl", b"\0\0")
        archive.writestr(".hidden.jsonl", b"no")
        archive.writestr("README.md", b"# Data")
    notes: list[str] = []
    found = [(name, list(rows)) for name, rows in read_files(str(path), notes.append)]
    assert [(name, [row.line for row in rows]) for name, rows in found] == [
        (f"{path}/b/rows.jsonl", [2]),
        (f"{path}/a.csv", [2]),
    ]
    assert notes == [f"{path}: 1 file is no feedback by name and not read: README.md"]


def test_a_fault_in_an_archive_names_the_member() -> None:
    with pytest.raises(DataError, match=r"/file/rows\.jsonl: is a PDF"):
        rows_of(zipped(b"%PDF"))
    with pytest.raises(DataError, match="holds no files"):
        rows_of(zipped(b"x", ".hidden"))


def test_an_encrypted_member_is_one_line() -> None:
    data = bytearray(zipped(LINES))
    data[6] |= 1  # the flags, in the member's own header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and in the archive's list
    with pytest.raises(DataError, match=r"rows\.jsonl: is encrypted"):
        rows_of(bytes(data))


def test_an_archive_may_bring_one_file_of_any_name() -> None:
    assert values(rows_of(zipped(LINES, "what I said"))) == TWO


# Damage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", ["gzip", "bzip2", "xz", "zstd"])
def test_a_cut_stream_says_how_far_it_was_good(packing: str) -> None:
    lines = b"".join(b'{"a": "%s"}\n' % os.urandom(40).hex().encode() for _ in range(20_000))
    data = PACKINGS[packing](lines)
    with pytest.raises(DataError) as caught:
        rows_of(data[: len(data) - 9])
    assert f"the {packing} data is cut off or damaged" in caught.value.message
    with pytest.raises(DataError, match=r"after line \d+ \(\d+ rows read\)"):
        rows_of(data[: len(data) // 2 + len(data) // 4])


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(PACKINGS)), st.floats(0, 1), st.booleans())
def test_cut_anywhere_packed_data_gives_an_error_of_ours_or_all_rows(
    packing: str, share: float, change: bool
) -> None:
    data = bytearray(PACKINGS[packing](LINES))
    at = int(share * (len(data) - 1))
    if change:
        data[at] ^= 0x55
    else:
        del data[at:]
    try:
        rows = rows_of(bytes(data))
    except PrefcliError as error:
        assert "\n" not in error.message
    else:
        # A name or a date in a header may change and nothing else; these two keep no checksum.
        assert (change and packing in ("tar", "zstd")) or values(rows) == TWO


SIGNATURES = [b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"]
SIGNATURES += [b"PK\x05\x06", b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff", b"SQLite format 3\0"]
SIGNATURES += [b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"{\0", b"a,b\n", b"a\tb\n", b"sep=;\n"]
SIGNATURES += [b"", b"[", b"{", b'{"data": [', b'{\n"a": ', b"\0" * 257 + b"ustar"]


@settings(deadline=None, max_examples=400)
@given(st.binary(max_size=300), st.sampled_from(SIGNATURES), st.sampled_from(["x", "x.csv"]))
@example(b"\n\r\x01", b"", "x")
@example(b"\n\r\x01", b"", "x.csv")
def test_any_bytes_give_rows_or_an_error_of_ours(data: bytes, start: bytes, name: str) -> None:
    try:
        rows = rows_of(start + data, name)
    except PrefcliError as error:
        assert "\n" not in error.message
    else:
        assert rows
        assert all((row.value is None) == bool(row.problem) and row.line >= 1 for row in rows)
        for row in rows:
            row.raw.encode("utf-8", "surrogateescape")


def test_without_its_package_zstd_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    data = zstd.compress(LINES)
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PrefcliError, match=r"needs the package backports\.zstd"):
        rows_of(data)


# Databases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_database_is_handed_to_the_first_reader_that_knows_it(
    pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"SQLite format 3\0 and the rest"

    def reader(path: Path, name: str) -> Any:
        assert path.read_bytes() == data
        return iter([Row(1, {"name": name}, "")])

    monkeypatch.setattr(databases, "READERS", [lambda *_: None, reader])
    (row,) = rows_of(pack(data), "logs.db")
    assert row.value is not None
    assert row.value["name"].endswith("/logs.db")
