"""`prefcli ask`: keys in a terminal, lines for scripts, and never a wait where nobody is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prefcli.feedback.records import text_prompt
from prefcli.services import ask as service
from prefcli.services.ask import Question
from tests.cli.conftest import Run, press


class Session:
    """Stands for an Asker: two questions, and what was answered."""

    def __init__(self) -> None:
        self.warnings = ["strange prompts"]
        self.stored = 0
        self.said: list[tuple[str, str]] = []
        self._left = [
            Question("alice", text_prompt(f"q{i}"), "x", "y", 0.5, "plain") for i in (1, 2)
        ]

    def next(self) -> Question | None:
        return self._left.pop(0) if self._left else None

    def questions(self) -> list[Question]:
        return self._left

    def answer(self, question: Question, choice: str) -> None:
        self.stored += 1
        self.said.append((question.prompt[0].content, choice))


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    made = Session()
    monkeypatch.setattr(service, "ask", lambda *_, **__: made)
    return made


def test_keys_answer_and_keys_that_mean_nothing_are_passed_over(
    run: Run, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(monkeypatch, "?xB")
    result = run("ask", "--user", "alice", "-n", "2")
    assert result.exit_code == 0
    assert session.said == [("q1", "both-bad"), ("q2", "b")]
    assert "2 answers stored\nNext: prefcli fit --user alice\n" in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert result.stderr == "prefcli: warning: strange prompts\n"


@pytest.mark.parametrize("keys", ["q", "sq", "\x04"])
def test_skipping_and_quitting_store_nothing(
    run: Run, session: Session, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    press(monkeypatch, keys)
    result = run("ask", "--user", "alice")
    assert (result.exit_code, session.said) == (0, [])
    assert "0 answers stored" in result.stdout


def test_ctrl_c_ends_with_130_and_says_what_was_stored(
    run: Run, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(monkeypatch, "t")
    result = run("ask", "--user", "alice")
    assert (result.exit_code, session.said) == (130, [("q1", "tie")])
    assert "1 answer stored" in result.stdout


def test_a_script_gets_a_line_per_question_with_the_documented_fields(
    run: Run, session: Session
) -> None:
    result = run("ask", "--user", "alice", "-n", "5", "--jsonl")
    rows: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["prompt"][0]["content"] for row in rows] == ["q1", "q2"]
    assert set(rows[0]) == {"user", "prompt", "a", "b", "information", "source"}
    assert "only 2: the prompts have no more different answers" in result.stderr


@pytest.mark.parametrize("words", [[], ["--jsonl", "--fit"], ["--plain", "2", "--jsonl"]])
def test_without_a_terminal_or_with_words_that_do_not_fit_it_is_a_usage_error(
    run: Run, session: Session, words: list[str]
) -> None:
    result = run("ask", "--user", "alice", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
