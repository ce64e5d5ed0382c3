"""`prefcli ab`: keys in a terminal, scores for everybody, and never a wait where nobody is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prefcli.store import Store
from tests.cli.conftest import Run, press
from tests.made_profiles import add_profile

PROMPTS = ("What is tea?", "How do I iron a shirt?")
SHORT = ("--max-new-tokens", "12", "--seed", "3")


@pytest.fixture
def alice(home: Any) -> None:
    with Store.open() as store:
        add_profile(store, "alice", 2.0)


def picks() -> list[str]:
    with Store.open() as store:
        return [pick.choice for pick in store.picks()]


def test_keys_pick_and_the_score_comes_at_the_end(
    run: Run, alice: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(monkeypatch, "?1=")
    result = run("ab", "--user", "alice", *SHORT, *PROMPTS)
    assert result.exit_code == 0, result.stderr
    asked, end = result.stdout.split("2 picks stored\n")
    assert all(len(line) <= 80 for line in asked.splitlines())
    for tell in ("alice", "profile", "base", "tiny"):  # nothing tells whose an answer is
        assert tell not in asked
    assert "by alice's own blind picks" in end
    first, second = picks()
    assert (first in ("profile", "base"), second) == (True, "tie")


@pytest.mark.parametrize("keys", ["q", "sq", "\x04", "ss"])
def test_skipping_and_quitting_store_nothing(
    run: Run, alice: None, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    press(monkeypatch, keys)
    result = run("ab", "--user", "alice", *SHORT, *PROMPTS)
    assert (result.exit_code, picks()) == (0, [])
    assert result.stdout.endswith("0 picks stored\n")


def test_ctrl_c_ends_with_130_and_keeps_what_was_picked(
    run: Run, alice: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(monkeypatch, "2")
    result = run("ab", "--user", "alice", *SHORT, *PROMPTS)
    assert (result.exit_code, len(picks())) == (130, 1)
    assert "1 pick stored" in result.stdout


def test_scores_are_a_table_with_a_sentence_or_lines(
    run: Run, alice: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = run("ab", "--score")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert nothing.stderr == "prefcli: no blind test yet: prefcli ab\n"
    press(monkeypatch, "12")
    run("ab", "--user", "alice", *SHORT, *PROMPTS)
    table = run("ab", "--score", "--user", "alice").stdout.splitlines()
    assert table[0].split()[:5] == ["PROFILE", "STRENGTH", "PICKS", "WINS", "TIES"]
    assert table[-1].startswith("verdict  Whether alice@1 is better than the base is not known yet")
    [row] = [json.loads(line) for line in run("ab", "--score", "--jsonl").stdout.splitlines()]
    assert (row["profile"], row["picks"], row["wins"] + row["losses"]) == ("alice@1", 2, 2)
    assert run("ab", "--score", "--user", "bob").exit_code == 66


def test_kept_picks_are_feedback_and_forget_takes_all(
    run: Run, alice: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(monkeypatch, "12")
    run("ab", "--user", "alice", *SHORT, "--keep", *PROMPTS)
    assert len(run("feedback", "list", "--jsonl").stdout.splitlines()) == 2
    renamed = json.loads(run("profile", "rename", "alice", "alicia", "--json").stdout)
    assert (renamed["picks"], renamed["judgements"]) == (2, 2)
    gone = run("forget", "--user", "alicia", "--yes")
    assert gone.stdout.endswith("0 generations removed, and 2 blind picks\n")
    assert picks() == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--user", "alice"], "no terminal to pick in"),
        ([], "give either --user NAME or --profile USER@VERSION"),
        (["--user", "alice", "--jsonl"], "add --score"),
        (["--score", "--keep"], "leave prompts, -n and --keep out"),
        (["--user", "alice", "--prompts", "x", "What is tea?"], "exclude each other"),
    ],
)
def test_without_a_terminal_or_with_words_that_do_not_fit_it_is_a_usage_error(
    run: Run, alice: None, words: list[str], told: str
) -> None:
    result = run("ab", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
