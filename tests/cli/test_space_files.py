"""`prefcli space export|import|remove` and `prefcli refit`: words in, lines and bytes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.cli.space import portable as command
from prefcli.cli.words import size as as_size
from prefcli.output import Output
from prefcli.services import refit as service
from prefcli.store import Store
from tests.cli.conftest import Run
from tests.cli.test_fit import report


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "work"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


def test_bytes_go_to_stdout_in_a_pipe_and_come_back_from_stdin(run: Run, elsewhere: Path) -> None:
    piped = run("space", "export", "tiny")
    assert piped.exit_code == 0
    size = as_size(len(piped.stdout_bytes))
    assert piped.stderr == f"prefcli: space tiny: {size} written to stdout\n"
    assert run("space", "export", "tiny", "-o", "-").stdout_bytes == piped.stdout_bytes
    told = json.loads(run("space", "export", "tiny", "--json").stdout)
    assert (elsewhere / told["file"]).read_bytes() == piped.stdout_bytes
    assert told["bytes"] == len(piped.stdout_bytes)
    added = run("space", "import", "-", "mine", "--json", stdin=piped.stdout_bytes)
    assert json.loads(added.stdout)["imported"] is True
    again = run("space", "import", "-", "mine", stdin=piped.stdout_bytes)
    assert (again.exit_code, again.stderr) == (
        0,
        "prefcli: space mine is here already, with the same weights: nothing was added\n",
    )


def test_a_terminal_gets_a_file_and_no_bytes(
    run: Run, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Output, "interactive", True)
    result = run("space", "export", "tiny", "-o", "-")
    assert (result.exit_code, result.stdout) == (2, "")
    result = run("space", "export", "tiny")
    (file,) = elsewhere.iterdir()
    assert file.name == "tiny.space.safetensors"
    assert result.stdout == f"{file.name}: space tiny, {as_size(file.stat().st_size)}\n"
    result = run("space", "export", "tiny")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert run("space", "export", "tiny", "--force").exit_code == 0


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        (("space", "export", "absent"), None, 66),
        (("space", "export", "tiny", "-o", ""), None, 2),
        (("space", "export", "tiny", "-o", "-", "--json"), None, 2),
        (("space", "export", "tiny", "-o", "absent/s"), None, 1),
        (("space", "import", "absent"), None, 66),
        (("space", "import", "", "mine"), None, 2),
        (("space", "import", "-"), b"", 2),
        (("space", "import", "-", "mine"), b"", 65),
        (("space", "import", "-", "mine"), b"\xff" * 9, 65),
        (("space", "import", "-", "al\udcff"), b"", 2),
        (("space", "import", "-", "mine", "--base", "absent"), b"", 65),
        (("space", "remove", "tiny", "--yes"), None, 2),
        (("space", "remove", "absent", "--yes"), None, 66),
        (("space", "remove", "", "--yes"), None, 2),
        (("refit",), None, 2),
        (("refit", "--space", "absent"), None, 66),
        (("refit", "--space", "tiny", "--user", "nobody"), None, 66),
        (("refit", "--space", "tiny", "--user", "al\udcff"), None, 2),
        (("refit", "--space", "tiny", "--user", "a", "--all"), None, 2),
        (("refit", "--space", "tiny", "--all", "--json"), None, 2),
        (("refit", "--space", "tiny", "-u", "a", "--json", "--jsonl"), None, 2),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_code(
    run: Run, words: tuple[str, ...], stdin: bytes | None, code: int
) -> None:
    result = run(*words, stdin=stdin)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    assert result.stderr.startswith("prefcli: error: ")
    assert result.stderr.count("\n") == 1


@pytest.fixture
def lost(home: Path) -> Iterator[None]:
    """A space in use that has lost its files, with a profile."""
    with Store.open() as store:
        store.add_space("lost", "tiny", "fingerprint", {})
        store.set_settings(space="lost")
        store.add_profile("alice", "fingerprint", b"x", {})
    yield


def test_a_lost_space_is_removed_and_what_that_means_is_told(run: Run, lost: None) -> None:
    result = run("space", "remove", "lost")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "stdin is no terminal: add --yes" in result.stderr
    result = run("space", "remove", "lost", "--yes")
    assert (result.exit_code, result.stdout) == (0, "space lost is gone, with 0 encodings\n")
    assert result.stderr.splitlines() == [
        "prefcli: 1 profile stays and cannot be used without the space: import it again, or fit "
        "the users again",
        "prefcli: space in use: tiny",
    ]
    assert run("space", "remove", "lost", "--yes").exit_code == 66


def test_somebody_at_a_terminal_is_asked(
    run: Run, lost: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])
    asked: list[str] = []

    def confirm(question: str, err: bool) -> bool:
        asked.append(question)
        assert err
        return next(answers)

    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

    monkeypatch.setattr(command.typer, "confirm", confirm)
    monkeypatch.setattr(command.sys, "stdin", Terminal)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing.CliRunner.isolation", _keeping_stdin(Terminal))
        result = run("space", "remove", "lost")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "nothing was removed" in result.stderr
        assert json.loads(run("space", "remove", "lost", "--json").stdout)["in_use"] == "tiny"
    assert asked == ["Remove space lost with 0 encodings?"] * 2


def _keeping_stdin(stdin: Any) -> Any:
    from contextlib import contextmanager

    from typer.testing import CliRunner

    usual = CliRunner.isolation

    @contextmanager
    def isolation(self: Any, *words: Any, **options: Any) -> Iterator[Any]:
        import sys

        with usual(self, *words, **options) as streams:
            sys.stdin = stdin
            yield streams

    return isolation


def test_a_refit_prints_what_fit_all_prints(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def refit(store: Any, space: str, *, progress: Any, **words: Any) -> Iterator[Any]:
        asked.append({"space": space, **words})
        yield from map(report, words["users"] or ())

    monkeypatch.setattr(service, "refit", refit)
    words = ("refit", "--space", "new", "-u", "alice", "-u", "bob")
    lines = run(*words, "--jsonl").stdout.splitlines()
    assert [json.loads(line)["user"] for line in lines] == ["alice", "bob"]
    table = run(*words, "--no-use")
    *rows, learned = table.stdout.splitlines()
    assert len(rows) == 3
    assert learned == "something learned: alice, bob"
    assert table.stderr == ""
    one = run("refit", "--space", "new", "--user", "alice", "--json")
    assert json.loads(one.stdout).keys() == report("alice").as_dict().keys()
    assert one.stderr == "prefcli: space in use: new\n"
    assert "nobody to move" in run("refit", "--space", "new").stderr
    assert [row["use"] for row in asked] == [True, False, True, True]
    assert asked[-1]["users"] is None
