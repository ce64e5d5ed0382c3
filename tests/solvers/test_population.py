"""What users have in common is found, and never comes back to the user it came from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.solvers.population import (
    GROUPS,
    Component,
    Likelihoods,
    group_of,
    learn_population,
    likelihood,
)
from prefcli.solvers.quadratic import fit_reward
from prefcli.solvers.rows import Rows

SIZE = 5


def judgements(weight, pairs, rng):
    """What somebody of this taste says about random answers, by chance as a logistic has it."""
    first, second = rng.standard_normal((2, pairs, len(weight)))
    better = (rng.random(pairs) < 1 / (1 + np.exp(-(first - second) @ weight)))[:, None]
    return Rows(np.where(better, first, second), np.where(better, second, first))


def everybody(weights, pairs, seed=0):
    rng = np.random.default_rng(seed)
    rows = [judgements(weight, pairs, rng) for weight in weights]
    said = [likelihood(each) for each in rows]
    return rows, Likelihoods(np.array([p for p, _ in said]), np.array([h for _, h in said]))


def names(count):
    return [f"user-{i}" for i in range(count)]


def cosine(one, other):
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_a_likelihood_is_the_gradient_and_curvature_of_what_was_said():
    rng = np.random.default_rng(0)
    rows = judgements(np.full(SIZE, 0.3), 400, rng)
    precision, information = likelihood(rows)
    mode = np.linalg.solve(precision, information)  # of the likelihood alone
    apart = rows.chosen - rows.rejected
    p = 1 / (1 + np.exp(-apart @ mode))
    # Far from its own prior's mode the Gaussian is only near the truth: a step is left of one
    # hundredth of what the data say.
    gradient = apart.T @ (1 - p)
    assert np.linalg.norm(gradient) < 0.05 * np.linalg.norm(apart.T @ np.full(400, 0.5))
    curvature = (apart * (p * (1 - p))[:, None]).T @ apart
    np.testing.assert_allclose(precision, curvature, rtol=0.25, atol=2.0)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6))
def test_a_likelihood_is_positive_semi_definite_however_little_was_said(seed, pairs):
    precision, information = likelihood(
        judgements(np.ones(SIZE), pairs, np.random.default_rng(seed))
    )
    values = np.linalg.eigvalsh(precision)
    assert values.min() > -1e-8
    assert (values > 1e-8).sum() <= pairs
    assert np.isfinite(information).all()


def test_one_common_taste_is_found_with_its_spread():
    rng = np.random.default_rng(1)
    mean, spread = np.array([1.0, -0.5, 0, 0, 0]), np.array([0.1, 0.1, 0.1, 0.1, 0.8])
    weights = mean + spread * rng.standard_normal((200, SIZE))
    _, said = everybody(weights, 20)
    population = learn_population(names(200), said)
    assert population is not None
    for group in population.groups:
        assert len(group) == 1
        assert cosine(group[0].mean, mean) > 0.95
        deviation = np.sqrt(np.diag(group[0].covariance))
        assert deviation[4] > 2 * deviation[:4].max()


def test_groups_of_taste_are_told_apart():
    rng = np.random.default_rng(2)
    centres = np.array([[1.2, 0, 0, 0, 0], [-1.2, 0.8, 0, 0, 0], [0, -1.2, 1.2, 0, 0]])
    weights = centres[rng.integers(3, size=300)] + 0.15 * rng.standard_normal((300, SIZE))
    _, said = everybody(weights, 30)
    population = learn_population(names(300), said)
    assert population is not None
    for group in population.groups:
        assert len(group) == 3
        assert 0.9 < sum(each.share for each in group) < 1
        for centre in centres:
            assert max(cosine(each.mean, centre) for each in group) > 0.9


def test_a_users_own_judgements_never_reach_their_prior():
    rng = np.random.default_rng(3)
    weights = 0.5 * rng.standard_normal((30, SIZE))
    _, said = everybody(weights, 15)
    users = names(30)
    whole = learn_population(users, said)
    # Without one's whole group the rest starts from a mixture that they had a part in, so the
    # means agree to what expectation maximisation is run to, not to the last digit.
    number = group_of(users[0])
    others = np.array([group_of(user) != number for user in users])
    kept = [user for user, stays in zip(users, others, strict=True) if stays]
    alone = learn_population(kept, said.take(others))
    assert whole is not None
    assert alone is not None
    assert len(whole.prior(users[0])) == len(alone.prior(users[0]))
    for mine, theirs in zip(whole.prior(users[0]), alone.prior(users[0]), strict=True):
        np.testing.assert_allclose(mine.mean, theirs.mean, atol=0.02)
        np.testing.assert_allclose(mine.covariance, theirs.covariance, atol=0.02)


def test_users_without_anything_in_common_are_hardly_taken_for_one_another():
    rng = np.random.default_rng(6)
    half = np.array([1.5, -1.5, 0.0, 0.0, 0.0]) + 0.05 * rng.standard_normal((100, SIZE))
    scale = rng.choice([0.05, 2.0], (100, 1))  # whom no single covariance describes
    weights = np.concatenate([half, scale * rng.standard_normal((100, SIZE))])
    _, said = everybody(weights, 100)
    population = learn_population(names(200), said)
    _, alike = everybody(half, 100)
    common = learn_population(names(100), alike)
    assert population is not None
    assert common is not None
    trust = [sum(each.share for each in found.groups[0]) for found in (population, common)]
    assert trust[0] < 0.9 < trust[1]


def test_few_users_have_nothing_in_common():
    _, said = everybody(np.ones((2, SIZE)), 10)
    assert learn_population(names(2), said) is None
    nobody = Likelihoods(np.zeros((0, SIZE, SIZE)), np.zeros((0, SIZE)))
    assert learn_population([], nobody) is None


def test_the_order_of_users_does_not_matter():
    rng = np.random.default_rng(4)
    _, said = everybody(rng.standard_normal((20, SIZE)), 10)
    users = names(20)
    order = rng.permutation(20)
    moved = Likelihoods(said.precision[order], said.information[order])
    one = learn_population(users, said)
    other = learn_population([users[i] for i in order], moved)
    assert one is not None
    assert other is not None
    for mine, theirs in zip(one.groups, other.groups, strict=True):
        assert len(mine) == len(theirs) == 1
        np.testing.assert_allclose(mine[0].mean, theirs[0].mean, atol=1e-5)


def test_names_spread_over_all_groups():
    assert {group_of(f"user {i}") for i in range(200)} == set(range(GROUPS))


def test_a_prior_helps_who_is_like_the_others_and_hardly_hurts_who_is_not():
    rng = np.random.default_rng(5)
    mean = np.array([1.5, -1.0, 0.5, 0.0, 0.0])
    prior = (Component(0.5, mean, 0.05 * np.eye(SIZE)),)
    alike, unlike = [], []
    for _ in range(20):
        few = judgements(mean, 3, rng)
        alike.append(
            cosine(fit_reward(few, prior).weight, mean) - cosine(fit_reward(few).weight, mean)
        )
        many = judgements(-mean, 100, rng)
        fitted = fit_reward(many, prior)
        assert fitted.population < 0.01
        unlike.append(cosine(fitted.weight, -mean) - cosine(fit_reward(many).weight, -mean))
    assert np.mean(alike) > 0.1
    assert abs(np.mean(unlike)) < 0.005


def test_under_a_narrow_prior_without_judgements_the_reward_is_its_mean():
    mean = np.array([1.0, 2.0, 0.0, 0.0, -1.0])
    nothing = Rows(np.zeros((0, SIZE)), np.zeros((0, SIZE)))
    reward = fit_reward(nothing, (Component(0.5, mean, np.eye(SIZE)),))
    assert reward.converged
    assert cosine(reward.weight, mean) == pytest.approx(1)
