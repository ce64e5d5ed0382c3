"""Coverage-guided fuzzing of what ingest reads: `python tests/fuzz/readers.py --seconds 600`.

An input is three bytes and a content. The bytes choose the file's name, what the content is packed
in (so that changes reach what is inside a container), and the format or the columns that are asked
for. Changed inputs come from libFuzzer, by atheris, which keeps those that reach new code; the
first ones are every format's example in every text and table that can hold it. What must hold:

- whatever the bytes are, only the project's own errors come out, and soon;
- a row is stored or rejected or says nothing, and never two of these;
- what is stored comes back as the judgement that it was, under the same key.

The first input that breaks one of them is saved and ends the run.

atheris is no dependency of the tests: `pip install atheris`.
"""

from __future__ import annotations

import argparse
import bz2
import csv
import fcntl
import gzip
import io
import json
import lzma
import os
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["prefcli"]):
    from prefcli.errors import PrefcliError
    from prefcli.feedback.containers import Row
    from prefcli.feedback.formats import FORMATS
    from prefcli.feedback.formats.table import Columns
    from prefcli.services.bad_rows import BadRows
    from prefcli.services.ingest import Entry, Flow, ingest
    from prefcli.services.users import Users
    from prefcli.store import Store

SLOW = 5.0  # seconds for one input of at most LONGEST bytes, with every line traced
LONGEST = 8192
NAMES = ("rows.jsonl", "rows.json", "rows.csv", "rows.tsv", "rows", "rows.jsonl.gz", "rows.xlsx")
TABLES: tuple[Columns | None, ...] = (
    None,
    Columns(prompt="prompt", chosen="chosen", rejected="rejected", id="id", time="time"),
    Columns(prompt="prompt", response="completion", score="score", label="label", reason="reason"),
    Columns(prompt="a.b", response="c.0", edited="d"),
)
HEADER = 3


def _zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("rows.jsonl", content)
    return packed.getvalue()


