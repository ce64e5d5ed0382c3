"""How much an answer would tell: entropies, a posterior that shrinks, directions still in doubt."""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.solvers.acquisition import CURVATURE_SCALE, WEIGHT_SCALE, Belief
from prefcli.solvers.bradley_terry import Rows, fit_reward

SIZE = 4


def belief(chosen: np.ndarray, rejected: np.ndarray) -> Belief:
    rows = Rows(chosen=chosen, rejected=rejected)
    return Belief.after(rows, fit_reward(rows))


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 50, SIZE))


def nothing_known() -> Belief:
    return belief(np.zeros((0, SIZE)), np.zeros((0, SIZE)))


def test_without_feedback_margins_have_the_prior_s_variance(points: np.ndarray) -> None:
    first, second = points
    mean, variance = nothing_known().margins(first, second)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        inner = (x * y).sum(axis=1)
        return WEIGHT_SCALE**2 * inner + CURVATURE_SCALE**2 * inner**2 / 2

    expected = kernel(first, first) + kernel(second, second) - 2 * kernel(first, second)
    np.testing.assert_allclose(variance, expected, rtol=1e-10)
    assert not mean.any()


def test_information_is_between_nothing_and_one_bit_and_blind_to_sides(points: np.ndarray) -> None:
    first, second = points
    known = belief(first[:5], second[:5])
    told = known.information(first, second)
    assert (told >= 0).all()
    assert (told < 1).all()
    np.testing.assert_allclose(told, known.information(second, first), atol=1e-12)


def test_an_answer_compared_with_itself_tells_nothing(points: np.ndarray) -> None:
    np.testing.assert_allclose(nothing_known().information(points[0], points[0]), 0, atol=1e-12)


def test_information_agrees_with_a_simulation() -> None:
    known = nothing_known()
    first, second = np.array([[1.0, 0.5, 0, 0]]), np.array([[-1.0, 0, 0.3, 0]])
    mean, variance = known.margins(first, second)
    drawn = mean + np.sqrt(variance) * np.random.default_rng(0).normal(size=400_000)
    p = 1 / (1 + np.exp(-drawn))

    def entropy(q: np.ndarray) -> np.ndarray:
        return -(q * np.log2(q) + (1 - q) * np.log2(1 - q))

    simulated = entropy(p.mean(keepdims=True))[0] - entropy(p).mean()
    assert known.information(first, second)[0] == pytest.approx(simulated, abs=2e-3)


def test_a_direction_that_was_asked_about_tells_less_than_one_that_was_not() -> None:
    along, across = np.eye(SIZE)[:1], np.eye(SIZE)[1:2]
    known = belief(np.repeat(along, 8, axis=0), np.repeat(-along, 8, axis=0))
    assert known.information(across, -across)[0] > 2 * known.information(along, -along)[0]


def test_expecting_an_answer_lowers_the_variance_and_keeps_the_mean(points: np.ndarray) -> None:
    first, second = points
    before = belief(first[:5], second[:5])
    after = before.expecting(first[7], second[7])
    old, new = before.margins(first, second), after.margins(first, second)
    np.testing.assert_array_equal(old[0], new[0])
    assert (new[1] <= old[1] + 1e-12).all()
    assert new[1][7] < old[1][7]
    assert after.information(first, second)[7] < before.information(first, second)[7]
