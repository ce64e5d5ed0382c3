"""Errors become one line on stderr and the exit code of the contract, whatever raised them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

import prefcli
from prefcli.cli.app import app
from prefcli.cli.boundary import CommandLine
from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.store import Store

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(prefcli.__file__).parents[1])}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], Result]:
    """Run a command line of one command that raises."""
    monkeypatch.delenv("PREFCLI_DEBUG", raising=False)

    def invoke(error: BaseException) -> Result:
        toy = typer.Typer(cls=CommandLine, rich_markup_mode=None)

        @toy.callback()
        def root() -> None: ...

        @toy.command()
        def fail() -> None:
            raise error

        return CliRunner().invoke(toy, ["fail"], prog_name="prefcli")

    return invoke


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PrefcliError("the disk is full"), 1),
        (UsageError("give one of --a and --b"), 2),
        (DataError("a.jsonl:3: no prompt"), 65),
        (NotFoundError("no user 'alice'"), 66),
    ],
)
def test_an_error_of_prefcli_is_one_line_and_its_own_exit_code(
    run: Callable[[BaseException], Result], error: PrefcliError, code: int
) -> None:
    result = run(error)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == f"prefcli: error: {error.message}\n"


def test_each_fault_of_an_error_has_a_line_of_its_own(
    run: Callable[[BaseException], Result],
) -> None:
    result = run(DataError("2 bad rows", ["a.jsonl:1: no prompt", "a.jsonl:7: not JSON"]))
    assert result.stderr.splitlines() == [
        "prefcli: error: 2 bad rows",
        "  a.jsonl:1: no prompt",
        "  a.jsonl:7: not JSON",
    ]


def test_an_unforeseen_exception_is_one_line_that_names_the_way_to_its_traceback(
    run: Callable[[BaseException], Result],
) -> None:
    result = run(ValueError("shapes differ:\n(2, 3)\n(3, 2)"))
    assert result.exit_code == 1
    assert result.stderr == (
        "prefcli: error: ValueError: shapes differ: (2, 3) (3, 2) (PREFCLI_DEBUG=1 shows where)\n"
    )


def test_the_traceback_is_shown_on_request_and_the_code_stays(
    run: Callable[[BaseException], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFCLI_DEBUG", "1")
    result = run(DataError("a.jsonl:3: no prompt"))
    assert result.exit_code == 65
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert result.stderr.endswith("prefcli: error: a.jsonl:3: no prompt\n")


def test_a_fault_of_the_system_reads_without_its_class(
    run: Callable[[BaseException], Result],
) -> None:
    result = run(PermissionError(13, "Permission denied", "/root/x"))
    assert (result.exit_code, result.stderr) == (1, "prefcli: error: Permission denied: /root/x\n")


def test_ctrl_c_ends_with_130_and_one_line(run: Callable[[BaseException], Result]) -> None:
    result = run(KeyboardInterrupt())
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "prefcli: interrupted\n")


def test_a_real_ctrl_c_while_reading_ends_with_130_and_one_line(home: Path) -> None:
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from prefcli.cli import main; sys.argv = ['prefcli', 'generate']\n"
        "print('ready', flush=True); main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "prefcli: interrupted\n")
    assert process.returncode == 130


NOT_UTF8 = "al\udcff"


@pytest.mark.parametrize(
    "words",
    [
        ["generate", "hello", "--profile", NOT_UTF8],
        ["generate", "hello", "--base", NOT_UTF8],
        ["fit", "--user", NOT_UTF8],
        ["fit", "--all", "--space", NOT_UTF8],
        ["ingest", "x.jsonl", "--user", NOT_UTF8],
        ["feedback", "list", "--user", NOT_UTF8],
        ["profile", "show", NOT_UTF8],
        ["base", "show", NOT_UTF8],
        ["base", "use", NOT_UTF8],
        ["space", "show", NOT_UTF8],
        ["space", "use", NOT_UTF8],
        ["space", "train", NOT_UTF8],
    ],
)
def test_a_name_that_is_not_utf_8_is_one_line_and_2(home: Path, words: list[str]) -> None:
    result = CliRunner().invoke(app, words, prog_name="prefcli")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'al\\xff' is not UTF-8" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not home.exists()


def test_a_file_name_may_be_any_bytes(home: Path) -> None:
    words = ["ingest", f"{home}/{NOT_UTF8}", "--user", "alice"]
    result = CliRunner().invoke(app, words, prog_name="prefcli")
    assert result.exit_code == 66


def prefcli_in_a_shell(line: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f'prefcli() {{ "{sys.executable}" -m prefcli "$@"; }}; {line}'],
        capture_output=True,
        text=True,
        check=False,
        env={**ENVIRONMENT, "PREFCLI_HOME": str(home)},
    )


@pytest.mark.parametrize("words", ["path", "path --json", "--help", "generate --help"])
def test_a_full_disk_below_stdout_is_one_line_and_1(home: Path, words: str) -> None:
    result = prefcli_in_a_shell(f"prefcli {words} >/dev/full", home)
    assert result.returncode == 1
    assert result.stderr == (
        "prefcli: error: cannot write to standard output: No space left on device; "
        "send it to another file or device\n"
    )


@pytest.mark.parametrize(("words", "code"), [("profile show nobody", 66), ("nothing", 2)])
def test_a_full_disk_below_stderr_leaves_the_exit_code(home: Path, words: str, code: int) -> None:
    assert prefcli_in_a_shell(f"prefcli {words} 2>/dev/full", home).returncode == code


@pytest.mark.parametrize("times", [1, 40])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_ingest_is_130_and_one_line_and_the_catalog_opens(
    home: Path, tmp_path: Path, sent: signal.Signals, times: int
) -> None:
    pipe = tmp_path / "feedback.jsonl"
    os.mkfifo(pipe)
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # whoever runs the tests may use nohup
        "from prefcli.cli import main; main()"
    )
    with (
        subprocess.Popen(
            [sys.executable, "-c", program, "ingest", pipe, "--user", "alice"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**ENVIRONMENT, "PREFCLI_HOME": str(home)},
        ) as process,
        pipe.open("w") as file,  # returns when the command has opened its end
    ):
        file.write('{"prompt": "a", "chosen": "b", "rejected": "c"}\n' * 2000)
        file.flush()
        for _ in range(times):  # somebody leans on the keys
            process.send_signal(sent)
            time.sleep(0.01)
        assert process.communicate(timeout=60) == ("", "prefcli: interrupted\n")
    assert process.returncode == 130
    with Store.open() as store:
        assert store.users() == []


def test_a_message_cannot_move_the_cursor(run: Callable[[BaseException], Result]) -> None:
    result = run(NotFoundError("no user '\x1b[2J\x07alice'"))
    assert result.stderr == "prefcli: error: no user '[2Jalice'\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ingst"], "no such command 'ingst'. Did you mean 'ingest'?; see 'prefcli --help'"),
        (["fit", "--usr", "a"], "no such option: --usr"),
        (["ingest", "--user", "a"], "missing argument 'FILES...'; see 'prefcli ingest --help'"),
        (
            ["profile", "list", "-n", "-1"],
            "invalid value for '--limit' / '-n': -1 is not in the range x>=0; "
            "see 'prefcli profile list --help'",
        ),
        (
            ["generate", "--strength", "much", "hello"],
            "invalid value for '--strength': 'much' is not a number; see 'prefcli generate --help'",
        ),
        (
            ["profile", "list", "-n", "1.5"],
            "invalid value for '--limit' / '-n': '1.5' is not a whole number; "
            "see 'prefcli profile list --help'",
        ),
        (
            ["generate", "--strength", "nan", "hello"],
            "invalid value for '--strength': nan is not a finite number; "
            "see 'prefcli generate --help'",
        ),
    ],
)
def test_words_that_make_no_sense_are_one_line_and_2(words: list[str], message: str) -> None:
    result = CliRunner().invoke(app, words, prog_name="prefcli")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"prefcli: error: {message}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["profile"], ["feedback"], ["base"], ["space"]])
def test_without_a_command_the_help_page_goes_to_stderr(words: list[str]) -> None:
    result = CliRunner().invoke(app, words, prog_name="prefcli")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(" ".join(["Usage: prefcli", *words]))


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["ingest", "-h"], ["space", "train", "-h"]])
def test_help_goes_to_stdout_and_fits_80_columns(words: list[str]) -> None:
    result = CliRunner().invoke(app, words, prog_name="prefcli")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: prefcli ")
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "{" not in result.stdout


@pytest.mark.parametrize("words", [["--help"], ["generate", "--help"], ["space", "train", "-h"]])
def test_help_fits_40_columns_but_for_its_examples(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    result = CliRunner().invoke(app, words, prog_name="prefcli")
    page, _, _ = result.stdout.partition("Examples:")
    assert max(map(len, page.splitlines())) <= 40
    assert "..." not in page.replace("[ARGS]...", "")
