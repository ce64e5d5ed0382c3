"""The means of the fit are those that scikit-learn finds for the same problem."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from prefcli.solvers.bradley_terry import Rows, fit_fixed


def logistic_regression(features, target, weight, scale):
    """scikit-learn's coefficients under N(0, scale^2)."""
    model = LogisticRegression(
        C=scale**2, fit_intercept=False, solver="newton-cholesky", tol=1e-12, max_iter=1000
    )
    return model.fit(features, target, sample_weight=weight).coef_[0]


@pytest.mark.parametrize("scale", [0.1, 0.4, 1.6])
@pytest.mark.parametrize("pairs", [2, 40, 400])
def test_pairs_of_any_weight_have_the_weights_that_scikit_learn_finds(pairs, scale):
    rng = np.random.default_rng(pairs)
    chosen, rejected = rng.standard_normal((2, pairs, 7))
    weight = rng.uniform(0.2, 3.0, pairs)
    apart = chosen - rejected
    # Each pair both ways round at half its weight, since a classifier wants two classes.
    features, target = np.concatenate([apart, -apart]), np.repeat([1, 0], pairs)
    expected = logistic_regression(features, target, np.tile(weight / 2, 2), scale)
    reward = fit_fixed(Rows(chosen, rejected, weight=weight), scale)
    np.testing.assert_allclose(reward.weight, expected, atol=1e-6)


def test_ties_are_half_a_judgement_each_way():
    rng = np.random.default_rng(0)
    chosen, rejected = rng.standard_normal((2, 30, 4))
    target = np.where(np.arange(30) % 3 == 0, 0.5, 1.0)
    apart = chosen - rejected
    features, label = np.concatenate([apart, apart]), np.repeat([1, 0], 30)
    weight = np.concatenate([target, 1 - target])
    expected = logistic_regression(features, label, weight, 0.7)
    reward = fit_fixed(Rows(chosen, rejected, target=target), 0.7)
    np.testing.assert_allclose(reward.weight, expected, atol=1e-6)
