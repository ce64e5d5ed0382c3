"""`prefcli log` and `prefcli rate`: one line for a person, JSON for scripts, nothing that waits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefcli.feedback.records import text_prompt
from prefcli.store import Store
from tests.cli.conftest import Run


@pytest.fixture
def logged(home: Path) -> None:
    """Two answers with alice's profile, one of the base."""
    with Store.open(home) as store:
        for user, response in (("alice", "A drink."), ("alice", "Hot."), (None, "Leaves.")):
            version = 1 if user else None
            store.log_generation(
                text_prompt("What is tea?"), response, base="tiny", user=user, version=version
            )


def test_the_log_is_a_table_json_lines_and_single_entries(run: Run, logged: None) -> None:
    rows = [json.loads(line) for line in run("log", "list", "--jsonl").stdout.splitlines()]
    assert [row["id"] for row in rows] == [3, 2, 1]
    assert rows[0]["prompt"] == [{"role": "user", "content": "What is tea?"}]
    assert run("log", "list").stdout.split()[:2] == ["ID", "CREATED"]
    run("rate", "1", "--up")
    shown = run("log", "show", "1").stdout
    assert "thumb up (alice)" in shown
    assert shown.endswith("\nuser: What is tea?\n\nanswer: A drink.\n")
    assert json.loads(run("log", "show", "1", "--json").stdout)["judgements"][0]["value"] == 1.0
    assert run("log", "list", "--unrated", "--jsonl").stdout.count("\n") == 2
    assert run("log", "rm", "1", "2", "--yes").stdout == "2 entries removed\n"
    assert json.loads(run("log", "rm", "--all", "--yes", "--json").stdout) == {"removed": 1}
    empty = run("log", "list")
    assert (empty.stdout, empty.stderr) == (
        "",
        "prefcli: nothing in the log: prefcli generate --log\n",
    )


def test_each_judgement_is_told_in_one_line(run: Run, logged: None, tmp_path: Path) -> None:
    better = tmp_path / "better.txt"
    better.write_text("A hot drink.\n")
    for words, told in (
        ("1 --up", "answer 1: thumb of alice\n"),
        ("1 --up", "answer 1: thumb of alice, known already\n"),
        ("1 --down", "answer 1: thumb of alice, instead of an earlier one\n"),
        ("2 --score 4 --of 5", "answer 2: rating of alice\n"),
        (f"2 --edit {better}", "answer 2: edit of alice\n"),
        ("--pick 2 --over 3", "answer 2: pair of alice\n"),
        ("3 --up --user bob", "answer 3: thumb of bob\n"),
    ):
        result = run("rate", *words.split())
        assert (result.exit_code, result.stdout, result.stderr) == (0, told, "")
    said = json.loads(run("rate", "3", "--down", "--user", "bob", "--json").stdout)
    assert (said["value"], said["new"], said["replaced"]) == (0.0, True, 1)
    edits = run("feedback", "list", "--kind", "edit", "--jsonl").stdout
    assert json.loads(edits)["responses"] == ["A hot drink.", "Hot."]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("rate", 2),
        ("rate --user alice", 2),  # nobody is at the keys
        ("rate --up", 2),
        ("rate 1", 2),
        ("rate 1 --up --down", 2),
        ("rate 1 --up --score 1 --of 2", 2),
        ("rate 1 --of 2", 2),
        ("rate 1 --score 9 --of 5", 65),
        ("rate 3 --up", 2),
        ("rate 9 --up", 66),
        ("rate 1 --edit nowhere.txt", 66),
        ("rate --pick 1", 2),
        ("rate 2 --pick 1 --over 2", 2),
        ("log show 9", 66),
        ("log rm 9 --yes", 66),
        ("log rm --user nobody --yes", 66),
        ("log rm", 2),
        ("log rm 1", 2),
    ],
)
def test_what_cannot_be_done_is_one_line_and_says_nothing(
    run: Run, logged: None, words: str, code: int
) -> None:
    result = run(*words.split())
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("prefcli: error: ")
    assert result.stderr.count("\n") == 1
    assert run("feedback", "list", "--jsonl").stdout == ""
