"""What a command may import before it works: lists of what is allowed, checked in a process.

torch takes 1.4 s to import and transformers more; sqlite-utils 0.1 s. Somebody who asks for help,
or presses the tab key, waits for none of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import prefcli
from benchmarks.startup import medians

ROOT = Path(prefcli.__file__).parents[1]

TYPER = {"annotated_doc", "prefcli", "shellingham", "typer"}
RICH = {"rich"}
# Rich renders the help texts of completions, as markup that may hold markdown.
COMPLETION = TYPER | RICH | {"markdown_it", "mdurl", "pygments", "typing_extensions"}
CATALOG = (
    TYPER
    | RICH
    | {
        "click",
        "click_default_group",
        "dateutil",
        "numpy",
        "pluggy",
        "safetensors",
        "sqlite_fts4",
        "sqlite_utils",
        "tabulate",
        "typing_extensions",
        "tzdata",
    }
)

# Reports, at the very end, every top-level module that lies in no standard library.
REPORTER = """
import atexit, json, os, sys
before = set(sys.modules)
def report():
    names = {name.partition(".")[0] for name in set(sys.modules) - before}
    third = sorted(names - set(sys.stdlib_module_names) - {"__main__", "__mp_main__"})
    with open(os.environ["PREFCLI_TEST_REPORT"], "w") as file:
        json.dump([name for name in third if not name.startswith("_")], file)
atexit.register(report)
from prefcli.cli import main
sys.argv = ["prefcli", *sys.argv[1:]]
main()
"""


def imported(words: list[str], tmp_path: Path, **environment: str) -> tuple[set[str], str]:
    """Modules that `prefcli WORDS` imports, and what it prints."""
    report = tmp_path / "report.json"
    result = subprocess.run(
        [sys.executable, "-c", REPORTER, *words],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PREFCLI_HOME": str(tmp_path / "home"),
            "PREFCLI_TEST_REPORT": str(report),
            **environment,
        },
    )
    assert result.returncode == 0, result.stderr
    return set(json.loads(report.read_text())), result.stdout


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["generate", "--help"], ["path"], ["path", "--json"]]
)
def test_what_reads_no_catalog_imports_only_typer(words: list[str], tmp_path: Path) -> None:
    modules, printed = imported(words, tmp_path)
    assert printed
    assert modules <= TYPER


@pytest.mark.parametrize("typed", ["prefcli ", "prefcli fit --user a", "prefcli space use "])
def test_completion_imports_no_more_than_rich(typed: str, tmp_path: Path) -> None:
    modules, _ = imported(
        [],
        tmp_path,
        _PREFCLI_COMPLETE="complete_bash",
        COMP_WORDS=typed,
        COMP_CWORD=str(len(typed.split(" ")) - 1),
    )
    assert modules <= COMPLETION


@pytest.mark.parametrize(
    "words", [["profile", "list"], ["profile", "list", "--jsonl"], ["feedback", "list"]]
)
def test_a_list_imports_the_catalog_and_no_model(words: list[str], tmp_path: Path) -> None:
    modules, _ = imported(words, tmp_path)
    assert modules <= CATALOG


@pytest.mark.slow
def test_help_takes_at_most_a_ninth_of_the_time_of_importing_torch() -> None:
    found = medians(rounds=11)
    assert found["prefcli --help"] <= 0.11 * found["import torch"], found
