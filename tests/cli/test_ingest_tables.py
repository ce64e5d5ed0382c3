"""`prefcli ingest` of plain tables, and the list of formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

TABLE = "q\ta\tstars\nWhat is tea?\tA leaf.\t5\nWhat is jam?\tFruit.\t2\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE.replace("\t", ","), "utf-8")
    return path


def test_a_table_is_read_by_the_names_of_its_columns(run: Run, table: Path) -> None:
    words = ("--prompt-field", "q", "--response-field", "a", "--score-field", "stars")
    result = run("ingest", table, "-u", "alice", *words)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["2 rows read: 2 new, 0 known already", "1 user: alice"]
    assert "all scores fit 1-5, which was taken" in result.stderr
    again = run("ingest", table, "-u", "alice", *words, "--score-scale", "1-5", "--json")
    assert json.loads(again.stdout)["duplicates"] == 2
    assert again.stderr == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--prompt-field", "q"], 2, "--prompt-field alone says nothing"),
        (["--prompt-field", "ask", "--edited-field", "a"], 65, "--prompt-field ask: there is no"),
        (["--score-scale", "five"], 2, "--score-scale five: expected the lowest and highest"),
        (["--jsonl"], 2, "--jsonl is for --list-formats"),
        (["--format", "argila"], 2, "did you mean argilla?"),
        ([], 65, "nearest: "),
    ],
)
def test_what_is_wrong_is_one_line(
    run: Run, table: Path, words: list[str], code: int, said: str
) -> None:
    result = run("ingest", table, "-u", "alice", *words)
    assert result.exit_code == code
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_list_of_formats_needs_no_files_and_no_catalog(run: Run, home: Path) -> None:
    result = run("ingest", "--list-formats", "--jsonl")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert rows[-1]["format"] == "table"
    assert set(rows[0]) == {"format", "kinds", "names_users", "tried", "example"}
    assert not (home / "catalog.db").exists()
    shown = run("ingest", "--list-formats").stdout
    assert shown.startswith("FORMAT")
    assert len(shown.splitlines()) == len(rows) + 1


def test_one_format_is_shown_with_its_whole_example(run: Run) -> None:
    listed = [
        json.loads(line) for line in run("ingest", "--list-formats", "--jsonl").stdout.splitlines()
    ]
    for row in listed:
        shown = run("ingest", "--list-formats", "--format", row["format"])
        assert shown.exit_code == 0
        assert row["example"] in shown.stdout
        one = run("ingest", "--list-formats", "--format", row["format"], "--jsonl")
        assert json.loads(one.stdout) == row


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--json"], "the list of formats: --jsonl"),
        (["--format", "argila"], "did you mean argilla?"),
    ],
)
def test_a_list_of_formats_that_cannot_be_shown_is_a_usage_error(
    run: Run, words: list[str], said: str
) -> None:
    result = run("ingest", "--list-formats", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
