"""Synthetic users in z-space: what the fit makes of tastes that are known.

Users judge pairs of points from N(0, I), as the whitened encodings of a base's own answers are.
`noisy` users pick by the logistic of the difference, others always pick what they like better.
"""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.solvers.bradley_terry import Rows, best_point, fit_fixed, fit_reward
from prefcli.solvers.features import WEIGHT_SCALES, log_scale_prior

SIZE, RHO, USERS = 8, 3.0, 8


def directions(seed, count=2):
    columns = np.random.default_rng(seed).standard_normal((SIZE, count))
    return np.linalg.qr(columns)[0].T


def ask(utility, pairs, seed, noisy):
    rng = np.random.default_rng([seed, pairs])
    a, b = rng.standard_normal((pairs, SIZE)), rng.standard_normal((pairs, SIZE))
    likes = 1 / (1 + np.exp(utility(b) - utility(a)))
    first = rng.random(pairs) < likes if noisy else likes > 0.5
    return Rows(np.where(first[:, None], a, b), np.where(first[:, None], b, a))


def linear_only(rows):
    """The best linear reward's point, without metric or curvature."""
    candidates = [fit_fixed(rows, scale) for scale in WEIGHT_SCALES]
    best = max(candidates, key=lambda each: each.log_evidence + log_scale_prior(each.weight_scale))
    return RHO * best.weight / np.linalg.norm(best.weight)


def alignment(pairs, strength, noisy, choose):
    """Mean cosine of the chosen point with a linear taste of `strength` logits per unit."""
    cosines = []
    for seed in range(USERS):
        (u,) = directions(seed, 1)
        z = choose(ask(lambda z, u=u: strength * z @ u, pairs, seed, noisy))
        cosines.append(z @ u / np.linalg.norm(z))
    return float(np.mean(cosines))


def quadratic(rows):
    return best_point(fit_reward(rows), RHO)


@pytest.mark.parametrize(
    ("pairs", "least"), [(1, 0.15), (5, 0.55), (20, 0.8), (200, 0.98)], ids=str
)
def test_a_linear_taste_is_found_with_more_pairs_ever_better(pairs, least):
    assert alignment(pairs, 2.0, False, quadratic) > least


@pytest.mark.parametrize("noisy", [False, True], ids=["sure", "noisy"])
@pytest.mark.parametrize("pairs", [1, 5, 20, 200])
def test_a_linear_taste_is_not_hurt_by_allowing_curvature(pairs, noisy):
    loss = alignment(pairs, 2.0, noisy, linear_only) - alignment(pairs, 2.0, noisy, quadratic)
    assert loss < 0.02


def test_a_weak_and_noisy_taste_is_hardly_hurt_by_allowing_curvature():
    assert alignment(200, 0.7, True, linear_only) - alignment(200, 0.7, True, quadratic) < 0.04


def attained(utility, best_utility, pairs, seed, noisy, choose):
    """Utility of the chosen point: 1 at the best, 0 at the base's own average."""
    typical = utility(np.random.default_rng(0).standard_normal((2000, SIZE))).mean()
    z = choose(ask(utility, pairs, seed, noisy))
    return (utility(z[None])[0] - typical) / (best_utility - typical)


@pytest.mark.parametrize("noisy", [False, True], ids=["sure", "noisy"])
def test_a_taste_for_a_middle_is_met_and_not_overshot(noisy):
    found = {quadratic: [], linear_only: []}
    for seed in range(USERS):
        (u,) = directions(seed, 1)
        for choose, values in found.items():
            values.append(
                attained(lambda z, u=u: -2 * (z @ u - 0.5) ** 2, 0.0, 200, seed, noisy, choose)
            )
    assert np.mean(found[quadratic]) > 0.9
    assert np.mean(found[linear_only]) < 0


@pytest.mark.parametrize("noisy", [False, True], ids=["sure", "noisy"])
def test_a_taste_for_exactly_one_of_two_is_met(noisy):
    found = {quadratic: [], linear_only: []}
    for seed in range(USERS):
        u, v = directions(seed)
        for choose, values in found.items():
            values.append(
                attained(
                    lambda z, u=u, v=v: -2 * (z @ u) * (z @ v), RHO**2, 200, seed, noisy, choose
                )
            )
    assert np.mean(found[quadratic]) > 0.9
    assert np.mean(found[linear_only]) < 0.3


def test_the_chosen_kind_of_taste_is_the_right_one():
    (u,) = directions(0, 1)
    line = fit_reward(ask(lambda z: 2 * z @ u, 200, 0, True))
    peak = fit_reward(ask(lambda z: -2 * (z @ u - 0.5) ** 2, 200, 0, True))
    assert line.curvature_scale == 0
    assert line.curved < 0.5
    assert peak.curvature_scale > 0
    assert peak.curved > 0.9


def test_one_judgement_is_taken_for_a_linear_taste():
    reward = fit_reward(ask(lambda z: z[:, 0], 1, 0, False))
    assert reward.curved == 0
    assert not reward.curvature.any()
