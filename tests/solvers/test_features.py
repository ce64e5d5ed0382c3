"""The linear model of the quadratic reward is the Gaussian process it claims to be."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.solvers.features import build_model, curvature_matrix, quadratic_features
from prefcli.solvers.logistic import find_mode
from prefcli.solvers.rows import Comparisons, Rows, compare


def random_rows(pairs=7, thumbs=3, size=4, seed=0):
    rng = np.random.default_rng(seed)
    return Rows(
        rng.standard_normal((pairs, size)),
        rng.standard_normal((pairs, size)),
        thumbs=rng.standard_normal((thumbs, size)),
        label=(np.arange(thumbs) % 2).astype(float),
    )


def random_root(size, seed=0):
    square = np.random.default_rng(seed).standard_normal((size, size))
    return np.eye(size) + 0.1 * square @ square.T


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_features_have_the_kernel_of_an_isotropic_prior(size, seed):
    z = np.random.default_rng(seed).standard_normal((5, size))
    features = quadratic_features(z)
    np.testing.assert_allclose(features @ features.T, (z @ z.T) ** 2 / 2, atol=1e-10)


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_coefficients_and_curvature_describe_the_same_reward(size, seed):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((5, size))
    coefficients = rng.standard_normal(size * (size + 1) // 2)
    curvature = curvature_matrix(coefficients, size)
    expected = -0.5 * np.einsum("ni,ij,nj->n", z, curvature, z)
    np.testing.assert_array_equal(curvature, curvature.T)
    np.testing.assert_allclose(quadratic_features(z) @ coefficients, expected, atol=1e-10)


def test_the_prior_on_curvature_is_isotropic_in_the_frobenius_norm():
    coefficients = np.random.default_rng(0).standard_normal(10)
    curvature = curvature_matrix(coefficients, 4)
    np.testing.assert_allclose((curvature**2).sum(), 2 * (coefficients**2).sum())


def test_rotating_few_rows_onto_their_span_changes_nothing():
    rows = random_rows(pairs=4, thumbs=2)
    twice = Rows(  # the same judgements in halves: as many rows as quadratic features
        np.tile(rows.chosen, (2, 1)),
        np.tile(rows.rejected, (2, 1)),
        weight=np.full(8, 0.5),
        thumbs=np.tile(rows.thumbs, (2, 1)),
        label=np.tile(rows.label, 2),
        thumb_weight=np.full(4, 0.5),
    )
    found = []
    for given_rows, spans in ((rows, True), (twice, False)):
        model = build_model(compare(given_rows), random_root(4))
        assert (model.span is not None) is spans
        mode = find_mode(model.quadratic, model.prior_scale(0.5, 0.3))
        found.append((*model.reward(mode.theta), model.weight_covariance(mode), mode.log_evidence))
    for short, full in zip(*found, strict=True):
        np.testing.assert_allclose(short, full, atol=1e-8)


def test_a_reward_and_its_coefficients_are_inverse_to_each_other():
    model = build_model(compare(random_rows(pairs=40)), random_root(4))
    rng = np.random.default_rng(1)
    weight, square = rng.standard_normal(4), rng.standard_normal((4, 4))
    theta = model.coefficients(weight, square + square.T)
    back, curvature, intercept = model.reward(theta)
    np.testing.assert_allclose(back, weight, atol=1e-10)
    np.testing.assert_allclose(curvature, square + square.T, atol=1e-10)
    assert intercept == 0


def test_a_metric_is_the_same_prior_in_other_coordinates():
    root, rows = random_root(4), compare(random_rows())
    moved = Comparisons(
        rows.first @ root, rows.second @ root, rows.offset, rows.target, rows.weight
    )
    inside, outside = build_model(rows, root), build_model(moved, np.eye(4))
    mode = find_mode(inside.quadratic, inside.prior_scale(0.5, 0.3))
    same = find_mode(outside.quadratic, outside.prior_scale(0.5, 0.3))
    weight, curvature, intercept = inside.reward(mode.theta)
    other, bend, offset = outside.reward(same.theta)
    np.testing.assert_allclose(weight, root @ other, atol=1e-8)
    np.testing.assert_allclose(curvature, root @ bend @ root, atol=1e-8)
    np.testing.assert_allclose(intercept, offset, atol=1e-8)
