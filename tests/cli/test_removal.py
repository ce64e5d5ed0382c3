"""`feedback rm`, `conflicts` and `export`, `undo`, `forget` and `ingest --dry-run` in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefcli.feedback.records import Feedback, text_prompt
from prefcli.store import Store
from tests.cli.conftest import Run

RICE = text_prompt("How do I cook rice?")


@pytest.fixture
def kinds(home: Path) -> None:
    rows = [
        Feedback("alice", "pair", RICE, ("a", "b"), strength=2, low=1, high=3),
        Feedback("alice", "pair", RICE, ("c", "d"), 0.5),
        Feedback("alice", "thumb", RICE, ("a",), 0.0),
        Feedback("alice", "rating", RICE, ("a",), 4, low=1, high=5),
        Feedback("bob", "ranking", RICE, ("a", "b", "c"), ranks=(2, 1, 2)),
        Feedback("bob", "edit", RICE, ("b", "a")),
        Feedback("alice", "pair", RICE, ("b", "a")),
    ]
    with Store.open() as store:
        store.add_feedback([(row, "in/rows.jsonl", 1) for row in rows], lambda: {"sources": ["x"]})


def test_a_list_says_what_each_kind_of_judgement_says(run: Run, kinds: None) -> None:
    head, *rows = run("feedback", "list").stdout.splitlines()
    assert head.split()[:4] == ["ID", "USER", "KIND", "JUDGED"]
    said = [" ".join(row.split()).split(" How")[0] for row in reversed(rows)]
    assert said == [
        "1 alice pair first by 2 of 3",
        "2 alice pair tie",
        "3 alice thumb down",
        "4 alice rating 4 of 5",
        "5 bob ranking 2>1=3",
        "6 bob edit better",
        "7 alice pair first",
    ]


def test_filters_choose_what_is_listed(run: Run, kinds: None) -> None:
    def ids(*words: str) -> list[int]:
        lines = run("feedback", "list", "--jsonl", *words).stdout.splitlines()
        return sorted(json.loads(line)["id"] for line in lines)

    assert ids("--user", "bob") == [5, 6]
    assert ids("--kind", "rating") == [4]
    assert ids("--source", "rows.jsonl", "--kind", "edit") == [6]
    assert ids("--since", "2999-01-01") == []
    assert len(ids("--since", "2000-01-01")) == 7
    assert ids("--contains", "d") == [1, 2, 3, 4, 5, 6, 7]  # in the prompt: "do"
    assert ids("--contains", "d", "--kind", "thumb") == [3]
    said = run("feedback", "list", "--kind", "thumb", "--user", "bob")
    assert said.stderr == "prefcli: no feedback that meets all of this\n"


@pytest.mark.parametrize(
    "words", [["--kind", "vote"], ["--since", "yesterday"], ["--contains", ""], ["--source", ""]]
)
def test_a_filter_that_cannot_be_understood_is_a_usage_error(
    run: Run, kinds: None, words: list[str]
) -> None:
    for command in (["list"], ["rm", "--yes"]):
        result = run("feedback", *command, *words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1
    assert len(run("feedback", "list", "--jsonl").stdout.splitlines()) == 7


def test_numbers_are_removed_all_or_none(run: Run, kinds: None) -> None:
    result = run("feedback", "rm", "1", "99")
    assert (result.exit_code, result.stdout) == (66, "")
    assert "no feedback with id 99; nothing was removed" in result.stderr
    assert run("feedback", "rm", "1", "3").stdout == "2 judgements removed\n"
    assert len(run("feedback", "list", "--jsonl").stdout.splitlines()) == 5


def test_what_filters_choose_is_removed_only_with_yes(run: Run, kinds: None) -> None:
    result = run("feedback", "rm", "--kind", "pair")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "add --yes" in result.stderr
    removed = run("feedback", "rm", "--kind", "pair", "--yes", "--json")
    assert json.loads(removed.stdout) == {"removed": 3}
    assert run("feedback", "rm", "--yes").exit_code == 2
    assert len(run("feedback", "list", "--jsonl").stdout.splitlines()) == 4


def test_a_person_at_a_terminal_is_asked(
    run: Run, kinds: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def confirm(question: str, err: bool) -> bool:
        asked.append(question)
        return len(asked) > 1

    monkeypatch.setattr("typer.confirm", confirm)
    monkeypatch.setattr("prefcli.cli.options.somebody_types", lambda: True)
    refused = run("feedback", "rm", "--user", "bob")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == "prefcli: error: nothing was removed\n"
    assert run("feedback", "rm", "--user", "bob").stdout == "2 judgements removed\n"
    assert asked == ["Remove 2 judgements?"] * 2


def test_conflicts_are_listed(run: Run, kinds: None) -> None:
    lines = run("feedback", "conflicts", "--jsonl").stdout.splitlines()
    assert [(row["user"], row["id"], row["contradicts"]) for row in map(json.loads, lines)] == [
        ("alice", 7, 1)
    ]
    none = run("feedback", "conflicts", "--user", "bob")
    assert (none.stdout, none.stderr) == ("", "prefcli: no judgements contradict\n")
    assert run("feedback", "conflicts", "--user", "nobody").exit_code == 66


def test_an_export_goes_to_stdout_or_to_a_file(run: Run, kinds: None, tmp_path: Path) -> None:
    lines = run("feedback", "export", "--user", "alice").stdout.splitlines()
    assert len(lines) == 5
    file = tmp_path / "x.jsonl"
    result = run("feedback", "export", "--format", "trl", "-o", file)
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"prefcli: 5 rows written to {file}",
        "prefcli: warning: 3 judgements left out: trl holds only which of two answers is better",
    ]
    assert len(file.read_text().splitlines()) == 5


def test_undo_says_what_it_took_back(run: Run, kinds: None, feedback_file: Path) -> None:
    run("ingest", feedback_file, "--user", "carol")
    result = run("undo")
    assert result.stdout.startswith("ingest 2 of 20")
    assert result.stdout.endswith(f"taken back ({feedback_file}): 3 judgements removed\n")
    assert "profiles fitted since keep what they learned of carol" in result.stderr
    undone = json.loads(run("undo", "--json").stdout)
    assert (undone["ingest"], undone["removed"]) == (1, 7)
    nothing = run("undo")
    assert (nothing.exit_code, nothing.stdout) == (66, "")


def test_forget_needs_yes_and_says_what_is_gone(run: Run, kinds: None, home: Path) -> None:
    space = home / "spaces" / "everyday" / "space.json"
    space.parent.mkdir(parents=True)
    users = ["alice", "bob"]
    space.write_text(json.dumps({"rho": 2, "provenance": {"prompts": {"users": users}}}))
    assert run("forget", "--user", "alice").exit_code == 2
    result = run("forget", "--user", "alice", "--yes")
    assert result.stdout == (
        "alice is forgotten: 5 judgements, 0 encodings, 0 profiles and 0 generations removed\n"
    )
    assert "trained on prompts of alice: space everyday; that cannot be undone" in result.stderr
    left = json.loads(space.read_text())
    assert left == {"rho": 2, "provenance": {"prompts": {"users": ["(forgotten)", "bob"]}}}
    assert run("forget", "--user", "alice", "--yes").exit_code == 66
    gone = json.loads(run("forget", "--user", "bob", "--yes", "--json").stdout)
    assert (gone["judgements"], gone["spaces"]) == (2, ["everyday"])


def test_a_dry_run_shows_the_rows_and_makes_no_home(
    run: Run, feedback_file: Path, home: Path
) -> None:
    result = run("ingest", "-n", feedback_file, "--user", "alice")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[:4] == ["format trl-preference", "rows 3", "judgements 3 pairs", "users alice (3)"]
    assert "prompt How do I cook rice?" in lines
    assert not home.exists()
    found = json.loads(run("ingest", "--dry-run", feedback_file, "-u", "alice", "--json").stdout)
    assert (found["inserted"], len(found["samples"])) == (3, 3)
    assert not home.exists()
    assert run("ingest", "-n", feedback_file, "-u", "a", "--rejects", "x").exit_code == 2
