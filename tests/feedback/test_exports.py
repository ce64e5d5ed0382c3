"""What an app exports as a whole: several files that belong together, or a database."""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prefcli.errors import DataError
from prefcli.feedback.exports import export_at
from prefcli.feedback.formats import by_name, detect
from prefcli.feedback.records import Feedback

Write = Callable[[Path, dict[str, Any]], Path]


def rows_at(path: Path) -> list[tuple[int, Any, str | None]]:
    export = export_at(str(path))
    assert export is not None
    return [(row.line, row.value, row.problem) for row in export.read(path)]


def said_at(path: Path) -> list[Feedback]:
    values = [value for _, value, _ in rows_at(path)]
    found = detect(values)
    return [one for value in values for one in found.parse(value, "alice")]


# ChatGPT -----------------------------------------------------------------------------------------


def conversation(name: str, answer: str) -> dict[str, Any]:
    row = json.loads(by_name("chatgpt").example)["conversation"]
    row["id"] = name
    row["mapping"]["m2"]["message"]["content"]["parts"] = [answer]
    return {**row, "mapping": {**row["mapping"], f"{name}-m2": row["mapping"]["m2"]}}


def thumb(name: str, rating: str) -> dict[str, Any]:
    return {"id": f"{name}-m2", "conversation_id": name, "rating": rating, "user_id": "user-7"}


def chatgpt(said: Any, *conversations: list[dict[str, Any]]) -> dict[str, Any]:
    several = len(conversations) > 1
    parts = {
        f"conversations-{number:03}.json" if several else "conversations.json": part
        for number, part in enumerate(conversations)
    }
    return {"message_feedback.json": said, "user.json": {"id": "user-7"}, **parts}


def as_directory(path: Path, files: dict[str, Any]) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_text(json.dumps(content), "utf-8")
    return path


def as_zip(path: Path, files: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, json.dumps(content))
    return path.with_suffix(".zip")


@pytest.mark.parametrize("write", [as_directory, as_zip])
@pytest.mark.parametrize("split", [False, True])
def test_thumbs_find_their_conversations(tmp_path: Path, write: Write, split: bool) -> None:
    talks = [conversation("c1", "Blue."), conversation("c2", "Green."), conversation("c3", "Red.")]
    said = [thumb("c2", "thumbsDown"), thumb("c1", "thumbsUp")]
    parts = [talks[:1], talks[1:]] if split else [talks]
    path = write(tmp_path / "export", chatgpt(said, *parts))
    found = said_at(path)
    assert {(one.responses, one.value) for one in found} == {(("Blue.",), 1.0), (("Green.",), 0.0)}
    assert [(line, value["user_id"]) for line, value, _ in rows_at(path)] == [
        (2, "user-7"),
        (1, "user-7"),
    ]


def test_a_thumb_without_its_conversation_is_a_row_all_the_same(tmp_path: Path) -> None:
    files = chatgpt([thumb("c9", "thumbsUp"), thumb("c1", "thumbsUp")], [conversation("c1", "x")])
    rows = rows_at(as_directory(tmp_path / "export", files))
    assert [(line, value["conversation"] is None) for line, value, _ in rows] == [
        (2, False),
        (1, True),
    ]


