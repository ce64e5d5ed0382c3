"""`prefcli backup` and `prefcli restore`: nothing is lost without a yes."""

from __future__ import annotations

import json
from pathlib import Path

from prefcli.store import Store
from tests.cli.conftest import Run


def test_a_home_that_holds_something_is_replaced_only_with_yes(
    run: Run, feedback_file: Path, tmp_path: Path
) -> None:
    run("ingest", feedback_file, "--user", "alice")
    made = run("backup", tmp_path / "b.db", "--json")
    assert json.loads(made.stdout)["rows"]["feedback"] == 3
    run("ingest", feedback_file, "--user", "bob")
    refused = run("restore", tmp_path / "b.db")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "add --yes" in refused.stderr
    with Store.open() as store:
        assert store.users() == ["alice", "bob"]
    done = run("restore", tmp_path / "b.db", "--yes")
    assert "3 judgements, 0 profile versions and 0 generations" in done.stdout
    with Store.open() as store:
        assert store.users() == ["alice"]


def test_a_file_that_is_there_is_kept_and_one_that_is_not_there_is_missing(
    run: Run, tmp_path: Path
) -> None:
    assert run("backup", tmp_path / "b.db").exit_code == 0
    assert run("backup", tmp_path / "b.db").exit_code == 2
    assert run("backup", tmp_path / "b.db", "--force").exit_code == 0
    assert run("restore", tmp_path / "none.db", "--yes").exit_code == 66
    (tmp_path / "text").write_text("no backup")
    assert run("restore", tmp_path / "text", "--yes").exit_code == 65
