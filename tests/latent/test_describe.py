"""What a direction changes is what is told of it, and what it does not change is not."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from prefcli.base import Base
from prefcli.latent.describe import compare, describe_directions, distinctive, in_words
from prefcli.latent.responses import Group
from prefcli.latent.surface import FEATURES, words
from tests.random_spaces import random_space
from tests.tiny_bases import tiny_base

VOCABULARY = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnr"]


def text(rng: random.Random, length: int) -> str:
    return " ".join(rng.choices(VOCABULARY, k=length)).capitalize() + "."


def usual(texts: list[str]) -> np.ndarray:
    return np.array([[f.measure(each) for f in FEATURES] for each in texts]).std(0)


def counted(*texts: str) -> Counter[str]:
    return Counter(word.casefold() for each in texts for word in words(each))


def told(low: list[str], high: list[str]) -> dict[str, object]:
    return compare(low, high, usual([*low, *high]), counted(*low, *high))


def test_texts_that_differ_in_length_are_said_to_and_in_nothing_else() -> None:
    rng = random.Random(0)
    low = [text(rng, rng.randint(10, 14)) for _ in range(24)]
    high = [text(rng, rng.randint(20, 24)) for _ in range(24)]
    found = told(low, high)
    (feature,) = found["features"]
    assert (feature["name"], feature["effect"] > 1) == ("words", True)
    assert feature["low"] == pytest.approx(np.mean([len(each.split()) for each in low]), abs=1e-3)
    least, most = feature["interval"]
    assert least < feature["effect"] < most
    assert in_words(found).startswith("longer (22 against 12 words)")
    (reverse,) = told(high, low)["features"]
    assert reverse["effect"] == -feature["effect"]


def test_texts_of_one_kind_differ_in_nothing() -> None:
    false_alarms = 0
    for seed in range(20):
        rng = random.Random(seed)
        low, high = ([text(rng, rng.randint(8, 20)) for _ in range(24)] for _ in range(2))
        found = told(low, high)
        false_alarms += bool(found["features"] or found["words_low"] or found["words_high"])
    assert false_alarms <= 3
    assert in_words({"features": [], "words_low": []}) == "nothing that can be counted"


def test_one_thing_seen_by_several_features_is_told_once() -> None:
    rng = random.Random(1)
    low = [text(rng, 10) for _ in range(24)]
    # Each further sentence is a line, a list item and some words as well.
    high = ["\n".join("- " + text(rng, 4) for _ in range(rng.randint(3, 9))) for _ in low]
    names = [feature["name"] for feature in told(low, high)["features"]]
    assert len({"sentences", "lines", "list_items"} & set(names)) == 1


def test_what_the_base_never_does_is_found_nevertheless() -> None:
    rng = random.Random(2)
    low = [text(rng, 12) for _ in range(24)]
    high = [f"{each} 🙂" for each in low]
    found = compare(low, high, usual(low), counted(*low))
    assert [feature["name"] for feature in found["features"]] == ["emoji"]


def test_a_word_is_distinctive_by_how_much_more_often_it_comes_and_not_by_how_often() -> None:
    rng = random.Random(3)
    low = [f"the {text(rng, 10)} the" for _ in range(24)]
    high = [f"the {text(rng, 10)} the zebra" for _ in range(24)]
    below, above = distinctive(low, high, counted(*low, *high))
    assert (below, above) == ([], ["zebra"])
    # As often, but all of it in one text: that is what this one is about.
    once = [*high[:-1], high[-1] + " yak" * 24]
    assert distinctive(low, once, counted(*low, *once))[1] == ["zebra"]


def test_log_odds_are_those_of_the_formula() -> None:
    low, high = ["a a a b"] * 5, ["a b b b"] * 5
    background = {"a": 30, "b": 10}
    # p = 375 and 125 of 500; counts 15 and 5, of 20 on either side.
    first = np.log(380 / (520 - 380)) - np.log(390 / (520 - 390))
    score = first / np.sqrt(1 / 380 + 1 / 390)
    assert abs(score) < 2.5  # a strong prior against five texts: not told
    assert distinctive(low, high, background) == ([], [])
    assert distinctive(low * 40, high * 40, background) == (["a"], ["b"])


def test_the_words_follow_the_features() -> None:
    features = [
        {"name": "words", "low": 21, "high": 38, "effect": 1.0},
        {"name": "questions", "low": 1.5, "high": 0, "effect": -0.9},
    ]
    assert in_words({"features": features, "words_high": ["you", "try"]}) == (
        'longer (38 against 21 words), fewer questions (0.0 against 1.5); words: "you", "try"'
    )
    assert in_words({"features": [], "words_low": ["one"]}) == 'words: -; against "one"'


@pytest.fixture(scope="module")
def base() -> Base:
    return tiny_base("gpt2")


def test_every_direction_is_described_and_the_same_seed_says_the_same(base: Base) -> None:
    space = random_space(base)
    rng = random.Random(0)
    groups = [
        Group(tuple(base.prompt_ids(asked)), tuple(tuple(rng.randbytes(12)) for _ in range(3)))
        for asked in ([_turn("a?")], [_turn("bb?")])
    ]
    names = {groups[0].prompt: "first", groups[1].prompt: "second"}
    found = describe_directions(base, space.adapter, groups, pairs=4, asked=names)
    assert [row["direction"] for row in found] == [1, 2, 3]
    assert {row["prompt"] for row in found} <= {"first", "second"}
    for row in found:
        assert row.keys() == {
            "direction",
            "features",
            "words_low",
            "words_high",
            "prompt",
            "example_low",
            "example_high",
        }
        assert row["example_low"] != row["example_high"]
    assert found == describe_directions(base, space.adapter, groups, pairs=4, asked=names)


def _turn(content: str) -> object:
    from prefcli.feedback.records import Message

    return Message("user", content)
