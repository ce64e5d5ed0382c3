"""Lists and single objects: tables for people, JSON lines for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prefcli.store import Store
from tests.cli.conftest import Run

SUMMARY = {"space": "tiny", "pairs": 12, "thumbs": 0, "heldout_accuracy": 0.875}


@pytest.fixture
def profiles(home: Path) -> None:
    """Two users with a profile whose artifact nobody opens."""
    with Store.open() as store:
        for user in ("alice", "bob"):
            store.add_profile(user, "fingerprint", b"x" * 4200, SUMMARY)


def test_an_empty_home_has_empty_lists_and_says_what_to_do(run: Run) -> None:
    for words, hint in (
        (["profile", "list"], "prefcli: no profiles yet: prefcli fit --all\n"),
        (["feedback", "list"], "prefcli: no feedback yet: prefcli ingest FILE --user NAME\n"),
    ):
        result = run(*words)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", hint)
        assert run(*words, "--jsonl").stdout == ""


def test_profiles_are_listed_with_the_documented_fields(run: Run, profiles: None) -> None:
    rows = [json.loads(line) for line in run("profile", "list", "--jsonl").stdout.splitlines()]
    assert {row["user"] for row in rows} == {"alice", "bob"}
    assert rows[0].keys() >= {
        "profile",
        "user",
        "version",
        "space",
        "pairs",
        "heldout_accuracy",
        "bytes",
        "created",
    }


def test_a_table_of_profiles_is_plain_in_a_pipe(run: Run, profiles: None) -> None:
    head, *rows = run("profile", "list").stdout.splitlines()
    titles = ["PROFILE", "SPACE", "PAIRS", "THUMBS", "HELD", "OUT", "SIZE", "CREATED"]
    assert head.split() == titles
    assert {tuple(row.split()[:7]) for row in rows} == {
        ("alice@1", "tiny", "12", "0", "0.88", "4.2", "KB"),
        ("bob@1", "tiny", "12", "0", "0.88", "4.2", "KB"),
    }


def test_the_limit_cuts_and_says_so(run: Run, profiles: None) -> None:
    result = run("profile", "list", "-n", "1", "--jsonl")
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == "prefcli: the first one is shown, there are more: -n 0 shows all\n"
    result = run("profile", "list", "-n", "0", "--jsonl")
    assert (len(result.stdout.splitlines()), result.stderr) == (2, "")


def test_feedback_is_listed_newest_first_and_by_user(run: Run, feedback_file: Path) -> None:
    run("ingest", feedback_file, "--user", "alice")
    run("ingest", feedback_file, "--user", "bob")
    rows = [
        json.loads(line)
        for line in run("feedback", "list", "--user", "alice", "--jsonl").stdout.splitlines()
    ]
    assert [row["responses"][0] for row in rows] == ["A pot.", "Ten minutes.", "Rinse it."]
    assert {row["user"] for row in rows} == {"alice"}
    assert rows[0]["line"] == 3
    table = run("feedback", "list", "--user", "alice").stdout
    assert table.splitlines()[0].split() == ["ID", "USER", "KIND", "JUDGED", "PROMPT", "ANSWER"]
    assert "How do I cook rice?" in table


@pytest.mark.parametrize(
    "words",
    [
        ["feedback", "list", "--user", "nobody"],
        ["profile", "show", "nobody"],
        ["base", "show", "nobody"],
        ["base", "use", "nobody"],
        ["space", "show", "nobody"],
        ["space", "use", "nobody"],
        ["fit", "--user", "nobody"],
        ["fit", "--all"],
        ["generate", "--profile", "nobody", "hello"],
        ["generate", "--base", "nobody", "hello"],
        ["generate", "--batch", "nobody.jsonl"],
    ],
)
def test_what_does_not_exist_is_66_and_one_line(run: Run, words: list[str]) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (66, "")
    assert result.stderr.startswith("prefcli: error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", ["base", "space"])
def test_the_built_in_base_and_space_are_there_without_being_added(run: Run, kind: str) -> None:
    rows = [json.loads(line) for line in run(kind, "list", "--jsonl").stdout.splitlines()]
    assert [(row[kind], row["in_use"]) for row in rows] == [("tiny", True)]
    assert run(kind, "list").stdout.splitlines()[1].split()[-1] == "yes"
    shown: dict[str, Any] = json.loads(run(kind, "show", "--json").stdout)
    assert shown[kind] == "tiny"
    assert run(kind, "show").stdout.splitlines()[0].split() == [kind, "tiny"]
    result = run(kind, "use", "tiny")
    assert (result.exit_code, result.stdout) == (0, f"{kind} in use: tiny\n")
    assert json.loads(run(kind, "use", "tiny", "--json").stdout)[kind] == "tiny"


def test_path_prints_the_home_and_creates_nothing(run: Run, home: Path) -> None:
    assert run("path").stdout == f"{home}\n"
    assert json.loads(run("path", "--json").stdout) == {
        "home": str(home),
        "catalog": f"{home}/catalog.db",
        "spaces": f"{home}/spaces",
    }
    assert not home.exists()


def test_version_prints_name_and_number(run: Run) -> None:
    assert run("--version").stdout.splitlines()[0] == "prefcli 0.1.0"
