"""Feedback that leaves the catalog is what was said, and comes back as it was."""

from __future__ import annotations

import csv
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.errors import NotFoundError, PrefcliError, UsageError
from prefcli.feedback.records import Feedback, Message, text_prompt
from prefcli.services.export import COLUMNS, export_feedback
from prefcli.services.ingest import ingest
from prefcli.store import Store
from tests.judgements import judgements, readable

SKY = text_prompt("What is the sky?")
ROWS = [
    Feedback("alice", "pair", SKY, ("Blue.", "Green."), strength=2, low=1, high=3),
    Feedback("alice", "pair", SKY, ("Blue.", "Bluish."), 0.5),
    Feedback("alice", "thumb", SKY, ("Green.",), 0.0, reason="wrong, and\nrude"),
    Feedback("alice", "rating", SKY, ("Blue.",), 4, low=1, high=5),
    Feedback("bob", "ranking", SKY, ("Green.", "Blue.", "Azure."), ranks=(2, 1, 1)),
    Feedback("bob", "edit", (Message("system", "Be brief."), *SKY), ("Blue.", "It is blue.")),
    Feedback("bob", "demonstration", SKY, ("Blue.",), annotator="zoe", row_id="7", time="now"),
]


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as opened:
        opened.add_feedback([(row, "rows.jsonl", 1) for row in ROWS])
        yield opened


def exported(store: Store, format: str, **more: Any) -> list[dict[str, Any]]:
    pieces: list[str] = []
    export_feedback(store, format, write=pieces.append, **more)
    return [json.loads(line) for line in "".join(pieces).split("\n") if line]


def everything(home: Path) -> list[tuple[Any, ...]]:
    """Every column of every row but the catalog's own numbers."""
    connection = sqlite3.connect(home / "catalog.db")
    names = [row[1] for row in connection.execute("PRAGMA table_info (feedback)")]
    left_out = {"id", "ingest"}
    rows = connection.execute("SELECT * FROM feedback ORDER BY id").fetchall()
    connection.close()
    kept = [place for place, name in enumerate(names) if name not in left_out]
    return [tuple(row[place] for place in kept) for row in rows]


names = st.sampled_from(["alice", "bob", "Zoë", "u=1"])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(names.flatmap(lambda name: judgements(name, readable)), min_size=1, max_size=8),
    st.text(min_size=1, max_size=9),
    st.integers(1, 2**63 - 1),
    st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_an_export_read_into_a_new_home_is_the_same_catalog(
    rows: list[Feedback], source: str, line: int, when: datetime | None
) -> None:
    rows = [*ROWS, *(row for row in rows if not row.says_nothing)]  # all kinds, whatever is drawn
    created = when and when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with tempfile.TemporaryDirectory() as directory:
        first, second, file = (Path(directory) / name for name in ("a", "b", "x.jsonl"))
        with Store.open(first) as store:
            store.add_feedback([(row, source, line, created) for row in rows])
            report = export_feedback(store, output=file)
        kept = everything(first)
        with Store.open(second) as store:
            read = ingest(store, [str(file)])
            assert (read.inserted, read.duplicates) == (report.rows, 0)
            assert everything(second) == kept
            again = file.with_name("y.jsonl")
            export_feedback(store, output=again)
            assert again.read_bytes() == file.read_bytes()
            assert ingest(store, [str(again)]).inserted == 0
            store.undo_ingest()
            assert (store.undo_ingest().removed, everything(second)) == (report.rows, [])


def test_what_an_export_brought_is_taken_back_by_the_name_of_the_export(
    store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "x.jsonl"
    export_feedback(store, output=file, user="bob")
    with Store.open(tmp_path / "new") as new:
        ingest(new, [str(file)])
        assert {row.source for row in new.feedback()} == {"rows.jsonl"}
        undone = new.undo_ingest()
    assert (undone.sources, undone.removed) == ([str(file)], 3)


def test_pseudonyms_reach_the_file_that_an_export_names(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    with Store.open(tmp_path / "a") as store:
        store.add_feedback([(row, f"votes-{row.user}.jsonl", 1) for row in ROWS])
        export_feedback(store, output=file)
    with Store.open(tmp_path / "b") as store:
        ingest(store, [str(file)], pseudonymize=True)
        for row in store.feedback():
            assert row.source == f"votes-{row.feedback.user}.jsonl"
            assert row.feedback.user.startswith("u-")


def test_the_user_of_an_export_can_be_chosen_on_the_way_in(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    export_feedback(store, output=file, user="bob")
    assert ingest(store, [str(file)], map_user={"bob": "carol"}).users == ["carol"]
    assert ingest(store, [str(file)], user="carol").inserted == 0


def test_trl_gets_every_preference_between_two_answers(store: Store) -> None:
    rows = exported(store, "trl")
    assert [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows] == [
        ("Blue.", "Green."),
        ("Blue.", "Green."),
        ("Azure.", "Green."),
        ("Blue.", "It is blue."),
    ]
    assert rows[0] == {
        "prompt": [{"role": "user", "content": "What is the sky?"}],
        "chosen": [{"role": "assistant", "content": "Blue."}],
        "rejected": [{"role": "assistant", "content": "Green."}],
    }
    pieces: list[str] = []
    report = export_feedback(store, "trl", write=pieces.append)
    assert (report.judgements, report.rows, report.left_out) == (7, 4, 4)


def test_a_trl_export_is_of_trls_own_format(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    export_feedback(store, "trl", file)
    report = ingest(store, [str(file)], user="carol")
    assert report.formats == ["trl-conversational"]
    assert (report.read, report.inserted) == (4, 3)


def test_a_table_has_a_row_per_judgement(store: Store, tmp_path: Path) -> None:
    table, frame = tmp_path / "x.csv", tmp_path / "x.parquet"
    report = export_feedback(store, "csv", table)
    assert (report.judgements, report.rows, report.left_out) == (7, 7, 0)
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["response"] for row in rows] == [
        *("Blue.", "Blue.", "Green.", "Blue.", "Azure.", "Blue.", "Blue.")
    ]
    assert rows[0]["other_response"] == "Green."
    assert (rows[2]["value"], rows[2]["reason"]) == ("0.0", "wrong, and\nrude")
    assert json.loads(rows[4]["responses"]) == ["Green.", "Blue.", "Azure."]
    assert rows[5]["prompt"] == '[["system", "Be brief."], ["user", "What is the sky?"]]'
    export_feedback(store, "parquet", frame)
    read = pq.read_table(frame)
    assert read.num_rows == 7
    assert [
        {k: "" if v is None else str(v) for k, v in row.items()} for row in read.to_pylist()
    ] == rows


def test_a_file_appears_whole_or_not_at_all(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    file = folder / "x.jsonl"
    file.write_text("from before")
    store.close()
    with pytest.raises(Exception, match="closed"):
        export_feedback(store, output=file)
    assert file.read_text() == "from before"
    assert list(folder.iterdir()) == [file]


def test_words_that_make_no_sense_are_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="formats: prefcli, trl, csv, parquet"):
        export_feedback(store, "excel", tmp_path / "x")
    with pytest.raises(UsageError, match="add -o FILE"):
        export_feedback(store, "parquet")
    with pytest.raises(NotFoundError):
        export_feedback(store, output=tmp_path / "x", user="nobody")
    with pytest.raises(PrefcliError, match="cannot be written"):
        export_feedback(store, output=tmp_path / "none" / "x")