@pytest.mark.parametrize(
    ("said", "message"),
    [([], "holds no feedback"), ({"a": 1}, "expected a list of objects"), ([3], "expected a list")],
)
def test_an_export_without_feedback_says_so(tmp_path: Path, said: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows_at(as_zip(tmp_path / "export", chatgpt(said, [conversation("c1", "x")])))


def test_a_damaged_export_says_where(tmp_path: Path) -> None:
    path = as_directory(tmp_path / "export", chatgpt([thumb("c1", "thumbsUp")], []))
    (path / "conversations.json").write_text('[\n{"id": "c1", "mapping": {', "utf-8")
    with pytest.raises(DataError, match=r"conversations\.json:2: not JSON"):
        rows_at(path)


@pytest.mark.parametrize("missing", ["message_feedback.json", "conversations.json"])
def test_half_an_export_is_none(tmp_path: Path, missing: str) -> None:
    files = chatgpt([thumb("c1", "thumbsUp")], [conversation("c1", "x")])
    del files[missing]
    assert export_at(str(as_directory(tmp_path / "export", files))) is None


# llm ---------------------------------------------------------------------------------------------

_RESPONSES = """
    create table responses (
        id text primary key, model text, prompt text, system text, response text,
        conversation_id text, datetime_utc text
    )"""
_FEEDBACK = """
    create table feedback (
        id integer primary key autoincrement, response_id text not null,
        datetime_utc timestamp, feedback text not null, comment text
    )"""


def logs(path: Path, *statements: str) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute(_RESPONSES)
        connection.executemany(
            "insert into responses values (?, 'gpt', ?, ?, ?, ?, '2025-01-01')",
            [
                ("r1", "What is the sky?", "Be brief.", "Blue.", "c1"),
                ("r2", "And the sea?", None, "Deep.", "c1"),
                ("r3", "Hi", None, "Hello.", "c2"),
            ],
        )
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path


def test_a_log_of_llm_gives_a_thumb_for_each_feedback(tmp_path: Path) -> None:
    path = logs(
        tmp_path / "logs.db",
        _FEEDBACK,
        "insert into feedback values (1, 'r2', '2025-02-01', '+1', 'short')",
        "insert into feedback values (2, 'r3', '2025-02-02', '-1', '')",
    )
    before = path.read_bytes()
    first, second = said_at(path)
    assert (first.responses, first.value, first.reason) == (("Deep.",), 1.0, "short")
    assert [turn.content for turn in first.prompt] == ["What is the sky?", "Blue.", "And the sea?"]
    assert (second.responses, second.value, second.row_id) == (("Hello.",), 0.0, "2")
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["logs.db"]


def test_fragments_stand_before_the_words_of_a_prompt(tmp_path: Path) -> None:
    path = logs(
        tmp_path / "logs.db",
        _FEEDBACK,
        "insert into feedback values (1, 'r3', null, '+1', null)",
        "create table fragments (id integer primary key, content text)",
        'create table prompt_fragments (response_id text, fragment_id integer, "order" integer)',
        "insert into fragments values (1, 'one'), (2, 'two')",
        "insert into prompt_fragments values ('r3', 2, 1), ('r3', 1, 0)",
    )
    assert said_at(path)[0].prompt[-1].content == "one\ntwo\nHi"


def test_feedback_on_a_response_that_is_gone_is_a_bad_row(tmp_path: Path) -> None:
    add = "insert into feedback values (1, 'r9', null, '+1', null)"
    path = logs(tmp_path / "logs.db", _FEEDBACK, add)
    assert rows_at(path) == [(1, None, "response 'r9' is not in the log")]


def test_a_log_without_feedback_says_what_would_add_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"without a table of feedback.*llm-feedback adds one"):
        rows_at(logs(tmp_path / "logs.db"))
    other = logs(tmp_path / "other.db", "create table feedback (a, b)")
    with pytest.raises(DataError, match="table feedback has the columns a, b; expected one of"):
        rows_at(other)


def test_a_path_in_odd_characters_is_opened(tmp_path: Path) -> None:
    path = logs(tmp_path / "a?b#c%20 d.db", _FEEDBACK)
    assert rows_at(path) == []


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 and nonsense", b"PK\x03\x04nonsense"])
def test_what_is_no_export_is_left_to_the_containers(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert export_at(str(path)) is None
    assert export_at("-") is export_at("a\0b") is export_at(str(tmp_path / "none")) is None


def test_a_pipe_is_not_looked_at_since_it_can_be_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "feedback"
    os.mkfifo(pipe)
    assert export_at(str(pipe)) is None  # and does not wait for a writer
