"""`prefcli chat`: what a script drives, what a person types, and how an answer is stopped."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from prefcli import tiny
from prefcli.cli import chat as command
from prefcli.services.generator import Generator, Job
from tests.cli.conftest import Run

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The prompts that the generator got; it answers in capitals, and `slow` never ends."""
    prompts: list[list[str]] = []

    def answer(
        _: Generator, jobs: Sequence[Job], on_text: Callable[[str], None] | None = None
    ) -> list[str]:
        [job] = jobs
        prompts.append([turn.content for turn in job.prompt])
        asked = job.prompt[-1].content
        if on_text:
            on_text(asked.upper()[:2])
            if asked == "slow":
                signal.raise_signal(signal.SIGINT)
            on_text(asked.upper()[2:])
        return [asked.upper()]

    monkeypatch.setattr(Generator, "answer", answer)
    monkeypatch.setattr(Generator, "warnings", lambda _, jobs: [["odd"] for _ in jobs])
    monkeypatch.setattr(Generator, "base", lambda _: Roomy())
    monkeypatch.setattr("prefcli.services.chat.tiny", SimpleNamespace(NAME="another"))
    return prompts


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C as a terminal has it; what an interrupted command ignores is given back."""
    before = {each: signal.getsignal(each) for each in ENDING}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


class Roomy:
    """A base in which every conversation has room."""

    context = 512

    def prompt_ids(self, *_: Any) -> list[int]:
        return [1]


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch, run: Run) -> Callable[..., Any]:
    """Run the command in front of somebody who types these lines."""

    def invoke(*lines: str | BaseException) -> Any:
        left = [*lines, EOFError()]

        def typed(_: str) -> str:
            line = left.pop(0)
            if isinstance(line, BaseException):
                raise line
            return line

        monkeypatch.setattr("builtins.input", typed)
        monkeypatch.setattr("typer.testing._NamedTextIOWrapper", _terminal_for_stdin)
        return run("chat")

    return invoke


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def _terminal_for_stdin(buffer: Any, *, name: str, mode: str, **words: Any) -> io.TextIOWrapper:
    return Terminal(buffer, **words) if mode == "r" else io.TextIOWrapper(buffer, **words)


def test_each_line_of_a_pipe_is_a_turn_and_stdout_has_the_answers(
    run: Run, answers: list[list[str]]
) -> None:
    result = run("chat", "--system", "Be brief.", stdin="one\n\n//two\r\n/clear\nthree")
    assert (result.exit_code, result.stdout) == (0, "ONE\n/TWO\nTHREE\n")
    assert result.stderr == "prefcli: warning: odd\n"  # once
    assert answers == [
        ["Be brief.", "one"],
        ["Be brief.", "one", "ONE", "/two"],
        ["Be brief.", "three"],
    ]


def test_commands_change_what_follows_and_quit_ends(run: Run, answers: list[list[str]]) -> None:
    lines = "/seed 7\na\nb\n/system Be kind.\n/seed\nc\n/quit\nd\n"
    result = run("chat", "--jsonl", stdin=lines)
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["seed"] for row in rows[:2]] == [7, 8]
    assert [row["response"] for row in rows] == ["A", "B", "C"]
    assert (rows[0]["prompt"], rows[0]["log_id"], rows[0]["left_out"]) == ("a", None, 0)
    assert answers[2][0] == "Be kind."


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("/nonsense", 2, "no command /nonsense: /help lists them"),
        ("/profile", 2, "/profile NAME"),
        ("/profile nobody", 66, "nobody"),
        ("/seed x", 2, "/seed x: expected a whole number"),
        (b"caf\xe9", 65, "line 2 is not UTF-8"),
    ],
)
def test_a_line_that_cannot_be_done_ends_a_script_and_not_a_person(
    run: Run, types: Callable[..., Any], line: Any, code: int, words: str
) -> None:
    raw = line if isinstance(line, bytes) else line.encode()
    result = run("chat", stdin=b"one\n" + raw + b"\ntwo\n")
    assert (result.exit_code, result.stdout) == (code, "ONE\n")
    assert words in result.stderr.splitlines()[-1]
    if isinstance(line, str):
        result = types("one", line, "two")
        assert (result.exit_code, result.stdout) == (0, "ONE\nTWO\n")
        assert words in result.stderr


def test_ctrl_c_stops_answers_and_keeps_the_conversation(
    types: Callable[..., Any], answers: list[list[str]]
) -> None:
    usual = signal.getsignal(signal.SIGINT)
    result = types("slow", "slow", KeyboardInterrupt(), "two")
    assert (result.exit_code, result.stdout) == (0, "SL\nSL\nTWO\n")
    assert answers[-1] == ["slow", "SL", "slow", "SL", "two"]
    assert signal.getsignal(signal.SIGINT) == usual
    assert "Ctrl-D or /quit ends" in result.stderr


def test_ctrl_c_ends_a_script(run: Run) -> None:
    result = run("chat", stdin="one\nslow\ntwo\n")
    assert (result.exit_code, result.stdout) == (130, "ONE\nSL")


def test_the_list_of_commands_fits_a_terminal() -> None:
    width = max(len(name) for name, _ in command.HELP) + 2
    assert all(width + len(text) <= 80 for _, text in command.HELP)


def test_the_built_in_base_says_that_it_knows_single_questions(
    run: Run, answers: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefcli.services.chat.tiny", tiny)
    result = run("chat", stdin="one\ntwo\n")
    assert (result.stdout, answers) == ("ONE\nTWO\n", [["one"], ["two"]])
    assert "each is answered by itself" in result.stderr
