"""`prefcli ingest`: real files into a real catalog."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run

GOOD = '{"prompt": "p", "chosen": "a", "rejected": "b"}\n'


def test_a_file_is_read_and_the_counts_are_told(run: Run, feedback_file: Path) -> None:
    result = run("ingest", feedback_file, "--user", "alice")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["3 rows read: 3 new, 0 known already", "1 user: alice"]
    assert result.stderr == ""


def test_reading_a_file_twice_adds_nothing(run: Run, feedback_file: Path) -> None:
    run("ingest", feedback_file, "--user", "alice")
    result = run("ingest", feedback_file, "--user", "alice", "--json")
    report = json.loads(result.stdout)
    assert (report["read"], report["inserted"], report["duplicates"]) == (3, 0, 3)


def test_a_row_that_stands_twice_in_a_file_is_repeated_and_not_known(
    run: Run, tmp_path: Path, home: Path
) -> None:
    path = tmp_path / "twice.jsonl"
    path.write_text(GOOD * 2, "utf-8")
    result = run("ingest", path, "--user", "alice", "--dry-run")
    told = dict(re.split(r"  +", line, maxsplit=1) for line in result.stdout.splitlines()[:8])
    assert (told["new"], told["known already"], told["repeated"]) == ("1", "0", "1")
    assert not (home / "catalog.db").exists()
    said = run("ingest", path, "--user", "alice").stdout.splitlines()[0]
    assert said == "2 rows read: 1 new, 0 known already, 1 repeated among them"
    said = run("ingest", path, "--user", "alice").stdout.splitlines()[0]
    assert said == "2 rows read: 0 new, 2 known already"


def test_the_json_report_has_the_documented_fields(run: Run, feedback_file: Path) -> None:
    report = json.loads(run("ingest", feedback_file, "--user", "alice", "--json").stdout)
    assert report.keys() >= {
        "read",
        "inserted",
        "duplicates",
        "ties",
        "rejected",
        "users",
        "formats",
    }


def test_stdin_is_a_file_named_dash(run: Run) -> None:
    result = run("ingest", "-", "--user", "alice", stdin=GOOD)
    assert result.exit_code == 0
    assert result.stdout.startswith("1 row read: 1 new")


def test_a_bad_row_adds_nothing_and_is_named_by_file_and_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text(GOOD + "{not json\n" + '{"prompt": "q"}\n')
    result = run("ingest", path, "--user", "alice")
    assert (result.exit_code, result.stdout) == (65, "")
    first, *faults = result.stderr.splitlines()
    assert first.startswith("prefcli: error: 2 of 3 rows are bad")
    assert [fault.split(": ")[0].strip() for fault in faults] == [f"{path}:2", f"{path}:3"]
    assert run("feedback", "list", "--jsonl").stdout == ""


def test_skip_bad_keeps_the_good_rows_and_saves_the_others(run: Run, tmp_path: Path) -> None:
    path, rejects = tmp_path / "mixed.jsonl", tmp_path / "rejects.jsonl"
    path.write_text(GOOD + "{not json\n")
    result = run("ingest", path, "--user", "alice", "--skip-bad", "--rejects", rejects, "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert (report["inserted"], report["rejected"]) == (1, 1)
    assert rejects.read_text() == "{not json\n"
    assert result.stderr == "prefcli: warning: 1 bad row was left out\n"


def test_user_field_takes_the_users_from_the_rows(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("who,prompt,chosen,rejected\nalice,p,a,b\nbob,p,b,a\n")
    result = run("ingest", path, "--user-field", "who")
    assert result.stdout.splitlines()[1] == "2 users: alice, bob"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--user", "a", "--user-field", "b"],
        ["--user", "a b"],
        ["--user", "a", "--rejects", "x.jsonl"],
        ["--user", "a", "--format", "no such format"],
    ],
)
def test_words_that_do_not_fit_together_are_a_usage_error(
    run: Run, feedback_file: Path, words: list[str]
) -> None:
    result = run("ingest", feedback_file, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("prefcli: error: ")
    assert result.stderr.count("\n") == 1


def test_a_missing_file_is_66(run: Run, tmp_path: Path) -> None:
    result = run("ingest", tmp_path / "none.jsonl", "--user", "alice")
    assert (result.exit_code, result.stdout) == (66, "")
    assert "none.jsonl" in result.stderr
