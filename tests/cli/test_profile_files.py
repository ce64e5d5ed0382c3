"""A profile goes out through a pipe and comes in again, only where its space is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefcli.services.profiles import stored_profile
from prefcli.store import Store
from tests.cli.conftest import Run
from tests.made_profiles import add_profile


@pytest.fixture
def exported(run: Run, home: Path) -> bytes:
    """The file of alice's profile."""
    with Store.open(home) as store:
        add_profile(store, "alice", 1.0, -2.0)
    result = run("profile", "export", "alice")
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout_bytes


def test_a_profile_that_was_removed_comes_back_the_same(
    run: Run, home: Path, exported: bytes
) -> None:
    with Store.open(home) as store:
        before = stored_profile(store, "alice").artifact
    run("profile", "rm", "alice", "--yes")
    result = run("profile", "import", "-", stdin=exported)
    assert (result.exit_code, result.stdout) == (0, "alice@1: imported\n")
    with Store.open(home) as store:
        assert stored_profile(store, "alice").artifact == before
        assert stored_profile(store, "alice").summary["pairs"] == 2


def test_importing_what_is_there_adds_nothing(run: Run, exported: bytes) -> None:
    result = run("profile", "import", "-", "--json", stdin=exported)
    assert json.loads(result.stdout)["imported"] is False
    assert result.stderr == ("prefcli: alice@1 is this very profile already: nothing was added\n")


def test_a_name_that_has_another_profile_is_kept_from_harm(
    run: Run, home: Path, exported: bytes
) -> None:
    with Store.open(home) as store:
        add_profile(store, "alice", 3.0)
    assert run("profile", "import", "-", stdin=exported).exit_code == 2
    result = run("profile", "import", "-", "--new-version", stdin=exported)
    assert result.stdout == "alice@3: imported\n"
    result = run("profile", "import", "-", "--as", "anna", "--json", stdin=exported)
    assert json.loads(result.stdout)["profile"] == "anna@1"
    assert run("forget", "--user", "alice", "--yes").exit_code == 0
    assert run("profile", "show", "anna").exit_code == 66  # it was alice's taste


def test_a_profile_of_another_space_is_refused_in_one_line(
    run: Run, home: Path, tmp_path: Path
) -> None:
    with Store.open(home) as store:
        add_profile(store, "alice", 1.0, space="0123456789abcdef")
    path = tmp_path / "alice.pref"
    assert run("profile", "export", "alice", "-o", path).exit_code == 0
    result = run("profile", "import", path, "--as", "anna")
    assert (result.exit_code, result.stdout) == (66, "")
    assert result.stderr == (
        f"prefcli: error: {path} is of space tiny (0123456789abcdef), which is not here (in use: "
        "tiny): `prefcli space import` it first\n"
    )


def test_export_to_a_file_tells_where_and_overwrites_nothing(
    run: Run, exported: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "alice.pref"
    told = json.loads(run("profile", "export", "alice", "-o", path, "--json").stdout)
    assert (told["file"], told["bytes"]) == (str(path), len(exported))
    assert path.read_bytes() == exported
    assert run("profile", "export", "alice", "-o", path).exit_code == 2
    assert run("profile", "export", "alice", "-o", path, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        (("export", "nobody"), None, 66),
        (("export", "alice", "--json"), None, 2),
        (("import", "nowhere.pref"), None, 66),
        (("import", "/"), None, 66),
        (("import", "-"), b"no profile", 65),
        (("import", "-"), b"", 65),
    ],
)
def test_what_cannot_be_carried_is_one_line(
    run: Run, exported: bytes, words: tuple[str, ...], stdin: bytes | None, code: int
) -> None:
    result = run("profile", *words, stdin=stdin)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--to", "peft"),
        ("--to", "gguf"),
        ("--strength", "0.5"),
    ],
)
def test_export_words_that_do_not_fit_together_are_refused(
    run: Run, exported: bytes, words: tuple[str, ...]
) -> None:
    result = run("profile", "export", "alice", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
