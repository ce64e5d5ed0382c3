"""What a fit must do whatever the rows: symmetries, robustness, an exact answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prefcli.solvers.bradley_terry as solver
from prefcli.solvers.bradley_terry import Reward, Rows, best_point, fit_fixed, fit_reward

SIZE = 4
EMPTY = np.zeros((0, SIZE))
properties = settings(deadline=None, max_examples=40)


@st.composite
def judgements(draw):
    """Rows of every kind, few enough for a fit to be cheap."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pairs, thumbs = draw(st.integers(0, 12)), draw(st.integers(0, 4))
    return Rows(
        rng.standard_normal((pairs, SIZE)),
        rng.standard_normal((pairs, SIZE)),
        target=rng.choice([1.0, 1.0, 0.5], pairs),
        weight=rng.choice([0.5, 1.0, 3.0], pairs),
        thumbs=rng.standard_normal((thumbs, SIZE)),
        label=rng.choice([0.0, 1.0], thumbs),
        thumb_weight=rng.choice([0.5, 1.0], thumbs),
        reference=rng.standard_normal((draw(st.integers(0, 9)), SIZE)),
    )


def changed(rows, **fields):
    names = ("chosen", "rejected", "target", "weight")
    names += ("thumbs", "label", "thumb_weight", "reference")
    return Rows(**({name: getattr(rows, name) for name in names} | fields))


def assert_same(one: Reward, other: Reward, atol=1e-6):
    np.testing.assert_allclose(one.weight, other.weight, atol=atol)
    np.testing.assert_allclose(one.curvature, other.curvature, atol=atol)
    np.testing.assert_allclose(one.intercept, other.intercept, atol=atol)
    np.testing.assert_allclose(one.covariance, other.covariance, atol=atol)
    np.testing.assert_allclose(one.log_evidence, other.log_evidence, atol=atol)


@properties
@given(judgements())
def test_every_fit_converges_and_the_same_rows_give_the_same_reward(rows):
    first, second = fit_reward(rows), fit_reward(rows)
    assert first.converged
    assert first.weight.tobytes() == second.weight.tobytes()
    assert first.curvature.tobytes() == second.curvature.tobytes()
    assert np.linalg.eigvalsh(first.covariance)[0] > 0
    np.testing.assert_array_equal(first.curvature, first.curvature.T)


@properties
@given(judgements(), st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(rows, seed):
    rng = np.random.default_rng(seed)
    pairs, thumbs = rng.permutation(len(rows.chosen)), rng.permutation(len(rows.thumbs))
    shuffled = Rows(
        rows.chosen[pairs],
        rows.rejected[pairs],
        target=rows.target[pairs],
        weight=rows.weight[pairs],
        thumbs=rows.thumbs[thumbs],
        label=rows.label[thumbs],
        thumb_weight=rows.thumb_weight[thumbs],
        reference=rng.permutation(rows.reference),
    )
    assert_same(fit_reward(rows), fit_reward(shuffled))


@properties
@given(judgements())
def test_a_row_of_weight_two_is_the_row_twice(rows):
    heavy = changed(rows, weight=2 * rows.weight, thumb_weight=2 * rows.thumb_weight)
    twice = Rows(
        np.tile(rows.chosen, (2, 1)),
        np.tile(rows.rejected, (2, 1)),
        target=np.tile(rows.target, 2),
        weight=np.tile(rows.weight, 2),
        thumbs=np.tile(rows.thumbs, (2, 1)),
        label=np.tile(rows.label, 2),
        thumb_weight=np.tile(rows.thumb_weight, 2),
        reference=rows.reference,
    )
    assert_same(fit_reward(heavy), fit_reward(twice))


@properties
@given(judgements())
def test_the_opposite_judgements_give_the_opposite_reward(rows):
    opposite = changed(rows, target=1 - rows.target, label=1 - rows.label)
    exchanged = changed(opposite, chosen=rows.rejected, rejected=rows.chosen, target=rows.target)
    reward, negative = fit_reward(rows), fit_reward(opposite)
    np.testing.assert_allclose(negative.weight, -reward.weight, atol=1e-6)
    np.testing.assert_allclose(negative.curvature, -reward.curvature, atol=1e-6)
    np.testing.assert_allclose(negative.intercept, -reward.intercept, atol=1e-6)
    assert_same(negative, fit_reward(exchanged))


@properties
@given(judgements(), st.integers(0, 2**32 - 1))
def test_rotating_the_space_rotates_the_reward(rows, seed):
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((SIZE, SIZE)))
    points = ("chosen", "rejected", "thumbs", "reference")
    turned = fit_reward(changed(rows, **{name: getattr(rows, name) @ turn.T for name in points}))
    reward = fit_reward(rows)
    np.testing.assert_allclose(turned.weight, turn @ reward.weight, atol=1e-6)
    np.testing.assert_allclose(turned.curvature, turn @ reward.curvature @ turn.T, atol=1e-6)
    np.testing.assert_allclose(turned.covariance, turn @ reward.covariance @ turn.T, atol=1e-6)
    assert turned.intercept == pytest.approx(reward.intercept, abs=1e-6)


