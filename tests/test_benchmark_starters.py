"""What is written about the starter profiles was measured on those that are there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))  # benchmarks are not installed

from benchmarks import starters

RESULTS: dict[str, Any] = json.loads(starters.RESULTS.read_text(encoding="utf-8"))
REMAKE = "run `python -m benchmarks.starters`"


def test_the_figures_are_of_the_profiles_and_the_space_that_are_there() -> None:
    assert {key: RESULTS[key] for key in ("space", "profiles")} == starters.stamp(), REMAKE


def test_the_page_says_what_was_measured() -> None:
    page = starters.PAGE.read_text(encoding="utf-8")
    assert starters.page(page, RESULTS) == page, "run `python -m benchmarks.starters --page`"


def test_every_starter_serves_those_who_judge_like_it() -> None:
    rates = {row["name"]: row["win_rate"] for row in RESULTS["profiles_measured"]}
    assert set(rates) == set(starters.profiles())
    assert len(rates) >= 10
    assert min(rates.values()) >= 0.7


def test_an_answer_that_is_shown_is_what_the_profile_says() -> None:
    assert starters.shown(["brief"]) == {
        name: RESULTS["shown"]["answers"][name] for name in ("", "brief")
    }, REMAKE


@pytest.mark.slow
def test_all_answers_that_are_shown_are_what_the_profiles_say() -> None:
    assert starters.shown(sorted(starters.profiles())) == RESULTS["shown"]["answers"], REMAKE


def test_no_answer_wins_more_than_the_ceiling() -> None:
    rivals = [["a", "bb"], ["ccc", "ccc"]]
    assert starters.ceiling(lambda text: float(len(text)), rivals) == pytest.approx(0.75)
