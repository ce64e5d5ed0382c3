"""The best point of a quadratic within a ball is the best, in every case there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.errors import DataError
from prefcli.solvers.trust_region import maximise_in_ball

# Small integers make equal eigenvalues, zeros and orthogonal vectors common, which is where a
# trust-region solver goes wrong.
entries = st.one_of(st.integers(-2, 2), st.floats(-5, 5, allow_subnormal=False))


@st.composite
def problems(draw, largest):
    size = draw(st.integers(1, largest))
    weight = np.array(draw(st.lists(entries, min_size=size, max_size=size)), dtype=float)
    flat = draw(st.lists(entries, min_size=size * size, max_size=size * size))
    square = np.array(flat, dtype=float).reshape(size, size)
    return weight, square + square.T, draw(st.sampled_from([0.1, 1.0, 3.0]))


def value(weight, curvature, z):
    return z @ weight - 0.5 * np.einsum("...i,ij,...j->...", z, curvature, z)


def in_ball(size, radius, count=2000):
    """Points all over the ball, half of them on its surface."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((count, size))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points[::2] *= rng.random((len(points[::2]), 1)) ** (1 / size)
    return radius * points


@settings(deadline=None)
@given(problems(5))
def test_no_point_of_the_ball_is_better(problem):
    weight, curvature, radius = problem
    best = maximise_in_ball(weight, curvature, radius)
    found = value(weight, curvature, best)
    others = value(weight, curvature, in_ball(len(weight), radius))
    scale = 1 + np.abs(weight).max() + np.abs(curvature).max()
    assert np.linalg.norm(best) <= radius * (1 + 1e-12)
    assert found >= others.max() - 1e-9 * scale


@settings(deadline=None)
@given(problems(12))
def test_the_conditions_for_a_global_maximum_hold(problem):
    weight, curvature, radius = problem
    best = maximise_in_ball(weight, curvature, radius)
    residual = weight - curvature @ best
    multiplier = residual @ best / radius**2
    scale = 1 + np.abs(weight).max() + np.abs(curvature).max()
    assert multiplier >= -1e-7 * scale
    np.testing.assert_allclose(residual, multiplier * best, atol=1e-7 * scale)
    assert np.linalg.eigvalsh(curvature)[0] + multiplier >= -1e-7 * scale
    assert multiplier * (radius - np.linalg.norm(best)) <= 1e-7 * scale


def test_a_linear_reward_goes_straight_to_the_surface():
    np.testing.assert_allclose(
        maximise_in_ball(np.array([3.0, 4.0]), np.zeros((2, 2)), 5.0), [3.0, 4.0], rtol=1e-14
    )


def test_a_peak_inside_the_ball_is_reached_and_not_overshot():
    best = maximise_in_ball(np.array([0.5, -1.0]), np.diag([1.0, 4.0]), 3.0)
    np.testing.assert_allclose(best, [0.5, -0.25], rtol=1e-14)


def test_a_ridge_is_left_where_it_is_nearest():
    best = maximise_in_ball(np.array([1.0, 0.0]), np.diag([2.0, 0.0]), 3.0)
    np.testing.assert_allclose(best, [0.5, 0.0], atol=1e-14)


def test_a_saddle_without_slope_is_left_along_its_rise():
    curvature = np.array([[0.0, 1.0], [1.0, 0.0]])  # r = -z1 z2
    best = maximise_in_ball(np.zeros(2), curvature, 2.0)
    np.testing.assert_allclose(np.abs(best), [np.sqrt(2)] * 2, rtol=1e-12)
    assert best[0] * best[1] < 0
    np.testing.assert_array_equal(best, maximise_in_ball(np.zeros(2), curvature, 2.0))


def test_the_hard_case_adds_the_lowest_eigenvector():
    weight, curvature = np.array([0.0, 1.0]), np.diag([-2.0, 1.0])
    best = maximise_in_ball(weight, curvature, 3.0)
    np.testing.assert_allclose(best, [np.sqrt(9 - 1 / 9), 1 / 3], rtol=1e-12)


@pytest.mark.parametrize("slope", [1e-3, 1e-9, 1e-13, -1e-9])
def test_next_to_the_hard_case_the_slope_picks_the_side(slope):
    weight, curvature = np.array([slope, 1.0]), np.diag([-2.0, 1.0])
    best = maximise_in_ball(weight, curvature, 3.0)
    expected = [np.sign(slope) * np.sqrt(9 - 1 / 9), 1 / 3]
    np.testing.assert_allclose(best, expected, rtol=2 * abs(slope) + 1e-12)


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_the_size_of_the_reward_does_not_matter(scale):
    rng = np.random.default_rng(0)
    square = rng.standard_normal((6, 6))
    weight, curvature = rng.standard_normal(6), square + square.T
    expected = maximise_in_ball(weight, curvature, 3.0)
    best = maximise_in_ball(scale * weight, scale * curvature, 3.0)
    np.testing.assert_allclose(best, expected, rtol=1e-10)


def test_nothing_to_gain_or_nowhere_to_go_gives_the_origin():
    np.testing.assert_array_equal(maximise_in_ball(np.zeros(3), np.zeros((3, 3)), 2.0), np.zeros(3))
    np.testing.assert_array_equal(maximise_in_ball(np.zeros(3), np.eye(3), 2.0), np.zeros(3))
    np.testing.assert_array_equal(maximise_in_ball(np.ones(3), -np.eye(3), 0.0), np.zeros(3))


@pytest.mark.parametrize("radius", [-1.0, float("nan"), float("inf")])
def test_an_impossible_radius_is_refused(radius):
    with pytest.raises(DataError, match="radius"):
        maximise_in_ball(np.ones(2), np.eye(2), radius)
