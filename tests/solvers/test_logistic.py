"""The mode is the mode, and the evidence the evidence."""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.solvers.logistic import Design, find_mode


def make_design(rows=30, columns=4, seed=0, targets=(0.0, 0.5, 1.0)):
    rng = np.random.default_rng(seed)
    return Design(
        features=rng.standard_normal((rows, columns)),
        target=rng.choice(targets, rows),
        weight=rng.uniform(0.2, 3.0, rows),
    )


def objective(design, scale, theta):
    eta = design.features @ theta
    likelihood = design.weight @ (np.logaddexp(0, eta) - design.target * eta)
    return likelihood + 0.5 * ((theta / scale) ** 2).sum()


def finite_differences(function, theta, step=1e-5):
    steps = step * np.eye(len(theta))
    return np.array([(function(theta + s) - function(theta - s)) / (2 * step) for s in steps])


def test_the_gradient_vanishes_at_the_mode_by_finite_differences():
    design, scale = make_design(), np.array([0.5, 1.0, 2.0, 0.1])
    mode = find_mode(design, scale)
    assert mode.converged
    slope = finite_differences(lambda theta: objective(design, scale, theta), mode.theta)
    np.testing.assert_allclose(slope, 0.0, atol=1e-7)


def test_the_hessian_is_the_curvature_of_the_objective():
    design, scale = make_design(), np.array([0.5, 1.0, 2.0, 0.1])
    mode = find_mode(design, scale)

    def slope(theta):
        return finite_differences(lambda t: objective(design, scale, t), theta, 1e-4)

    numerical = finite_differences(slope, mode.theta, 1e-4) * scale[:, None] * scale
    np.testing.assert_allclose(mode.hessian, numerical, rtol=1e-4, atol=1e-5)
    block = slice(1, 3)
    expected = np.linalg.inv(mode.hessian)[block, block] * scale[block, None] * scale[block]
    np.testing.assert_allclose(mode.covariance(block), expected, rtol=1e-10)


def test_plain_gradient_descent_ends_at_the_same_mode():
    design, scale = make_design(12, 3), np.full(3, 0.7)
    theta = np.zeros(3)
    for _ in range(4000):
        p = 1 / (1 + np.exp(-design.features @ theta))
        gradient = design.features.T @ (design.weight * (p - design.target)) + theta / scale**2
        theta -= 0.02 * gradient
    np.testing.assert_allclose(find_mode(design, scale).theta, theta, atol=1e-9)


def test_where_the_search_starts_does_not_matter():
    design, scale = make_design(), np.full(4, 0.7)
    far = find_mode(design, scale, start=np.array([30.0, -20.0, 10.0, 5.0]))
    np.testing.assert_allclose(far.theta, find_mode(design, scale).theta, atol=1e-8)


def test_the_evidence_is_the_integral_of_likelihood_times_prior():
    design, scale = make_design(60, 1), np.array([0.4])
    grid = np.linspace(-4, 4, 20001)
    log_joint = np.array([-objective(design, scale, np.array([t])) for t in grid])
    density = np.exp(log_joint) / (np.sqrt(2 * np.pi) * scale[0])
    exact = np.log(np.sum(density) * (grid[1] - grid[0]))
    assert find_mode(design, scale).log_evidence == pytest.approx(exact, abs=0.01)


def test_ties_alone_leave_everything_at_zero():
    mode = find_mode(make_design(targets=(0.5,)), np.ones(4))
    np.testing.assert_array_equal(mode.theta, np.zeros(4))
    assert mode.iterations == 0


@pytest.mark.parametrize("weight", [1e-12, 1.0, 1e6, 1e12])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_separable_rows_of_any_weight_converge(weight, scale):
    design = make_design(20, 3)
    features = design.features * np.sign(design.features[:, :1])
    separable = Design(features, np.ones(20), np.full(20, weight))
    mode = find_mode(separable, np.full(3, scale))
    assert mode.converged
    assert np.isfinite(mode.theta).all()


def test_too_few_steps_are_reported():
    assert not find_mode(make_design(), np.ones(4), max_iterations=1).converged
