"""`prefcli space show|eval` on a screen, and what the words of `space eval` ask of the service."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from prefcli.services import space_eval
from tests.cli.conftest import Run

EVAL_SPACE = space_eval.eval_space  # the fixture puts another in its place
TOLD = {
    "direction": 1,
    "features": [{"name": "words", "low": 21, "high": 38, "effect": 1.0, "interval": [0.8, 1.2]}],
    "words_low": [],
    "words_high": ["you", "try"],
}
FOUND: dict[str, Any] = {
    "space": "everyday",
    "prompts": 48,
    "report": {
        "nll": {"base": 0.5, "own_z": 0.25, "prior_text": 0.55},
        "consistency": [0.9, 0.4],
        "consistency_interval": [[0.85, 0.93], [0.3, 0.5]],
        "directions_text": [TOLD],
        "contrastive_accuracy": 0.75,
    },
    "verdict": {
        "grade": "usable",
        "summary": "usable: answers are hard to tell apart",
        "complaints": [{"what": "hard to tell apart", "remedy": "train longer", "grave": False}],
        "unknown": ["whether it rains"],
    },
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asked; nothing is measured."""
    asked: list[dict[str, Any]] = []

    def measured(store: Any, name: str | None, *, progress: Any, **words: Any) -> dict[str, Any]:
        asked.append({"name": name, **words})
        return FOUND

    monkeypatch.setattr(space_eval, "eval_space", measured)
    return asked


def test_a_space_is_measured_with_every_word(run: Run, calls: list[dict[str, Any]]) -> None:
    words = ("--prompts", "-", "--samples", "4", "--seed", "5", "--save", "--plot", "a.svg")
    result = run("space", "eval", "everyday", *words, "--json")
    assert json.loads(result.stdout) == FOUND
    asked = {"prompts": "-", "samples": 4, "seed": 5, "save": True, "plot": "a.svg"}
    assert calls == [{"name": "everyday", **asked}]
    assert result.stderr == "prefcli: drawn in a.svg\n"


def test_the_defaults_are_those_of_the_service(run: Run, calls: list[dict[str, Any]]) -> None:
    run("space", "eval")
    parameters = inspect.signature(EVAL_SPACE).parameters
    assert calls[0] == {word: parameters[word].default for word in calls[0]}


def test_the_screen_says_sizes_directions_and_verdict(
    run: Run, calls: list[dict[str, Any]]
) -> None:
    lines = run("space", "eval").stdout.splitlines()
    assert [line.rstrip() for line in lines] == [
        "space                 everyday",
        "prompts               48",
        "told apart            75.0 %",
        "nats per token",
        "  the base's answers  0.500",
        "  under their own z   0.250 (-50 %)",
        "  text from z         0.550 (+10 %)",
        "",
        "DIRECTION  BACK                 WHAT ITS FAR END CHANGES",
        '        1  0.90 (0.85 to 0.93)  longer (38 against 21 words); words: "you", "try"',
        "        2  0.40 (0.30 to 0.50)  -",
        "",
        "verdict       usable: answers are hard to tell apart",
        "what to do    hard to tell apart: train longer",
        "not measured  whether it rains (prefcli space eval measures it)",
    ]


def test_show_prints_a_screen_and_keeps_its_fields(run: Run) -> None:
    screen, found = run("space", "show").stdout, json.loads(run("space", "show", "--json").stdout)
    assert found["verdict"]["summary"] in screen
    assert f"{found['report']['prompts_seen']} prompts" in screen
    assert found["report"]["directions"] == found["directions"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("eval", "nobody"), "no space 'nobody'"),
        (("eval", "--samples", "9" * 9), "--samples 999999999: expected 2 to 1024"),
        (("eval", "--save"), "--save: the built-in space is part of the program"),
        (("eval", "--plot", "a.gif"), "--plot 'a.gif': name a file that ends in .png or .svg"),
        (("show", "--plot", ""), "--plot '': name a file that ends in .png or .svg"),
        (("train", "x", "--plot", "a.gif"), "--plot 'a.gif': name a file that ends in"),
        (("train", "x", "--dry-run", "--plot", "a.png"), "trains nothing to draw: leave out"),
        (("train", "x", "--encoder-pace", "0"), "--encoder-pace 0.0: expected more than 0, at"),
        (("show", "--plot", "/nowhere/a.png"), "there is no directory /nowhere"),
        (("eval", "--prompts", "/nowhere.txt"), "no such file"),
    ],
)
def test_what_cannot_be_followed_is_told_in_one_line(
    run: Run, words: tuple[str, ...], told: str
) -> None:
    result = run("space", *words)
    assert result.exit_code in (1, 2, 66)
    assert (result.stdout, result.stderr.count("\n")) == ("", 1)
    assert told in result.stderr


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_show_draws_the_space(run: Run, tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("matplotlib", reason="the plot extra brings matplotlib")
    target = tmp_path / f"space.{suffix}"
    result = run("space", "show", "--plot", target)
    assert result.exit_code == 0, result.stderr
    start = {"png": b"\x89PNG", "svg": b"<?xml"}[suffix]
    assert target.read_bytes().startswith(start)
    assert result.stderr == f"prefcli: drawn in {target}\n"
