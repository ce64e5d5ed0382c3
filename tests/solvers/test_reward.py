"""Where to generate: what strength means."""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.errors import DataError
from prefcli.solvers.bradley_terry import Reward, best_point, point_at_strength


def make_reward(weight, curvature=None):
    size = len(weight)
    return Reward(
        weight=np.asarray(weight, dtype=float),
        curvature=np.zeros((size, size)) if curvature is None else np.asarray(curvature, float),
        intercept=0.0,
        covariance=np.eye(size),
        log_evidence=0.0,
        weight_scale=1.0,
        curvature_scale=0.0,
        curved=0.0,
        iterations=0,
        converged=True,
    )


def test_the_reward_is_the_quadratic_it_says():
    reward = make_reward([1.0, 2.0], [[2.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(reward(np.array([[1.0, 1.0], [2.0, 0.0]])), [1.0, -2.0])


@pytest.mark.parametrize("strength", [0.01, 0.5, 1.0, 1.7])
def test_a_linear_taste_moves_in_proportion_to_strength(strength):
    z = point_at_strength(make_reward([3.0, 4.0]), strength, 3.0)
    np.testing.assert_allclose(z, np.array([0.6, 0.8]) * 3.0 * strength, rtol=1e-12)


def test_strength_one_is_the_best_point_within_reach():
    reward = make_reward([1.0, 0.2, 0.0], [[0.1, 0.5, 0.0], [0.5, -0.3, 0.0], [0.0, 0.0, 0.1]])
    np.testing.assert_array_equal(point_at_strength(reward, 1.0, 3.0), best_point(reward, 3.0))


def test_a_taste_satisfied_within_reach_moves_from_the_first_percent_on_and_stays_there():
    reward = make_reward([1.0, 0.0], np.eye(2))
    lengths = [np.linalg.norm(point_at_strength(reward, s, 3.0)) for s in (0.1, 0.5, 1.0, 1.5)]
    np.testing.assert_allclose(lengths, [0.1, 0.5, 1.0, 1.0], rtol=1e-12)


def test_the_reward_only_rises_with_strength():
    rng = np.random.default_rng(1)
    square = rng.standard_normal((5, 5))
    reward = make_reward(rng.standard_normal(5), square + square.T)
    path = np.stack([point_at_strength(reward, s, 3.0) for s in np.linspace(0.01, 2.0, 40)])
    assert (np.diff(reward(path)) >= -1e-12).all()
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() < 0.5  # without a jump


def test_strength_zero_and_a_flat_reward_mean_no_prefix():
    assert point_at_strength(make_reward([1.0, 0.0]), 0.0, 3.0) is None
    assert point_at_strength(make_reward([0.0, 0.0]), 1.0, 3.0) is None
    assert point_at_strength(make_reward([1e-9, 0.0]), 1.0, 3.0) is None
    assert point_at_strength(make_reward([0.0, 0.0], np.eye(2)), 1.0, 3.0) is not None


@pytest.mark.parametrize(
    ("strength", "rho"), [(-0.1, 3.0), (float("nan"), 3.0), (1.0, -3.0), (1.0, float("inf"))]
)
def test_an_impossible_strength_or_reach_is_refused(strength, rho):
    with pytest.raises(DataError, match="expected a finite number"):
        point_at_strength(make_reward([1.0, 0.0]), strength, rho)
