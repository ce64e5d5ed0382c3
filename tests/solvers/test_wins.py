"""A win rate says no more than its comparisons do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.errors import DataError
from prefcli.solvers.wins import NOTICED, compare_scores, count_wins, in_words

outcomes = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=60)


@given(outcomes)
@settings(max_examples=30, deadline=None)
def test_exchanging_the_sides_exchanges_wins_and_losses_and_mirrors_the_interval(
    won: list[float],
) -> None:
    groups = list(range(len(won)))
    one, other = count_wins(won, groups), count_wins([1 - each for each in won], groups)
    assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)
    assert one.comparisons == len(won)
    assert one.rate == pytest.approx(1 - other.rate)
    assert one.interval == pytest.approx((1 - other.interval[1], 1 - other.interval[0]))
    rounding = 1e-12
    assert 0 <= one.interval[0] <= one.rate + rounding
    assert one.rate - rounding <= one.interval[1] <= 1


def test_the_answers_to_one_prompt_count_for_less_than_as_many_prompts() -> None:
    won = [1.0] * 12 + [0.0] * 4
    alone = count_wins(won, range(16))
    together = count_wins(won, [i // 4 for i in range(16)])
    assert together.rate == alone.rate
    assert together.interval[0] < alone.interval[0]
    assert (alone.prompts, together.prompts) == (16, 4)


def test_the_verdict_is_what_the_interval_leaves_open() -> None:
    def verdict(wins: int, losses: int) -> str:
        return count_wins([1.0] * wins + [0.0] * losses, range(wins + losses)).verdict

    assert verdict(30, 10) == "better"
    assert verdict(10, 30) == "worse"
    assert verdict(500, 500) == "no better"
    assert verdict(10, 10) == "not known yet"
    assert verdict(9, 0) == "not known yet"  # a handful
    assert verdict(10, 0) == "better"


@pytest.mark.parametrize(("wins", "losses"), [(12, 8), (11, 9), (20, 20), (3, 2), (4, 0)])
def test_as_many_more_prompts_as_are_asked_for_would_tell(wins: int, losses: int) -> None:
    won = [1.0] * wins + [0.0] * losses
    found = count_wins(won, range(len(won)))
    assert found.verdict == "not known yet"
    assert found.more is not None
    times = 1 + found.more // len(won)
    assert count_wins(won * times, range(len(won) * times)).verdict != "not known yet"
    fewer = times - 1
    assert count_wins(won * fewer, range(len(won) * fewer)).verdict == "not known yet"


def test_ninety_in_a_hundred_intervals_hold_the_true_rate() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        rates = rng.beta(6, 4, size=30)  # prompts differ; the mean is 0.6
        won = (rng.random((30, 2)) < rates[:, None]).astype(float)
        low, high = count_wins(won.ravel(), np.repeat(np.arange(30), 2).tolist()).interval
        held += low <= 0.6 <= high
    assert 0.86 <= held / 300 <= 0.95


def test_only_the_order_of_scores_counts() -> None:
    profile, base = np.array([3.0, -1.0, 2.0]), np.array([1.0, 5.0, 2.0])
    assert compare_scores(profile, base).tolist() == [1.0, 0.0, 0.5]
    assert compare_scores(np.exp(profile), np.exp(base)).tolist() == [1.0, 0.0, 0.5]


def test_the_sentence_says_the_verdict_and_what_would_tell() -> None:
    assert in_words(count_wins([1.0] * 20, range(20)), "alice@1", "by x").startswith(
        "alice@1 is better than the base: it wins 100 % of comparisons by x (90 % interval: "
    )
    unknown = in_words(count_wins([1.0] * 12 + [0.0] * 8, range(20)), "alice@1", "by x")
    assert "is not known yet" in unknown
    assert "more prompts that come out like these would tell" in unknown
    close = count_wins([1.0] * 56 + [0.0] * 44, [0] * 50 + [1] * 50)
    assert close.more is not None or "too close" in in_words(close, "a", "by x")
    assert "not better" in in_words(count_wins([0.5] * 400, range(400)), "a", "by x")
    assert count_wins([0.5] * 400, range(400)).interval[1] < NOTICED


def test_nothing_compared_is_an_error() -> None:
    with pytest.raises(DataError):
        count_wins([], [])
    with pytest.raises(DataError):
        count_wins([1.0], [0, 1])