def random_pairs(count, size=SIZE, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, size)), rng.standard_normal((count, size))


def objective(rows, weight_scale, curvature_scale, weight, curvature, intercept=0.0):
    """Minus log likelihood and log prior in the natural coordinates, written from scratch."""

    def reward(z):
        return z @ weight - 0.5 * np.einsum("ni,ij,nj->n", z, curvature, z)

    eta = np.concatenate(
        [reward(rows.chosen) - reward(rows.rejected), reward(rows.thumbs) + intercept]
    )
    target = np.concatenate([rows.target, rows.label])
    row_weight = np.concatenate([rows.weight, rows.thumb_weight])
    loss = row_weight @ (np.logaddexp(0, eta) - target * eta)
    loss += 0.5 * (weight @ weight) / weight_scale**2 + 0.5 * intercept**2 / 2.0**2
    return loss + (curvature**2).sum() / (4 * curvature_scale**2)


@pytest.mark.parametrize("pairs", [3, 40])
def test_the_gradient_of_the_objective_vanishes_at_the_fit(pairs):
    chosen, rejected = random_pairs(pairs)
    thumbs = random_pairs(6, seed=1)[0]
    rows = Rows(
        chosen,
        rejected,
        thumbs=thumbs,
        label=np.array([1.0, 1, 0, 1, 1, 0]),
        weight=np.arange(pairs),
    )
    reward = fit_fixed(rows, 0.7, 0.4)
    at = [reward.weight, reward.curvature, reward.intercept]
    step = 1e-5
    symmetric = [np.outer(a, b) + np.outer(b, a) for a in np.eye(SIZE) for b in np.eye(SIZE)]
    moves = [(e, np.zeros((SIZE, SIZE)), 0.0) for e in np.eye(SIZE)]
    moves += [(np.zeros(SIZE), direction, 0.0) for direction in symmetric]
    moves += [(np.zeros(SIZE), np.zeros((SIZE, SIZE)), 1.0)]
    for move in moves:
        up, down = (
            objective(rows, 0.7, 0.4, *[x + sign * step * m for x, m in zip(at, move, strict=True)])
            for sign in (1, -1)
        )
        assert (up - down) / (2 * step) == pytest.approx(0.0, abs=1e-6)


def test_the_linear_fit_is_that_of_plain_gradient_descent():
    chosen, rejected = random_pairs(50)
    reward = fit_fixed(Rows(chosen, rejected), 0.5)
    weight, difference = np.zeros(SIZE), chosen - rejected
    for _ in range(3000):
        gradient = weight / 0.5**2 - difference.T @ (1 / (1 + np.exp(difference @ weight)))
        weight -= 0.02 * gradient
    np.testing.assert_allclose(reward.weight, weight, atol=1e-8)
    p = 1 / (1 + np.exp(-difference @ weight))
    hessian = np.eye(SIZE) / 0.5**2 + difference.T @ ((p * (1 - p))[:, None] * difference)
    np.testing.assert_allclose(reward.covariance, np.linalg.inv(hessian), atol=1e-8)


def test_one_pair_moves_straight_from_the_rejected_to_the_chosen_answer_at_full_reach():
    chosen, rejected = random_pairs(1, 16)
    best = best_point(fit_reward(Rows(chosen, rejected)), 3.0)
    direction = (chosen - rejected)[0]
    np.testing.assert_allclose(best, 3.0 * direction / np.linalg.norm(direction), atol=1e-6)


