"""The verdict follows from the report alone, and every complaint comes with a next step."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from prefcli import tiny
from prefcli.latent.verdict import GOOD, USABLE, judge

REPORT: dict[str, Any] = {
    "prompts": 48,
    "answers": 384,
    "answer_tokens": 50.0,
    "nll": {
        "base": 1.0,
        "own_z": 0.7,
        "prior_z": 2.0,
        "prior_marginal": 1.02,
        "prior_text": 0.99,
    },
    "contrastive_accuracy": 0.97,
    "consistency": [0.9] * 11,
    "prompts_seen": 600,
    "steps": 1400,
}


def changed(**values: Any) -> dict[str, Any]:
    """The good report with some figures changed, those of `nll` by their names."""
    report = copy.deepcopy(REPORT)
    for name, value in values.items():
        (report["nll"] if name in report["nll"] else report)[name] = value
    return report


def test_a_good_space_is_praised_in_one_sentence() -> None:
    verdict = judge(REPORT)
    assert verdict.summary == (
        "good: answers can be told apart (97 % among 8), 11 directions come back from the text "
        "that they make, all z together answer as the base does, and text along them is as "
        "fluent as the base's own"
    )
    assert (verdict.complaints, verdict.unknown) == ((), ())


@pytest.mark.parametrize(
    ("short", "far", "what", "step"),
    [
        ({"contrastive_accuracy": 0.89}, {"contrastive_accuracy": 0.49}, "tell apart", "trunk"),
        ({"consistency": [0.69] * 8}, {"consistency": [0.2] * 8}, "come back", "prefix"),
        ({"consistency": [0.9] * 7}, {"consistency": [0.9] * 3}, "7 directions|3 dir", "--latent"),
        ({"prior_marginal": 1.04}, {"prior_marginal": 1.6}, "all z together", "longer prefix"),
        ({"prior_text": 1.06}, {"prior_text": 1.3}, "costs the base", "--temperature"),
    ],
)
def test_what_falls_short_is_told_with_the_next_step_and_gravely_makes_it_poor(
    short: dict[str, Any], far: dict[str, Any], what: str, step: str
) -> None:
    for values, grade in ((short, "usable"), (far, "poor")):
        verdict = judge(changed(**values))
        assert verdict.grade == grade
        (complaint,) = verdict.complaints
        assert re.search(what, complaint.what)
        assert step in complaint.remedy
        assert verdict.summary.startswith(f"{grade}: {complaint.what}; but ")


@pytest.mark.parametrize(
    "values",
    [
        {"contrastive_accuracy": GOOD.contrastive},
        {"consistency": [GOOD.consistency] * GOOD.directions},
        {"prior_marginal": GOOD.marginal},
        {"prior_text": GOOD.text},
    ],
)
def test_what_just_reaches_its_threshold_is_good(values: dict[str, Any]) -> None:
    assert judge(changed(**values)).grade == "good"


def test_the_usable_is_never_asked_more_than_the_good() -> None:
    assert USABLE.contrastive < GOOD.contrastive
    assert USABLE.consistency < GOOD.consistency
    assert USABLE.directions < GOOD.directions
    assert USABLE.marginal > GOOD.marginal
    assert USABLE.text > GOOD.text


def test_a_z_that_does_not_help_its_own_answer_is_poor() -> None:
    assert judge(changed(own_z=1.0)).grade == "poor"


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ({"answer_tokens": 9.0}, "answers of 9 tokens"),
        ({"prompts_seen": 40}, "on more prompts (40 now)"),
        ({"steps": 200}, "for more --steps (200 now)"),
        ({"prompts_seen": 40, "steps": 200}, "on more prompts (40 now) and for more --steps"),
        ({}, "for more --steps (1400 now)"),
    ],
)
def test_the_next_step_is_what_there_was_little_of(values: dict[str, Any], step: str) -> None:
    (complaint,) = judge(changed(contrastive_accuracy=0.7, **values)).complaints
    assert step in complaint.remedy


def test_the_report_of_a_space_from_before_is_judged_as_far_as_it_goes() -> None:
    report = json.loads((tiny.space_directory() / "space.json").read_text())["report"]
    for name in ("prior_marginal", "prior_text"):
        report["nll"].pop(name, None)
    verdict = judge(report)
    assert verdict.grade == "good"
    assert len(verdict.unknown) == 2


@pytest.mark.parametrize(
    "report", [{}, {"contrastive_accuracy": 0.5}, {"nll": None, "consistency": "?"}]
)
def test_a_report_that_says_little_gets_a_verdict_and_what_is_missing(
    report: dict[str, Any],
) -> None:
    verdict = judge(report)
    assert len(verdict.unknown) >= 4
    assert json.loads(json.dumps(verdict.as_dict()))["grade"] == verdict.grade
