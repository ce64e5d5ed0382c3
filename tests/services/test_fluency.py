"""Figures of texts: what is broken, how much repeats, and what both sides cost the base."""

from __future__ import annotations

import pytest

from prefcli.base import Base
from prefcli.feedback.records import text_prompt
from prefcli.services.fluency import distinct_2, goes_in_circles, is_broken, measure


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "...!",
        "half a charac\ufffd",
        "bell \x07 rings",
        "no no no no",
        "and so on and so on and so on",
        "Rinse the rice. Cook it. Rinse the rice. Eat. Rinse the rice.",
        "a b c d " * 3,
    ],
)
def test_what_nobody_would_take_for_an_answer_is_broken(text: str) -> None:
    assert is_broken(text)


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "It is very, very, very good.",
        "1. Rinse.\n2. Cook.\n\tThen rest.",
        "Cook the rice. Then cook the rice again.",
        "Ja. Ja. Ja.",
        "米を洗って炊きます。",
        "☂ and 🙂 are signs",
    ],
)
def test_what_people_write_is_not(text: str) -> None:
    assert not is_broken(text)
    assert not goes_in_circles(text)


def test_distinct_pairs_do_not_depend_on_which_side_is_longer() -> None:
    text = "the cat sat on the mat and the cat ran"
    assert distinct_2([text], [text + " the cat sat on the mat"]) == distinct_2([text], [text])
    one, other = distinct_2(["a b c d", "a b c d"], ["a b c d", "e f g h"])
    assert (one, other) == (0.5, 1.0)
    assert distinct_2([""], ["a b"]) == (0.0, 0.0)


def test_a_side_costs_the_base_what_its_tokens_cost(base: Base) -> None:
    prompts = [text_prompt("What?"), text_prompt("What?"), text_prompt("Why not?")]
    one, other = ["yes", "no", "x" * 40], ["maybe", "", "so"]
    found = measure(base, prompts, one, other, room=20, max_new_tokens=12)
    cost = tokens = 0.0
    for prompt, text in zip(prompts, one, strict=True):
        response, _ = base.response_ids(text, 12)
        cost += float(base.negative_log_likelihood([base.prompt_ids(prompt)], [response]))
        tokens += len(response)
    assert found["base"]["nll"] == pytest.approx(cost / tokens, abs=1e-4)
    more = found["profile"]["nll"] - found["base"]["nll"]
    assert found["nll_more"] == pytest.approx(more, abs=2e-4)
    assert found["base"]["unfinished"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["profile"]["broken"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["profile"]["unfinished"] == 0


def test_a_side_against_itself_costs_nothing_more(base: Base) -> None:
    prompts = [text_prompt("a"), text_prompt("b")]
    found = measure(base, prompts, ["yes", "no"], ["yes", "no"], room=20, max_new_tokens=8)
    assert found["base"] == found["profile"]
    assert (found["nll_more"], found["nll_more_interval"]) == (0, [0, 0])
