"""The policy as a profile keeps it: where it leads, how far, and how little it needs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from prefcli.errors import DataError
from prefcli.solvers.policy import HIGHEST_RANK, MOST_NUMBERS, FloatArray, Policy
from prefcli.solvers.reward import Reward

SIZE, FEATURES = 3, 20
RHO = 2.5


def linear(seed: int = 0, scale: float = 0.1) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A map's weight and bias, and the features of some prompts."""
    rng = np.random.default_rng(seed)
    return (
        scale * rng.standard_normal((2 * SIZE, FEATURES)),
        rng.standard_normal(2 * SIZE),
        rng.standard_normal((40, FEATURES)) + 1,
    )


POLICY = Policy.from_linear(*linear())


def test_a_map_of_low_rank_is_kept_as_it_is() -> None:
    weight, bias, features = linear()
    mean, log_var = POLICY.moments(features)
    expected = features @ weight.T + bias
    np.testing.assert_allclose(np.hstack([mean, log_var]), expected, atol=1e-5)


def test_without_a_prompt_it_stands_for_the_average_of_the_users_prompts() -> None:
    _, _, features = linear()
    for found, each in zip(POLICY.moments(), POLICY.moments(features), strict=True):
        np.testing.assert_allclose(found, each.mean(axis=0), atol=1e-5)


def test_whatever_the_features_it_lies_in_a_few_kilobytes() -> None:
    rng = np.random.default_rng(0)
    for size, features in ((11, 192), (24, 192), (64, 192), (24, 1024)):
        weight, prompts = (
            rng.standard_normal((2 * size, features)),
            rng.standard_normal((50, features)),
        )
        policy = Policy.from_linear(weight, np.zeros(2 * size), prompts)
        assert 1 <= len(policy.centre) <= HIGHEST_RANK
        assert policy.outer.size + policy.inner.size <= MOST_NUMBERS


def test_what_is_dropped_is_what_the_users_prompts_vary_least_in() -> None:
    rng = np.random.default_rng(0)
    weight, features = rng.standard_normal((24, 60)), rng.standard_normal((40, 60))
    features[:, 8:] *= 1e-3
    policy = Policy.from_linear(weight, np.zeros(24), features)
    found = np.hstack(policy.moments(features))
    assert np.abs(found - features @ weight.T).max() < 0.02


def test_no_prompts_at_all_leave_the_bias() -> None:
    weight, bias, _ = linear()
    policy = Policy.from_linear(weight, bias, np.zeros((0, FEATURES)))
    np.testing.assert_allclose(np.concatenate(policy.moments()), bias, atol=1e-6)


def test_strength_scales_the_mean_within_the_reach() -> None:
    _, _, features = linear()
    mean = POLICY.moments(features[0])[0]
    full = POLICY.latent(1.0, 100.0, features[0])
    assert full is not None
    np.testing.assert_allclose(full, mean, rtol=1e-6)
    short = POLICY.latent(1.0, 0.1, features[0])
    assert short is not None
    np.testing.assert_allclose(short, 0.1 * mean / np.linalg.norm(mean), rtol=1e-6)
    for strength in (0.5, 2.0):
        np.testing.assert_allclose(
            POLICY.latent(strength, 0.1, features[0]), strength * short, rtol=1e-6
        )


def test_strength_zero_and_the_prior_mean_no_prefix() -> None:
    assert POLICY.latent(0.0, RHO) is None
    weight, bias, features = linear()
    prior = Policy.from_linear(0 * weight, 0 * bias, features)
    assert prior.latent(1.0, RHO) is None
    assert prior.latent(1.0, RHO, features[0]) is None


def test_its_reward_is_the_log_ratio_to_the_prior() -> None:
    weight, curvature = POLICY.reward(0.1)
    reward = Reward(weight, curvature, 0, np.zeros((SIZE, SIZE)), 0, 0, 0, 1, 0, True)
    z = np.random.default_rng(1).standard_normal((30, SIZE))
    average = linear()[2].mean(axis=0)
    ratio = POLICY.log_ratio(z, np.broadcast_to(average, (30, FEATURES)))
    difference = reward(z) - 0.1 * ratio
    np.testing.assert_allclose(difference, difference[0], atol=1e-6)
    assert np.ptp(reward(z)) > 0.1


def test_another_number_of_features_is_refused() -> None:
    with pytest.raises(DataError, match="fit the user again"):
        POLICY.latent(1.0, RHO, np.zeros(FEATURES + 1))


@pytest.mark.parametrize(("strength", "rho"), [(-1.0, RHO), (math.nan, RHO), (1.0, -1.0)])
def test_a_strength_or_reach_that_is_none_is_refused(strength: float, rho: float) -> None:
    with pytest.raises(DataError, match="expected a finite number of at least 0"):
        POLICY.latent(strength, rho)
