"""Every kind of judgement becomes the rows that it stands for, and none is lost unsaid."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.feedback.records import Feedback, Prompt, encoding_key, text_prompt
from prefcli.services.training_rows import TrainingRows, training_rows
from prefcli.store import Encoding

ASKED = text_prompt("q")
SIZE = 3


def say(kind: Any, *responses: str, value: float = 1.0, prompt: Prompt = ASKED, **more: Any) -> Any:
    return Feedback("alice", kind, prompt, responses, value, **more)


def point(response: str) -> np.ndarray:
    """Where an answer stands: a whole number is its first coordinate."""
    return np.array([float(response), 1.0, -1.0])


def made(*judged: Feedback) -> TrainingRows:
    encodings = {
        encoding_key(row.prompt, text): Encoding(point(text).astype("<f4").tobytes(), b"")
        for row in judged
        for text in row.responses
    }
    return training_rows(judged, encodings, SIZE, np.zeros((0, SIZE)))


def pairs(training: TrainingRows) -> dict[tuple[int, int], tuple[float, float]]:
    """(target, weight) by chosen and rejected."""
    rows = training.rows
    found = zip(rows.chosen, rows.rejected, rows.target, rows.weight, strict=True)
    return {(int(a[0]), int(b[0])): (target, weight) for a, b, target, weight in found}


def test_an_edit_is_the_edited_text_over_the_original() -> None:
    assert pairs(made(say("edit", "1", "2"))) == pairs(made(say("pair", "1", "2")))


def test_the_stronger_a_preference_the_surer_its_target() -> None:
    scale = {"low": 1.0, "high": 3.0}
    weak, middle, strong = (
        say("pair", "1", "2", strength=1.0, **scale),
        say("pair", "3", "4", strength=2.0, **scale),
        say("pair", "5", "6", strength=3.0, **scale),
    )
    expected = {(1, 2): 0.6, (3, 4): 0.8, (5, 6): 1.0}
    found = pairs(made(weak, middle, strong))
    assert {key: target for key, (target, _) in found.items()} == pytest.approx(expected)
    # Without a scale it lies between the least and the greatest that the user gave.
    bare = [say("pair", *row.responses, strength=row.strength) for row in (weak, middle, strong)]
    assert pairs(made(*bare)) == found


def test_strengths_that_are_all_alike_say_nothing_and_a_tie_stays_one() -> None:
    same = [say("pair", "1", "2", strength=4.0), say("pair", "3", "4", strength=4.0)]
    assert [target for target, _ in pairs(made(*same)).values()] == [1.0, 1.0]
    tie = say("pair", "1", "2", value=0.5, strength=0.0, low=0.0, high=3.0)
    assert pairs(made(tie)) == {(1, 2): (0.5, 1.0)}


def test_what_counts_half_is_half_the_weight_of_every_kind() -> None:
    scale = {"low": 1.0, "high": 5.0}
    judged = [
        say("pair", "1", "2"),
        say("thumb", "3", value=0.0),
        say("ranking", "4", "5", "6", ranks=(1, 2, 3)),
        say("rating", "7", value=2.0, prompt=text_prompt("r"), **scale),
        say("rating", "8", value=4.0, prompt=text_prompt("r"), **scale),
    ]
    encodings = {
        encoding_key(row.prompt, text): Encoding(point(text).astype("<f4").tobytes(), b"")
        for row in judged
        for text in row.responses
    }
    nothing = np.zeros((0, SIZE))
    whole = training_rows(judged, encodings, SIZE, nothing).rows
    half = training_rows(judged, encodings, SIZE, nothing, [0.5] * len(judged)).rows
    np.testing.assert_allclose(half.weight, whole.weight / 2)
    np.testing.assert_allclose(half.thumb_weight, whole.thumb_weight / 2)
    np.testing.assert_array_equal(half.target, whole.target)


def test_a_demonstration_is_a_thumb_up() -> None:
    shown, liked = made(say("demonstration", "1")).rows, made(say("thumb", "1")).rows
    for name in ("thumbs", "label", "thumb_weight"):
        np.testing.assert_array_equal(getattr(shown, name), getattr(liked, name))


def test_a_ranking_is_its_pairs_with_ties_at_one_half() -> None:
    found = pairs(made(say("ranking", "1", "2", "3", ranks=(2, 1, 2))))
    third = pytest.approx(2 / 3)
    assert found == {(2, 1): (1.0, third), (1, 3): (0.5, third), (2, 3): (1.0, third)}


@pytest.mark.parametrize("count", [2, 3, 10, 64, 65, 300])
def test_a_ranking_of_k_weighs_as_much_as_k_minus_1_picks(count: int) -> None:
    answers = [str(number) for number in range(count)]
    training = made(say("ranking", *answers, ranks=tuple(range(1, count + 1))))
    rows = training.rows
    assert rows.weight.sum() == pytest.approx(count - 1)
    assert len(rows.weight) <= count * 32
    assert (rows.chosen[:, 0] < rows.rejected[:, 0]).all()  # the first listed is the best
    seen = {tuple(sorted(pair)) for pair in pairs(training)}
    assert len(seen) == len(rows.weight)
    assert {number for pair in seen for number in pair} == set(range(count))
    if count <= 64:
        assert seen == set(combinations(range(count), 2))


def test_ratings_of_one_prompt_are_compared_and_those_of_others_are_not() -> None:
    other = text_prompt("another")
    found = made(
        say("rating", "1", value=4),
        say("rating", "2", value=7),
        say("rating", "3", value=9, prompt=other),
        say("rating", "4", value=9, prompt=other),
    )
    assert pairs(found) == {(2, 1): (1.0, 1.0), (3, 4): (0.5, 1.0)}
    assert found.pair_groups.tolist() == [0, 1]
    assert found.prompts == 2


def test_ratings_on_different_scales_are_not_compared() -> None:
    found = made(
        say("rating", "1", value=4, low=1, high=5), say("rating", "2", value=6, low=1, high=10)
    )
    assert pairs(found) == {}


def test_a_rating_above_the_users_mean_is_a_soft_thumb_up() -> None:
    prompts = [text_prompt(str(number)) for number in range(3)]
    scored = [
        say("rating", "1", value=value, low=1, high=5, prompt=prompt)
        for value, prompt in zip((5, 3, 1), prompts, strict=True)
    ]
    rows = made(*scored).rows
    np.testing.assert_allclose(rows.label, [1.0, 0.5, 0.0])
    np.testing.assert_allclose(rows.thumb_weight, 1.0)


def test_a_users_only_rating_says_something() -> None:
    (label,) = made(say("rating", "1", value=5, low=1, high=5)).rows.label
    assert label == pytest.approx(1.0)
    (label,) = made(say("rating", "1", value=4, low=1, high=5)).rows.label
    assert label == pytest.approx(0.75)


def test_ratings_weigh_one_each() -> None:
    scored = [say("rating", str(number), value=number, low=0, high=9) for number in range(4)]
    rows = made(*scored).rows
    assert rows.weight.sum() + rows.thumb_weight.sum() == pytest.approx(4)


def test_a_rating_that_nothing_can_be_made_of_is_told() -> None:
    alone = say("rating", "1", value=4, prompt=text_prompt("another"))
    found = made(say("rating", "1", value=4), say("rating", "2", value=7), alone)
    assert (found.kinds, found.unused) == ({"rating": 2}, 1)
    same = made(say("rating", "1", value=4), say("rating", "1", value=7))
    assert (same.kinds, same.unused) == ({}, 2)
    assert len(same.rows.chosen) == len(same.rows.thumbs) == 0


kinds = st.sampled_from(["pair", "thumb", "rating", "ranking", "edit", "demonstration"])


@st.composite
def judgements(draw: st.DrawFn) -> Feedback:
    kind = draw(kinds)
    answers = st.integers(0, 5).map(str)
    prompt = text_prompt(draw(st.sampled_from("abc")))
    if kind == "ranking":
        ranks = draw(st.permutations(range(1, draw(st.integers(2, 5)) + 1)))
        return say(kind, *[draw(answers) for _ in ranks], ranks=tuple(ranks), prompt=prompt)
    if kind == "rating":
        ends = draw(st.sampled_from([(None, None), (0, None), (0, 5)]))
        score = draw(st.integers(0, 5))
        return say(kind, draw(answers), value=score, low=ends[0], high=ends[1], prompt=prompt)
    count = 2 if kind in ("pair", "edit") else 1
    return say(kind, *[draw(answers) for _ in range(count)], prompt=prompt)


@settings(deadline=None, max_examples=100)
@given(st.lists(judgements(), max_size=12))
def test_every_judgement_is_used_or_counted_as_unused(judged: list[Feedback]) -> None:
    training = made(*judged)
    assert sum(training.kinds.values()) + training.unused == len(judged)
    assert len(training.pair_groups) == len(training.rows.chosen)
    assert len(training.thumb_groups) == len(training.rows.thumbs)
    # No judgement weighs more than its answers do.
    total = training.rows.weight.sum() + training.rows.thumb_weight.sum()
    assert total <= sum(max(1, len(row.responses) - 1) for row in judged) + 1e-9
