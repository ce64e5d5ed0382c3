"""Help and version say what a newcomer wants to know."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import prefcli
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
COMMANDS = list(runpy.run_path(str(ROOT / "docs" / "reference.py"))["commands"]())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_help_page_has_an_example_of_its_own_command_within_80_columns(
    run: Run, words: tuple[str, ...]
) -> None:
    page = run(*words, "--help").stdout
    _, _, shown = page.partition("Examples:\n")
    own = " ".join(("prefcli", *words))
    assert any(own in line for line in shown.splitlines()), "add an epilog of examples"
    assert max(map(len, page.splitlines())) <= 80


def test_the_version_comes_first_and_the_paper_below(run: Run) -> None:
    lines = run("--version").stdout.splitlines()
    assert lines[0] == f"prefcli {prefcli.__version__}"
    assert "arXiv:2412.20834" in lines[-1]
    assert max(map(len, lines)) <= 80