def test_no_rows_and_rows_that_say_nothing_give_a_flat_reward():
    a, b = random_pairs(30)
    flat = [
        Rows(EMPTY, EMPTY),
        Rows(EMPTY, EMPTY, reference=a),
        Rows(a, b, target=np.full(30, 0.5)),
        Rows(a, a),
        Rows(np.concatenate([a, b]), np.concatenate([b, a])),
        Rows(a, b, weight=np.zeros(30)),
        Rows(EMPTY, EMPTY, thumbs=a, label=np.full(30, 0.5), reference=b),
    ]
    for rows in flat:
        reward = fit_reward(rows)
        assert reward.is_flat
        assert reward.converged


def test_thumbs_that_all_agree_point_to_what_they_share():
    rng = np.random.default_rng(0)
    shared = np.array([2.0, 0.0, 0.0, 0.0])
    thumbs = rng.standard_normal((20, SIZE)) + shared
    for label, sign in ((1.0, 1), (0.0, -1)):
        rows = Rows(
            EMPTY,
            EMPTY,
            thumbs=thumbs,
            label=np.full(20, label),
            reference=rng.standard_normal((64, SIZE)),
        )
        direction = fit_reward(rows).weight
        assert sign * direction[0] / np.linalg.norm(direction) > 0.9


def test_pairs_and_thumbs_add_up():
    rng = np.random.default_rng(3)
    taste = np.array([1.0, 0.0, 0.0, 0.0])
    chosen, rejected = random_pairs(6, seed=3)
    better = (chosen > rejected)[:, :1]
    chosen, rejected = np.where(better, chosen, rejected), np.where(better, rejected, chosen)
    thumbs = rng.standard_normal((30, SIZE))
    label = (thumbs[:, 0] > 0).astype(float)

    def alignment(rows):
        weight = fit_reward(rows).weight
        return weight @ taste / np.linalg.norm(weight)

    pairs_only = alignment(Rows(chosen, rejected))
    both = alignment(Rows(chosen, rejected, thumbs=thumbs, label=label))
    assert both > max(pairs_only, 0.9)


def test_a_user_who_likes_everything_gets_an_intercept_and_no_direction_of_size():
    thumbs = random_pairs(40)[0]
    reward = fit_reward(Rows(EMPTY, EMPTY, thumbs=np.concatenate([thumbs, -thumbs])))
    assert reward.intercept > 2
    assert np.linalg.norm(reward.weight) < 1e-6


@pytest.mark.parametrize("weight", [1e-2, 1.0, 1e6, 1e12])
@pytest.mark.parametrize("pairs", [1, 25])
def test_separable_pairs_of_any_weight_are_fitted(pairs, weight):
    a, b = random_pairs(pairs)
    better = (a > b)[:, :1]
    rows = Rows(np.where(better, a, b), np.where(better, b, a), weight=np.full(pairs, weight))
    with np.errstate(all="raise", under="ignore"):
        reward = fit_reward(rows)
    assert reward.converged
    assert (reward(rows.chosen) > reward(rows.rejected)).mean() > 0.75


@pytest.mark.parametrize("size", [1e-200, 1e-9, 1e3, 1e6])
def test_encodings_of_any_size_are_fitted(size):
    a, b = random_pairs(20)
    scale = size / max(np.abs(a).max(), np.abs(b).max())
    with np.errstate(all="raise", under="ignore"):
        reward = fit_reward(Rows(scale * a, scale * b))
    assert reward.converged
    assert np.isfinite(best_point(reward, 3.0)).all()


def test_one_answer_far_out_does_not_take_over():
    taste = np.array([1.0, 0.0, 0.0, 0.0])
    a, b = random_pairs(100)
    better = (a > b)[:, :1]
    chosen, rejected = np.where(better, a, b), np.where(better, b, a)
    chosen[0] *= 1e5
    best = best_point(fit_reward(Rows(chosen, rejected)), 1.0)
    assert best @ taste > 0.9


def test_one_dimension_is_enough():
    rows = Rows(np.array([[1.0], [2.0]]), np.array([[0.0], [-1.0]]))
    np.testing.assert_allclose(best_point(fit_reward(rows), 3.0), [3.0])


def test_everything_the_module_promises_is_there():
    assert all(hasattr(solver, name) for name in solver.__all__)
