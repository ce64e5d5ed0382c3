"""`prefcli map`: a table, JSON, or a file by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefcli.store import Store
from tests.cli.conftest import Run
from tests.made_profiles import add_profile


@pytest.fixture
def two(home: Path) -> None:
    with Store.open() as store:
        add_profile(store, "alice", 1.0)
        add_profile(store, "bob", -1.0)


def test_without_a_file_it_is_a_table_and_json(run: Run, two: None) -> None:
    result = run("map")
    assert result.exit_code == 0
    assert "NEAREST" in result.stdout.splitlines()[0]
    told = json.loads(run("map", "--json").stdout)
    assert set(told) == {"space", "base", "axes", "users"}
    assert set(told["users"][0]) == {"user", "version", "x", "y", "group", "trail", "near"}
    assert told["users"][0]["near"][0]["user"] == "bob"


@pytest.mark.parametrize("name", ["map.html", "map.svg"])
def test_with_a_file_it_is_drawn_and_the_name_printed(
    run: Run, two: None, tmp_path: Path, name: str
) -> None:
    result = run("map", "-o", tmp_path / name)
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / name}\n")
    assert "alice" in (tmp_path / name).read_text("utf-8") or name.endswith("svg")


@pytest.mark.parametrize("words", [("-o", "map.gif"), ("--dark",), ("-o", "x.html", "--dark")])
def test_words_that_make_no_sense_are_usage_errors(
    run: Run, two: None, words: tuple[str, ...]
) -> None:
    result = run("map", *words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def test_nobody_to_draw_is_missing(run: Run) -> None:
    assert run("map").exit_code == 66
