"""Blends: shares count and not loudness, one taste alone is itself, opposites cancel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prefcli.errors import DataError
from prefcli.solvers.blend import blend, spread
from prefcli.solvers.reward import Reward, point_at_strength
from tests.made_profiles import reward_of

RNG = np.random.default_rng(0)


def random_reward(size: int = 6) -> Reward:
    half = RNG.normal(size=(size, size))
    made = reward_of(*RNG.normal(size=size), size=size)
    return replace(made, curvature=0.3 * (half + half.T))


def louder(reward: Reward, by: float) -> Reward:
    return replace(reward, weight=by * reward.weight, curvature=by * reward.curvature)


def point(reward: Reward) -> np.ndarray:
    found = point_at_strength(reward, 1.0, 3.0)
    assert found is not None
    return found


def test_the_spread_is_that_of_normal_answers() -> None:
    reward = random_reward()
    z = np.random.default_rng(1).normal(size=(400_000, 6))
    assert spread(reward) == pytest.approx(float(reward(z).std()), rel=0.01)


def test_one_taste_alone_is_itself_whatever_its_share() -> None:
    reward = random_reward()
    for share in (0.1, 1.0, 70.0):
        found = blend([reward], [share])
        assert found.weight == pytest.approx(reward.weight)
        assert found.curvature == pytest.approx(reward.curvature)


def test_who_said_more_is_not_heard_louder() -> None:
    first, second = random_reward(), random_reward()
    usual = point(blend([first, second], [0.7, 0.3]))
    assert point(blend([louder(first, 0.01), louder(second, 50)], [7, 3])) == pytest.approx(usual)


def test_the_sum_is_the_weighted_sum_of_rewards_of_one_size_at_every_point() -> None:
    first, second = random_reward(), random_reward()
    z = RNG.normal(size=(20, 6))
    found = blend([first, second], [1, 3])
    expected = 0.25 * first(z) / spread(first) + 0.75 * second(z) / spread(second)
    assert found(z) / found(z)[0] == pytest.approx(expected / expected[0])


def test_a_larger_share_brings_the_point_nearer() -> None:
    first, second = reward_of(1.0), reward_of(0.0, 1.0)
    shares = (0.1, 0.3, 0.5, 0.7, 0.9)
    reached = [point(blend([first, second], [s, 1 - s]))[0] for s in shares]
    assert reached == sorted(reached)
    assert point(blend([first, second], [0.5, 0.5]))[:2] == pytest.approx([3 / 2**0.5] * 2)


def test_opposites_in_equal_shares_are_the_base() -> None:
    first = reward_of(1.0, -2.0)
    assert point_at_strength(blend([first, louder(first, -3)], [1, 1]), 1.0, 3.0) is None


def test_who_prefers_nothing_has_no_say() -> None:
    first = reward_of(1.0, -2.0)
    assert point(blend([first, reward_of(0.0)], [0.1, 0.9])) == pytest.approx(point(first))


@pytest.mark.parametrize("shares", [[], [0.0, 1.0], [-1.0, 2.0], [float("nan"), 1.0]])
def test_shares_that_are_no_shares_are_refused(shares: list[float]) -> None:
    with pytest.raises(DataError, match="shares"):
        blend([reward_of(1.0), reward_of(2.0)], shares)
