"""Ingest of good files, in every container."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.errors import DataError
from prefcli.services.ingest import ingest
from prefcli.store import Admitted, Store
from tests.services.pairs import pair, stored, write

THUMB = {"prompt": "What is the sky?", "completion": "Blue.", "label": True}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "home") as opened:
        yield opened


# Good files --------------------------------------------------------------------------------------


def test_judgements_enter_with_their_user_source_and_line(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1), "", pair(2)])
    report = ingest(store, [path], user="alice")
    assert report.as_dict() == {
        "read": 2,
        "inserted": 2,
        "duplicates": 0,
        "repeated": 0,
        "ties": 0,
        "rejected": 0,
        "users": ["alice"],
        "formats": ["trl-preference"],
        "warnings": [],
    }
    rows = list(store.feedback())
    assert [(row.source, row.line) for row in rows] == [(path, 1), (path, 3)]
    assert {row.feedback.user for row in rows} == {"alice"}


def test_ingesting_twice_adds_nothing(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1), pair(2), pair(1)])
    assert ingest(store, [path], user="alice").inserted == 2
    before = stored(store)
    report = ingest(store, [path, path], user="alice")
    assert (report.read, report.inserted, report.duplicates) == (6, 0, 6)
    assert stored(store) == before
    assert ingest(store, [path], user="bob").inserted == 2


def test_a_row_with_its_own_id_is_its_own_judgement(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1, id=1), pair(1, id=2), pair(1, id=2)])
    report = ingest(store, [path], user="alice")
    assert (report.inserted, report.duplicates, report.repeated) == (2, 1, 1)


def test_each_row_may_name_its_user(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1, by="zoe"), pair(2, by=7), pair(3, by="zoe")])
    report = ingest(store, [path], user_field="by")
    assert report.users == ["7", "zoe"]
    assert [one.user for one in stored(store)] == ["zoe", "7", "zoe"]


def test_files_of_different_kinds_enter_together(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path / "x.jsonl", [pair(1)])
    table = tmp_path / "y.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["prompt", "completion", "label"], ["a", "b\nc", "false"]])
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(json.dumps([pair(2)]).encode())))
    )
    report = ingest(store, [first, str(table), "-"], user="alice")
    assert report.formats == ["trl-preference", "trl-unpaired"]
    assert report.inserted == 3
    rows = list(store.feedback())
    assert [row.source for row in rows] == [first, str(table), "stdin"]
    assert rows[1].feedback.responses == ("b\nc",)
    assert rows[1].feedback.value == 0.0


def test_a_table_of_conversations_gives_the_same_judgements_as_json(
    store: Store, tmp_path: Path
) -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    rows = [{"messages": messages, "label": label} for label in (True, False)]
    table = tmp_path / "x.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["messages", "label"])
        writer.writerows([json.dumps(row["messages"]), row["label"]] for row in rows)
    assert ingest(store, [write(tmp_path / "x.jsonl", rows)], user="alice").inserted == 2
    assert ingest(store, [str(table)], user="alice").duplicates == 2


def test_two_identical_answers_are_counted_and_not_stored(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1, rejected="Blue."), pair(2)])
    report = ingest(store, [path], user="alice")
    assert (report.ties, report.inserted) == (1, 1)
    assert "1 pair has two identical answers" in report.warnings[0]
    assert len(stored(store)) == 1


def test_an_empty_answer_is_data_with_a_warning(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1, chosen=""), pair(2, rejected=" "), pair(3)])
    report = ingest(store, [path], user="alice")
    assert report.inserted == 3
    assert report.warnings == [f"2 judgements have an empty answer, the first in {path}:1"]


def test_a_prompt_that_was_inferred_is_said(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [{"chosen": "Sky: blue", "rejected": "Sky: green"}])
    assert "'prompt'" in ingest(store, [path], user="alice").warnings[0]


def test_progress_tells_the_rows_read(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(number) for number in range(1200)])
    told: list[tuple[str, int, int | None]] = []
    ingest(store, [path], user="alice", progress=lambda *step: told.append(step))
    assert [done for _, done, _ in told] == [500, 1000, 1200]


def test_rows_flow_into_the_store_one_by_one(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(number) for number in range(10_000)])
    read: list[int] = []

    class Impatient:
        def admit_feedback(self, rows: Iterable[Any], _details: Any) -> Admitted:
            next(iter(rows))
            return Admitted(1, 0, 0)

    store: Any = Impatient()
    report = ingest(store, [path], user="alice", progress=lambda *step: read.append(step[1]))
    assert report.read == 1
    assert read == []


# Users -------------------------------------------------------------------------------------------


def turns(*scores: Any, user: Any = "user3") -> dict[str, Any]:
    """A row of PRISM: one question and its scored answers."""
    answers = [
        {"turn": 0, "role": "model", "content": f"a{at}", "score": score, "if_chosen": at == 0}
        for at, score in enumerate(scores)
    ]
    asked = {"turn": 0, "role": "user", "content": "Why?"}
    return {"user_id": user, "conversation_id": "c1", "conversation_history": [asked, *answers]}


def test_a_format_names_its_users_itself(store: Store, tmp_path: Path) -> None:
    worker = {"summaries": [{"text": "a"}, {"text": "b"}], "info": {"post": "x"}, "choice": 0}
    transcript = "\n\nHuman: x\n\nAssistant: y"
    attack = {"transcript": transcript, "rating": 1, "red_team_member_id": 12}
    files = {
        "compared": [{**worker, "worker": name} for name in ("w1", "w2")],
        "attacked": [attack],
        "talked": [turns(90, 10)],
    }
    sources = [write(tmp_path / f"{name}.jsonl", rows) for name, rows in files.items()]
    report = ingest(store, sources)
    assert report.users == ["12", "user3", "w1", "w2"]
    assert report.inserted == 5
    with pytest.raises(DataError, match=r"1 of 1 rows") as caught:
        ingest(store, [write(tmp_path / "x.jsonl", [turns(1, user=None)])])
    assert "field 'user_id': expected a user's name, came null" in caught.value.details[0]


def test_a_row_of_several_judgements_enters_whole_or_not_at_all(
    store: Store, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.jsonl", [turns(90, 10), turns(50, 101), turns(40, "x")])
    report = ingest(store, [path], skip_bad=True, rejects=tmp_path / "bad.jsonl")
    assert (report.read, report.inserted, report.rejected) == (3, 2, 2)
    assert [one.value for one in stored(store)] == [90, 10]
    assert len((tmp_path / "bad.jsonl").read_text("utf-8").splitlines()) == 2


def test_an_ingest_is_noted_with_its_sources_and_counts(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1), pair(1), pair(2, rejected="Blue.")])
    ingest(store, [path], user="alice")
    ingest(store, [path], user="alice")
    assert {row.ingest for row in store.feedback()} == {1}
    first, second = sqlite3.connect(store.home / "catalog.db").execute(
        "SELECT id, first, last, inserted, duplicates, details FROM ingests"
    )
    details = {
        "sources": [path],
        "formats": ["trl-preference"],
        "read": 3,
        "ties": 1,
        "rejected": 0,
    }
    assert (first[:5], json.loads(first[5])) == ((1, 1, 1, 1, 1), details)
    assert second[:5] == (2, None, None, 0, 2)


def test_a_directory_a_pattern_and_an_archive_enter_together(store: Store, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    write(tmp_path / "logs" / "a.jsonl", [pair(1)])
    write(tmp_path / "logs" / "b.jsonl", [pair(2)])
    (tmp_path / "logs" / "notes.md").write_text("x")
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("thumbs.json", json.dumps([THUMB]))
        file.writestr("pairs.jsonl", json.dumps(pair(3)) + "\n")
    pattern = str(tmp_path / "*" / "a.*")
    report = ingest(store, [pattern, str(tmp_path / "logs"), str(archive)], user="alice")
    assert (report.read, report.inserted) == (4, 4)
    assert report.formats == ["trl-preference", "trl-unpaired"]
    assert report.warnings == [
        f"{tmp_path}/logs: 1 file is no feedback by name and not read: notes.md"
    ]
    assert [(row.source, row.line) for row in store.feedback()][2:] == [
        (f"{archive}/thumbs.json", 1),
        (f"{archive}/pairs.jsonl", 1),
    ]


def test_a_file_in_windows_1252_gives_the_same_judgements_as_in_utf8(
    store: Store, tmp_path: Path
) -> None:
    rows = [pair(number, chosen="Caf\u00e9 \u2014 d\u00e9j\u00e0 vu") for number in range(40)]
    path = tmp_path / "old.jsonl"
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(text.encode("cp1252"))
    report = ingest(store, [str(path)], user="alice")
    assert report.warnings == [f"{path} is not UTF-8: read as Windows-1252 (cp1252)"]
    assert ingest(store, [write(tmp_path / "new.jsonl", rows)], user="alice").duplicates == 40


def test_packed_data_that_is_cut_adds_nothing(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    lines = (json.dumps(pair(number, chosen=os.urandom(30).hex())) for number in range(20_000))
    data = gzip.compress("\n".join(lines).encode())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"after line \d+ \(\d+ rows read\)"):
        ingest(store, [str(path)], user="alice", skip_bad=True)
    assert stored(store) == []


# Real files ------------------------------------------------------------------------------------


def test_hh_rlhf_enters_whole_and_once(store: Store, shared_data: Path) -> None:
    path = shared_data / "hh_rlhf_harmless_test" / "harmless-base" / "test.jsonl.gz"
    report = ingest(store, [str(path)], user="alice")
    assert (report.read, report.inserted, report.duplicates) == (2312, 2312, 0)
    assert (report.ties, report.rejected, report.formats) == (0, 0, ["hh-rlhf"])
    assert report.warnings == [f"4 judgements have an empty answer, the first in {path}:87"]
    assert ingest(store, [str(path)], user="alice").duplicates == 2312


def test_the_llamafactory_demos_enter_together(store: Store, shared_data: Path) -> None:
    paths = [
        str(shared_data / "llamafactory_demo" / f"{kind}_en_demo.json") for kind in ("dpo", "kto")
    ]
    report = ingest(store, paths, user="alice")
    assert (report.read, report.inserted, report.duplicates) == (600, 595, 5)
    assert report.formats == ["sharegpt-preference", "sharegpt-kto"]
