"""Profiles as things one keeps, on the command line: one line each, and JSON for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefcli.store import Store
from tests.cli.conftest import Run
from tests.made_profiles import add_profile


@pytest.fixture
def profiles(home: Path) -> None:
    """Two versions of alice's profile and one of bob's."""
    with Store.open(home) as store:
        add_profile(store, "alice", 1.0)
        add_profile(store, "alice", 0.0, 2.0)
        add_profile(store, "bob", -1.0)


def test_each_command_says_in_one_line_what_it_did(run: Run, profiles: None) -> None:
    for words, told in (
        ("profile rollback alice 1", "alice@3 is what alice@1 was\n"),
        ("profile copy alice@2 work", "work@1: copy of alice@2\n"),
        ("profile tag alice@2 early", "alice@2: early\n"),
        ("profile tag alice@2 early --remove", "alice@2: no tags\n"),
        ("profile note alice so", "alice@3: so\n"),
        ("profile note alice", "so\n"),
        ("profile rm alice@1 --yes", "1 version of alice removed, 2 left\n"),
        (
            "profile rename alice al",
            "alice is al now: 0 judgements, 2 profiles and 0 generations\n",
        ),
    ):
        result = run(*words.split())
        assert (result.exit_code, result.stdout, result.stderr) == (0, told, "")


def test_the_history_is_a_table_and_json_lines(run: Run, profiles: None) -> None:
    run("profile", "rollback", "alice", "1")
    rows = [
        json.loads(line)
        for line in run("profile", "history", "alice", "--jsonl").stdout.splitlines()
    ]
    assert [row["profile"] for row in rows] == ["alice@3", "alice@2", "alice@1"]
    assert rows[0].keys() >= {"origin", "parents", "tags", "note", "space", "pairs", "created"}
    head, first, *_ = run("profile", "history", "alice").stdout.splitlines()
    assert head.split()[:3] == ["VERSION", "FROM", "OF"]
    assert first.split()[:3] == ["3", "rollback", "alice@1"]
    result = run("profile", "history", "alice", "-n", "2")
    assert "there are more" in result.stderr


def test_diff_tells_the_directions_and_gives_json(run: Run, profiles: None) -> None:
    result = run("profile", "diff", "alice@1", "alice")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("alice@2 is 4.24 away from alice@1; of two answers both prefer")
    assert lines[1].split()[:4] == ["DIRECTION", "alice@1", "alice@2", "MOVED"]
    assert {line.split()[0] for line in lines[2:]} == {"1", "2"}
    assert result.stderr == ""
    assert all("(" in line for line in lines[2:])  # in words: more of something (x against y)
    found = json.loads(run("profile", "diff", "alice@1", "alice", "--json").stdout)
    assert found["second"] == "alice@2"
    assert len(found["moved"]) == 11


def test_rm_asks_and_without_anybody_there_wants_yes(run: Run, profiles: None) -> None:
    result = run("profile", "rm", "alice")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "prefcli: error: this cannot be taken back: add --yes to do it\n"
    assert json.loads(run("profile", "rm", "alice", "--yes", "--json").stdout) == {
        "user": "alice",
        "removed": 2,
        "left": 0,
    }


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("profile history nobody", 66),
        ("profile diff alice nobody", 66),
        ("profile rollback alice 9", 66),
        ("profile rollback alice early", 66),
        ("profile copy nobody x", 66),
        ("profile copy alice bob", 2),
        ("profile rename nobody x", 66),
        ("profile rename alice bob", 2),
        ("profile tag alice 7", 2),
        ("profile tag alice x --move --remove", 2),
        ("profile note nobody x", 66),
        ("profile rm nobody --yes", 66),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, profiles: None, words: str, code: int) -> None:
    result = run(*words.split())
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("prefcli: error: ")
    assert result.stderr.count("\n") == 1


def test_edit_and_blend_say_what_they_made(run: Run, profiles: None, tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("Rinse it.\n")
    result = run("profile", "edit", "alice", "--toward", path, "--prompt", "How do I cook rice?")
    assert result.exit_code == 0
    assert result.stdout.startswith("alice@3: edit of alice@2, along ")
    result = run("profile", "blend", "alice=0.7,bob=0.3", "--as", "family")
    assert (result.exit_code, result.stdout) == (
        0,
        "family@1: blend of alice@3=0.7, bob@1=0.3\n",
    )
    assert run("profile", "edit", "alice").exit_code == 2
