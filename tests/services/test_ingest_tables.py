"""Ingest of plain tables, of rows that hold several people, and of an app's whole export."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.errors import DataError, UsageError
from prefcli.feedback.formats import by_name
from prefcli.feedback.formats.table import Columns
from prefcli.feedback.records import Feedback
from prefcli.services.formats import list_formats
from prefcli.services.ingest import ingest
from prefcli.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "home") as opened:
        yield opened


def stored(store: Store) -> list[Feedback]:
    return [row.feedback for row in store.feedback()]


TABLE = "q,answer,stars,who.name\nWhat is tea?,A leaf.,5,bob\nWhat is jam?,Fruit.,2,eve\n"
STARS = Columns(prompt="q", response="answer", score="stars")


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "table.csv"
    path.write_text(TABLE, "utf-8")
    return str(path)


# Plain tables ------------------------------------------------------------------------------------


def test_a_table_enters_by_its_columns_and_its_scale_is_found_and_told(
    store: Store, table: str
) -> None:
    report = ingest(store, [table], user_field="who.name", columns=STARS)
    assert (report.read, report.inserted, report.formats) == (2, 2, ["table"])
    assert report.users == ["bob", "eve"]
    assert report.warnings == [
        "no --score-scale was given: all scores fit 1-5, which was taken",
    ]
    assert {(one.value, one.low, one.high) for one in stored(store)} == {(5, 1, 5), (2, 1, 5)}


def test_a_scale_that_is_given_is_kept(store: Store, table: str) -> None:
    columns = Columns(**STARS.named, scale=(0, 10))  # type: ignore[arg-type]
    report = ingest(store, [table], user="alice", columns=columns)
    assert report.warnings == []
    assert {(one.low, one.high) for one in stored(store)} == {(0, 10)}


def test_a_wrong_column_is_one_line_for_the_file(store: Store, table: str) -> None:
    with pytest.raises(DataError) as caught:
        ingest(
            store, [table], user="a", columns=Columns(prompt="q", response="answer", label="star")
        )
    assert caught.value.message == (
        f"{table}: --label-field star: there is no such field, did you mean stars? "
        "(the rows have q, answer, stars, who.name)"
    )
    assert caught.value.details == ()


def test_a_column_may_begin_anywhere_in_a_file(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "sparse.jsonl"
    row = {"q": "What is tea?", "answer": "A leaf.", "stars": 3}
    late = {**row, "by": "zoe", "why": "short"}
    path.write_text("".join(f"{json.dumps(one)}\n" for one in [*[row] * 100, late]), "utf-8")
    columns = Columns(prompt="q", response="answer", score="stars", reason="why", scale=(1, 5))
    with pytest.raises(DataError, match="100 of 101 rows are bad") as caught:
        ingest(store, [str(path)], user_field="by", columns=columns)
    assert caught.value.details[0] == (
        f"{path}:1: field 'by': expected a user's name, came nothing (the row has no such field)"
    )
    report = ingest(store, [str(path)], user_field="by", columns=columns, skip_bad=True)
    assert (report.rejected, report.inserted) == (100, 1)
    assert [(one.user, one.reason) for one in stored(store)] == [("zoe", "short")]


def test_a_wrong_column_is_told_at_the_end_with_the_faults_of_the_files_before(
    store: Store, table: str, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("q,answer,stars,by\nWhat?,x,many,zoe\n", "utf-8")
    with pytest.raises(DataError, match="--user-field by: there is no such field") as caught:
        ingest(store, [str(bad), table], user_field="by", columns=STARS)
    assert caught.value.message.startswith(table)
    assert [one.split(": ")[0] for one in caught.value.details] == [f"{bad}:2"]


def test_columns_and_a_format_exclude_each_other(store: Store, table: str) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        ingest(store, [table], user="a", columns=STARS, format="trl-preference")


def test_the_user_may_lie_within_objects(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    row = {"prompt": "p", "chosen": "a", "rejected": "b", "meta": {"user": {"name": "zoe"}}}
    path.write_text(json.dumps(row) + "\n")
    assert ingest(store, [str(path)], user_field="meta.user.name").users == ["zoe"]


# Several people in a row -------------------------------------------------------------------------


def argilla(*people: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(by_name("argilla").example)
    row["responses"] = [
        {"user_id": user, "values": {"rating": {"value": number}}}
        for number, user in enumerate(people, start=1)
    ]
    return row


def test_a_row_of_several_people_enters_under_each_of_them(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(argilla("bob", "eve")) + "\n" + json.dumps(argilla()) + "\n")
    report = ingest(store, [str(path)], map_user={"eve": "zoe"})
    assert (report.read, report.inserted, report.users) == (2, 2, ["bob", "zoe"])
    assert report.warnings == ["1 row holds no judgement"]
    assert ingest(store, [str(path)], map_user={"eve": "zoe"}).duplicates == 2


def test_people_of_one_user_stay_annotators(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(argilla("bob", "eve")) + "\n")
    assert ingest(store, [str(path)], user="team").users == ["team"]
    assert {one.annotator for one in stored(store)} == {"bob", "eve"}


def test_one_bad_person_makes_the_whole_row_bad(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(argilla("bob", "e v e")) + "\n")
    report = ingest(store, [str(path)], skip_bad=True)
    assert (report.inserted, report.rejected) == (0, 1)


# Whole exports -----------------------------------------------------------------------------------


def test_an_export_of_two_files_enters_as_one_source(store: Store, tmp_path: Path) -> None:
    row = json.loads(by_name("chatgpt").example)
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        said = row["message_feedback"] | {"user_id": "user-1"}
        archive.writestr("message_feedback.json", json.dumps([said]))
        archive.writestr("conversations.json", json.dumps([row["conversation"]]))
    report = ingest(store, [str(path)])
    assert (report.inserted, report.formats, report.users) == (1, ["chatgpt"], ["user-1"])
    assert ingest(store, [str(path)], user="me").inserted == 1


# The list ----------------------------------------------------------------------------------------


def test_every_format_is_listed_once_with_what_it_gives() -> None:
    listed = list_formats()
    names = [row["format"] for row in listed]
    assert len(set(names)) == len(names)
    assert {"trl-preference", "argilla", "chatgpt", "table"} <= set(names)
    assert all(row["kinds"] and row["example"] and "\n" not in row["example"] for row in listed)
    (table,) = (row for row in listed if row["format"] == "table")
    assert set(table["kinds"]) == {"pair", "rating", "thumb", "edit", "demonstration"}
