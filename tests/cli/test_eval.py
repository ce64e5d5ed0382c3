"""`prefcli eval`: what is printed, and words that do not fit together."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from prefcli.services import drift
from prefcli.store import Store
from tests.cli.conftest import Run
from tests.made_profiles import add_profile

FEW = ("-n", "3", "--answers", "1", "--max-new-tokens", "6")


@pytest.fixture
def alice(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "MOST", 2)
    monkeypatch.setattr(drift, "LONGEST", 6)
    with Store.open() as store:
        add_profile(store, "alice", 2.0)


def test_a_person_reads_figures_and_the_verdict_last(run: Run, alice: None) -> None:
    result = run("eval", "--user", "alice", *FEW, "--judge-length", "shorter")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    *_, last = result.stdout.splitlines()
    assert re.match(r"verdict  (Whether )?alice@1 is .* by being shorter \(90 % interval: ", last)
    figures = result.stdout[: -len(last) - 1]
    assert all(len(line) <= 80 for line in figures.splitlines())
    told = dict(re.findall(r"^(\S+(?: fit)?)  +(.*)$", figures, flags=re.MULTILINE))
    assert told["profile"] == "alice@1 against base tiny"
    assert told["prompts"] == "3 of topics that were kept out of everything"
    assert re.fullmatch(r"\d of 3, \d ties?: win rate \d+ % \(\d+ to \d+ %\)", told["won"])
    assert "on 2 of the same prompts" in told["drift"]
    assert re.search(r"PROFILE +BASE\n", figures)


def test_json_says_the_same_and_its_own_reward_is_named(run: Run, alice: None) -> None:
    found = json.loads(run("eval", "-p", "alice@1", *FEW, "--json").stdout)
    assert found["wins"] + found["ties"] + found["losses"] == 3
    assert (found["judge"], found["independent"]) == ("reward", False)
    assert found["verdict"] in ("better", "worse", "no better", "not known yet")
    assert "no independent judge" in found["summary"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "give either --user NAME or --profile USER@VERSION"),
        (["--user", "a", "--profile", "b"], 2, "give either --user"),
        (["--user", "alice@2"], 2, "a version is named with --profile alice@2"),
        (["--user", "nobody"], 66, "no profile 'nobody'"),
        (["--user", "alice", "--judge-regex", "("], 2, "no regular expression"),
        (["--user", "alice", "--judge-regex", "a", "--judge-length", "3"], 2, "exclude each other"),
        (["--user", "alice", *FEW, "--judge-command", "exit 7"], 1, "exit code 7"),
        (["--user", "alice", "--strength", "0"], 2, "nothing to compare"),
        (["--user", "alice", "--prompts", "/nowhere"], 66, "no such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Run, alice: None, words: list[str], code: int, told: str
) -> None:
    result = run("eval", *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
