"""Fitting the quadratic reward: twice, the second time in a metric learned from the first.

The first fit has an isotropic prior (`features`) and weighs linear against curved rewards by
evidence (`evidence`). A few directions carry most tastes, but an isotropic prior spreads A over all
d^2, and the best z then follows the noise. So the second fit takes its prior in the metric

    S  proportional to  (M / mean eigenvalue of M + 0.1 I)^1/2,    M = w w' + A A

of the first: M = E[grad r grad r'] for z ~ N(0, I) is the matrix of active directions (Constantine,
"Active subspaces", 2015), and its square root is the reweighting of an iteratively reweighted
nuclear norm (Mohan and Fazel, "Iterative reweighted algorithms for matrix rank minimization",
2012). Both fits are convex, and equivariant under rotations of z.

A prior over users (`population`) competes with the isotropic one on the first fit's terms: the
metric comes from the very rows that would be its evidence.

Letters: d latent dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from prefcli.solvers.evidence import (
    Candidate,
    converge,
    evaluate,
    explore,
    explore_component,
    family_shares,
    finalists,
)
from prefcli.solvers.features import build_model
from prefcli.solvers.population import Component
from prefcli.solvers.reward import Reward, best_point, point_at_strength
from prefcli.solvers.rows import Rows, compare

__all__ = ["Reward", "Rows", "best_point", "fit_fixed", "fit_reward", "point_at_strength"]

FloatArray = npt.NDArray[np.float64]

TOLERANCE = 1e-8  # gradient norm, in prior standard deviations from the exact mode

_FIRST_CURVATURES = (0.07, 0.2)
_SECOND_CURVATURES = (0.1, 0.2, 0.4, 0.8)
_METRIC_FLOOR = 0.1


def fit_reward(rows: Rows, prior: Sequence[Component] = ()) -> Reward:
    """Fit a user's reward, prior scales and metric included.

    Deterministic; the order of rows does not matter, a weight of 2 is the row twice, and without
    a prior over users, with chosen and rejected exchanged (thumbs inverted), the reward changes its
    sign.

    Args:
        rows: The judgements; none at all, or only ties, give a reward that is flat.
        prior: What users have in common, if it is known.
    """
    comparisons = compare(rows)
    first = explore(build_model(comparisons, np.eye(rows.size)), _FIRST_CURVATURES, follow=False)
    common = [explore_component(comparisons, component) for component in prior]
    shares = family_shares([first, *common], 1.0 - sum(each.share for each in prior))
    steps = sum(each.mode.iterations for each in first)
    if shares[0] > 0:
        weight, curvature, _ = _average(finalists(first))
        focused = build_model(comparisons, _metric_root(weight, curvature))
        first = explore(focused, _SECOND_CURVATURES, focused.coefficients(weight, curvature))
        steps += sum(each.mode.iterations for each in first)
    exact = [
        (float(family) * share, converge(each, TOLERANCE))
        for family, candidates in zip(shares, [first, *common], strict=True)
        if family > 0
        for share, each in finalists(candidates)
    ]
    steps += sum(each.mode.iterations for family in common for each in family)
    return _reward(exact, steps, 1.0 - float(shares[0]))


def fit_fixed(rows: Rows, weight_scale: float, curvature_scale: float = 0.0) -> Reward:
    """Fit under one isotropic prior: no evidence, no metric.

    Args:
        rows: The judgements.
        weight_scale: s1 > 0, prior standard deviation of each entry of w.
        curvature_scale: s2 >= 0, prior scale of A; 0 for a linear reward.
    """
    model = build_model(compare(rows), np.eye(rows.size))
    only = evaluate(model, weight_scale, curvature_scale, tolerance=TOLERANCE)
    return _reward([(1.0, only)])


def _average(candidates: list[tuple[float, Candidate]]) -> tuple[FloatArray, FloatArray, float]:
    """Average w (d,), A (d, d) and intercept over candidates with their shares."""
    size = candidates[0][1].model.size
    weight, curvature = np.zeros(size), np.zeros((size, size))
    intercept = 0.0
    for share, candidate in candidates:
        w, a, b = candidate.model.reward(candidate.mode.theta)
        weight += share * w
        curvature += share * a
        intercept += share * b
    return weight, curvature, intercept


def _metric_root(weight: FloatArray, curvature: FloatArray) -> FloatArray:
    """S^1/2 (d, d) of the metric that a reward suggests; |S|_F^2 = d, as for the identity."""
    active = np.outer(weight, weight) + curvature @ curvature
    mean = float(np.trace(active)) / len(weight)
    if mean < 1e-12:  # a flat reward prefers no direction
        return np.eye(len(weight))
    values, vectors = np.linalg.eigh(active / mean)
    metric = np.sqrt(np.maximum(values, 0.0) + _METRIC_FLOOR)
    metric *= np.sqrt(len(metric)) / np.linalg.norm(metric)
    root: FloatArray = (vectors * np.sqrt(metric)) @ vectors.T
    return root


def _reward(
    candidates: list[tuple[float, Candidate]], steps: int = 0, population: float = 0.0
) -> Reward:
    """The average of the candidates' rewards, and what is known about it."""
    weight, curvature, intercept = _average(candidates)
    covariance = np.zeros_like(curvature)
    for share, candidate in candidates:
        apart = candidate.model.reward(candidate.mode.theta)[0] - weight
        spread = candidate.model.weight_covariance(candidate.mode)
        covariance += share * (spread + np.outer(apart, apart))
    _, likeliest = max(candidates, key=lambda each: each[0])
    return Reward(
        weight=weight,
        curvature=curvature,
        intercept=intercept,
        covariance=covariance,
        log_evidence=likeliest.mode.log_evidence,
        weight_scale=likeliest.weight_scale,
        curvature_scale=likeliest.curvature_scale,
        curved=sum(share for share, each in candidates if each.curvature_scale > 0),
        population=population,
        iterations=steps + sum(each.mode.iterations for _, each in candidates),
        converged=all(each.mode.converged for _, each in candidates),
    )
