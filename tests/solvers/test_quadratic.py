"""Many users fitted together get what each would get alone, and what Newton's method gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.solvers.features import build_model
from prefcli.solvers.logistic import find_mode
from prefcli.solvers.population import Component
from prefcli.solvers.quadratic import fit_fixed, fit_reward, fit_rewards
from prefcli.solvers.rows import Rows, compare

SIZE = 3  # 1 + d = 4 unknowns of a linear reward, 10 of a curved one: both forms are met
properties = settings(deadline=None, max_examples=12)


def judged(rng, pairs, thumbs, references, curved):
    """Somebody's judgements of every kind: strengths, ties, weights, thumbs."""
    taste = rng.standard_normal(SIZE)
    bend = curved * rng.standard_normal((SIZE, SIZE))

    def reward(z):
        return z @ taste - ((z @ bend) * z).sum(1)

    a, b = rng.standard_normal((2, pairs, SIZE))
    first = (reward(a) > reward(b) + rng.logistic(size=pairs))[:, None]
    alone = rng.standard_normal((thumbs, SIZE))
    return Rows(
        np.where(first, a, b),
        np.where(first, b, a),
        target=rng.choice([1.0, 0.8, 0.6, 0.5], pairs),
        weight=rng.choice([0.0, 0.5, 1.0, 3.0], pairs),
        thumbs=alone,
        label=np.where(reward(alone) > rng.logistic(size=thumbs), 1.0, rng.choice([0.0, 0.3])),
        thumb_weight=rng.choice([0.5, 1.0], thumbs),
        reference=rng.standard_normal((references, SIZE)),
    )


@st.composite
def crowds(draw):
    """Users of many kinds, with and without a prior over users."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(2, 6))
    covariance = np.cov(rng.standard_normal((SIZE, 9))) * rng.choice([0.1, 1.0])
    kinds = [Component(0.3, rng.standard_normal(SIZE), covariance) for _ in range(2)]
    users = [
        judged(
            rng,
            draw(st.integers(0, 24)),
            draw(st.integers(0, 6)),
            draw(st.sampled_from([0, 5])),
            draw(st.sampled_from([0.0, 0.5])),
        )
        for _ in range(count)
    ]
    return users, [kinds[: draw(st.integers(0, 2))] for _ in users]


@properties
@given(crowds())
def test_users_who_are_fitted_together_get_what_each_gets_alone(crowd):
    users, priors = crowd
    together = fit_rewards([compare(rows) for rows in users], SIZE, priors)
    for rows, prior, reward in zip(users, priors, together, strict=True):
        alone = fit_reward(rows, prior)
        assert reward.converged
        for name in ("weight", "curvature", "covariance", "intercept", "log_evidence"):
            np.testing.assert_allclose(getattr(reward, name), getattr(alone, name), atol=1e-7)
        for name in ("weight_scale", "curvature_scale", "curved", "population"):
            assert getattr(reward, name) == pytest.approx(getattr(alone, name), abs=1e-7)


def test_two_users_of_whom_one_has_two_components_do_not_get_mixed_up():
    rng = np.random.default_rng(0)
    users = [judged(rng, 10, 0, 0, 0.0) for _ in range(2)]
    kinds = [Component(0.3, 3 * rng.standard_normal(SIZE), 0.1 * np.eye(SIZE)) for _ in range(2)]
    together = fit_rewards([compare(rows) for rows in users], SIZE, [(), kinds])
    for rows, prior, reward in zip(users, [(), kinds], together, strict=True):
        np.testing.assert_allclose(reward.weight, fit_reward(rows, prior).weight, atol=1e-7)


@pytest.mark.parametrize("rows", [3, 8, 40])
@pytest.mark.parametrize("curvature_scale", [0.0, 0.3])
def test_features_and_kernels_have_the_mode_that_newtons_method_finds(rows, curvature_scale):
    rng = np.random.default_rng(rows)
    said = judged(rng, rows - rows // 3, rows // 3, 0, 0.5)
    reward = fit_fixed(said, 0.7, curvature_scale)
    model = build_model(compare(said), np.eye(SIZE))
    mode = find_mode(
        model.design(curvature_scale > 0), model.prior_scale(0.7, curvature_scale), tolerance=1e-10
    )
    weight, curvature, intercept = model.reward(mode.theta)
    np.testing.assert_allclose(reward.weight, weight, atol=1e-7)
    np.testing.assert_allclose(reward.curvature, curvature, atol=1e-7)
    np.testing.assert_allclose(reward.covariance, model.weight_covariance(mode), atol=1e-7)
    assert reward.intercept == pytest.approx(intercept, abs=1e-7)
    assert reward.log_evidence == pytest.approx(mode.log_evidence, abs=1e-7)


def test_nobody_gives_no_rewards():
    assert fit_rewards([], SIZE) == []
