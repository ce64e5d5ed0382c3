"""The tab key offers what the catalog holds, and never fails or creates anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import prefcli
from prefcli.store import Store
from tests.cli.conftest import Run

ROOT = Path(prefcli.__file__).parents[1]


def complete(home: Path, *words: str) -> list[str]:
    """What bash would offer for the last of `words`."""
    result = subprocess.run(
        [sys.executable, "-m", "prefcli"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PREFCLI_HOME": str(home),
            "_PREFCLI_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["prefcli", *words]),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    return result.stdout.split()


@pytest.fixture
def filled(run: Run, home: Path, feedback_file: Path) -> Path:
    """A home with feedback of three users, a profile of one, a base and a space."""
    for user in ("alice", "albert", "bob"):
        assert run("ingest", feedback_file, "--user", user).exit_code == 0
    with Store.open() as store:
        store.add_profile("alice", "fingerprint", b"x", {"pairs": 3})
        store.add_base("mine", "/models/mine", None, None, "fingerprint", {})
        store.add_space("everyday", "mine", "fingerprint", {})
    return home


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["fit", "--user", "al"], ["albert", "alice"]),
        (["feedback", "list", "--user", ""], ["albert", "alice", "bob"]),
        (["generate", "--profile", ""], ["alice"]),
        (["profile", "show", ""], ["alice"]),
        (["base", "use", ""], ["mine", "tiny"]),
        (["fit", "--space", "e"], ["everyday"]),
        (["space", "use", ""], ["everyday", "tiny"]),
        (["space", "export", "e"], ["everyday"]),
        (["space", "remove", ""], ["everyday", "tiny"]),
        (["space", "push", "t"], ["tiny"]),
        (["space", "import", "file", "--base", "m"], ["mine"]),
        (["refit", "--space", "e"], ["everyday"]),
        (["refit", "--user", "b"], ["bob"]),
        (["sp"], ["space"]),
    ],
)
def test_names_are_offered(filled: Path, words: list[str], offered: list[str]) -> None:
    assert complete(filled, *words) == offered


def test_without_a_home_only_the_built_in_names_are_offered(tmp_path: Path) -> None:
    home = tmp_path / "none"
    assert complete(home, "space", "use", "") == ["tiny"]
    assert complete(home, "fit", "--user", "") == []
    assert not home.exists()


def test_a_damaged_catalog_offers_nothing_and_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"no database at all, but long enough to be read" * 9)
    assert complete(tmp_path, "fit", "--user", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_a_shell_can_be_shown(run: Run, shell: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "prefcli"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "_PREFCLI_COMPLETE": f"source_{shell}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "prefcli" in result.stdout
    if shell == "bash" and shutil.which("bash"):
        subprocess.run(["bash", "-n", "-c", result.stdout], check=True)