def _tar(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("rows.jsonl")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _utf16(content: bytes) -> bytes:
    return content.decode("utf-8", "replace").encode("utf-16")


PACKERS: tuple[Callable[[bytes], bytes], ...] = (
    bytes,
    _utf16,
    gzip.compress,
    bz2.compress,
    lzma.compress,
    _zip,
    _tar,
)


class Watched(Flow):
    """A pass that checks that every row has one fate."""

    def _of_row(self, row: Row, *more: Any) -> list[Entry]:
        before = (self.bad.count, self.report.ties, self.silent)
        entries = super()._of_row(row, *more)
        rejected, ties, silent = (
            now - then
            for now, then in zip(
                (self.bad.count, self.report.ties, self.silent), before, strict=True
            )
        )
        fates = [rejected == 1, bool(entries or ties), silent == 1]
        assert sum(fates) == 1, f"row {row.line} has the fates {fates}"
        assert rejected or row.value is not None, "a row that cannot be read was stored"
        return entries


def check(data: bytes, place: Path, store: Store) -> None:
    """Read one input and check what must hold.

    Raises:
        AssertionError: it does not; anything else but the project's own errors is a fault too.
    """
    header = data[:HEADER].ljust(HEADER, b"\0")
    path = place / NAMES[header[0] % len(NAMES)]
    path.write_bytes(PACKERS[header[1] % len(PACKERS)](data[HEADER:]))
    modes = [None, *TABLES[1:], *(one.name for one in FORMATS)]
    mode = modes[header[2] % len(modes)]
    asked: dict[str, Any] = {
        "format": mode if isinstance(mode, str) else None,
        "columns": mode if isinstance(mode, Columns) else None,
    }
    began = time.monotonic()
    try:
        flow = Watched.of([str(path)], Users("zoe"), **asked, bad=BadRows(True), progress=None)
        entries = list(flow.entries())
        _check_store(store, entries, str(path), asked)
    except PrefcliError as error:
        assert error.message.strip(), "an error that says nothing"
        assert "\n" not in error.message, "an error of several lines"
    finally:
        path.unlink()
    taken = time.monotonic() - began
    assert taken < SLOW, f"took {taken:.1f} s"


def _check_store(store: Store, entries: list[Entry], path: str, asked: dict[str, Any]) -> None:
    """Ingest the same file; what is stored is what was read. The store is empty afterwards."""
    if not entries:
        return
    report = ingest(store, [path], user="zoe", skip_bad=True, **asked)
    assert report.inserted + report.duplicates == len(entries), "rows were lost or doubled"
    stored = {row.feedback.key: row.feedback for row in store.feedback()}
    assert len(stored) == report.inserted, "two rows with one key"
    first = {judgement.key: judgement for judgement, *_ in reversed(entries)}
    assert stored == first, "a row was bent"
    assert ingest(store, [path], user="zoe", skip_bad=True, **asked).inserted == 0
    store.undo_ingest()
    assert store.undo_ingest().removed == report.inserted, "a row was not taken back"


def seeds() -> Iterator[bytes]:
    """Every format's example in the texts and tables that can hold it."""
    rows = [json.loads(one.example) for one in FORMATS]
    for row in rows:
        line = json.dumps(row, ensure_ascii=False).encode()
        for packing in range(len(PACKERS)):
            yield bytes((0, packing, 0)) + line + b"\n{oops\n" + line
        yield bytes((1, 0, 0)) + b"[" + line + b",\n " + line + b"]"
        yield bytes((1, 0, 0)) + json.dumps({"data": [row, row]}, indent=1).encode()
        yield bytes((2, 0, 0)) + _csv(row)
        for mode in range(1, len(TABLES)):
            yield bytes((0, 0, mode)) + line
    for number, one in enumerate(FORMATS):
        yield bytes((0, 0, len(TABLES) + number)) + one.example.encode()
    yield bytes((0, 0, 0)) + 'Caf\u00e9,prompt;chosen\r"a\r\n"'.encode("cp1252")
    yield from (bytes((6, 0, 0)) + content for content in _binaries(rows))


def _csv(row: dict[str, Any]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(row)
    writer.writerow(
        value if isinstance(value, str) else json.dumps(value) for value in row.values()
    )
    return text.getvalue().encode()


def _binaries(rows: list[dict[str, Any]]) -> Iterator[bytes]:
    """Tables and databases as their programs write them."""
    import openpyxl
    import pyarrow
    from pyarrow import parquet

    book = openpyxl.Workbook()
    book.active.append(["prompt", "chosen", "rejected"])
    book.active.append(["a", "b", "c"])
    for_book = io.BytesIO()
    book.save(for_book)
    yield for_book.getvalue()
    table = pyarrow.table({"prompt": ["a"], "chosen": ["b"], "rejected": ["c"]})
    for_parquet, for_arrow = io.BytesIO(), io.BytesIO()
    parquet.write_table(table, for_parquet)
    yield for_parquet.getvalue()
    with pyarrow.ipc.new_file(for_arrow, table.schema) as writer:
        writer.write_table(table)
    yield for_arrow.getvalue()
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "logs.db")
        with sqlite3.connect(path) as logs:
            logs.execute(
                "create table responses (id text primary key, model text, prompt text, "
                "system text, response text, conversation_id text, datetime_utc text)"
            )
            logs.execute(
                "create table feedback (id integer primary key, response_id text, "
                "datetime_utc text, feedback text, comment text)"
            )
            logs.execute("insert into responses values ('r', 'm', 'a', null, 'b', 'c', '2025')")
            logs.execute("insert into feedback values (1, 'r', '2025', '+1', null)")
        logs.close()
        yield path.read_bytes()


def _emptied() -> Path:
    """A directory of this person's, in memory where there is such, empty at every start.

    libFuzzer ends the process itself, so nothing is removed afterwards: one run's files wait for
    the next. Two runs at once would share it, so the second is refused.
    """
    memory = Path("/dev/shm")  # noqa: S108
    root = memory if memory.is_dir() else Path(tempfile.gettempdir())
    place = root / f"prefcli-fuzz-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.getuid():
        raise SystemExit(f"{place} belongs to somebody else: remove it")
    lock = os.open(place, os.O_RDONLY)  # held until the process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit(f"another run is using {place}") from None
    for left in place.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
    return place


def main() -> None:
    """Fuzz for a time, or read one saved input again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--faults", type=Path, default=Path(), help="where inputs are saved")
    parser.add_argument("--again", type=Path, help="an input that was saved")
    asked = parser.parse_args()
    place = _emptied()
    with Store.open(place / "home") as store:
        if asked.again is not None:
            check(asked.again.read_bytes(), place, store)
            return
        corpus = place / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(seeds()):
            (corpus / str(number)).write_bytes(seed)
        names = {name for one in FORMATS for name in json.loads(one.example)}
        dictionary = place / "names"
        dictionary.write_text("".join(f"{json.dumps(one)}\n" for one in sorted(names)), "ascii")
        atheris.Setup(
            [
                sys.argv[0],
                f"-max_total_time={asked.seconds}",
                f"-max_len={LONGEST}",
                f"-dict={dictionary}",
                f"-artifact_prefix={asked.faults}/",
                "-timeout=60",
                "-rss_limit_mb=4096",
                "-print_final_stats=1",
                str(corpus),
            ],
            lambda data: check(data, place, store),
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
