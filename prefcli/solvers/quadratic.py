"""Fitting the quadratic reward: twice, the second time in a metric learned from the first.

The first fit has an isotropic prior (`features`) and weighs linear against curved rewards by
evidence (`search`). A few directions carry most tastes, but an isotropic prior spreads A over all
d^2, and the best z then follows the noise. So the second fit takes its prior in the metric

    S  proportional to  (M / mean eigenvalue of M + 0.1 I)^1/2,    M = w w' + A A

of the first: M = E[grad r grad r'] for z ~ N(0, I) is the matrix of active directions (Constantine,
"Active subspaces", 2015), and its square root is the reweighting of an iteratively reweighted
nuclear norm (Mohan and Fazel, "Iterative reweighted algorithms for matrix rank minimization",
2012). Both fits are convex, and equivariant under rotations of z.

A prior over users (`families`) competes with the isotropic one on the first fit's terms: the
metric comes from the very rows that would be its evidence.

The finalists' rewards are averaged by probability, not chosen between. At nearly equal evidence
they may point opposite ways: a taste for "about 20 words" is also a taste for more words than most
answers have, and only the curved reward knows where to stop. The average is what maximises expected
reward.

Any number of users are fitted together, in blocks of those with about as many rows; each gets what
they would get alone.

Letters: B users, n rows, d latent dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from prefcli.solvers.averages import Average, Metric, intercepts, rewards_at
from prefcli.solvers.designs import blocks, gather, part_scales
from prefcli.solvers.families import Family, isotropic, weigh
from prefcli.solvers.population import Component
from prefcli.solvers.reward import Reward, best_point, point_at_strength
from prefcli.solvers.rows import Comparisons, Rows, compare
from prefcli.solvers.search import Search
from prefcli.solvers.systems import Index

__all__ = [
    "Reward",
    "Rows",
    "best_point",
    "fit_fixed",
    "fit_reward",
    "fit_rewards",
    "point_at_strength",
]

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
    return fit_rewards([compare(rows)], rows.size, [prior])[0]


def fit_rewards(
    users: Sequence[Comparisons],
    size: int,
    priors: Sequence[Sequence[Component]] | None = None,
) -> list[Reward]:
    """Fit the rewards of many users, each as `fit_reward` does.

    Args:
        users: Their judgements, from `compare`.
        size: Number of latent dimensions d.
        priors: What users have in common, for each; default nothing.
    """
    found: dict[int, Reward] = {}
    for block in blocks([len(each.target) for each in users], size):
        given = [() if priors is None else priors[number] for number in block]
        fitted = _fit_block([users[number] for number in block], size, given)
        found.update(zip(block, fitted, strict=True))
    return [found[number] for number in range(len(users))]


def fit_fixed(rows: Rows, weight_scale: float, curvature_scale: float = 0.0) -> Reward:
    """Fit under one isotropic prior: no evidence, no metric.

    Args:
        rows: The judgements.
        weight_scale: s1 > 0, prior standard deviation of each entry of w.
        curvature_scale: s2 >= 0, prior scale of A; 0 for a linear reward.
    """
    designs = gather([compare(rows)], rows.size)
    average = Average(1, rows.size)
    only, one = np.arange(1), np.ones(1)
    scales = weight_scale * one, curvature_scale * one
    search, metric = Search(designs), Metric.identity(1, rows.size)
    _settle(average, search, metric, only, only, one, scales, None)
    return average.rewards(np.zeros(1), np.zeros(1, dtype=np.intp))[0]


def _fit_block(
    users: Sequence[Comparisons], size: int, priors: Sequence[Sequence[Component]]
) -> list[Reward]:
    """Fit users who are solved in the same way."""
    designs = gather(users, size)
    average = Average(len(users), size)
    alone, *common = weigh(isotropic(designs, _FIRST_CURVATURES, follow=False), priors)
    steps = alone.found.steps.copy()
    for family in common:
        np.add.at(steps, family.owner, family.found.steps)
        _add(average, family)
    index = np.flatnonzero(alone.share > 0)
    if len(index):
        metric, margin = _focus(alone, index)
        focused = isotropic(
            designs.in_metric(index, metric.root), _SECOND_CURVATURES, metric, margin
        )
        steps[index] += focused.found.steps
        _add(average, replace(focused, owner=index, share=alone.share[index]))
    return average.rewards(1.0 - alone.share, steps)


def _focus(alone: Family, index: Index) -> tuple[Metric, FloatArray]:
    """The metric that the first fits of some users suggest, and the average of their margins."""
    designs, users = alone.search.designs, len(alone.share)
    weight = np.zeros((users, designs.size))
    curvature = np.zeros((users, designs.size, designs.size))
    margin = np.zeros((users, designs.first.shape[1]))
    for place, share, kind in replace(alone, share=np.ones(users)).finalists():
        scales = kind.weight_scale[place], kind.curvature_scale[place]
        w, a = rewards_at(designs, alone.metric, place, kind.dual[place], *scales)
        weight[place] += share[:, None] * w
        curvature[place] += share[:, None, None] * a
        margin[place] += share[:, None] * kind.margin[place]
    roots = _metric_roots(weight[index], curvature[index])
    return Metric(roots, np.zeros((len(index), designs.size))), margin[index]


def _metric_roots(weight: FloatArray, curvature: FloatArray) -> FloatArray:
    """S^1/2 (b, d, d) of the metrics that rewards suggest; |S|_F^2 = d, as for the identity."""
    size = weight.shape[1]
    active = weight[:, :, None] * weight[:, None, :] + curvature @ curvature
    mean = np.einsum("bdd->b", active) / size
    flat = mean < 1e-12  # a flat reward prefers no direction
    active[flat], mean[flat] = np.eye(size), 1.0
    values, vectors = np.linalg.eigh(active / mean[:, None, None])
    metric = np.sqrt(np.maximum(values, 0.0) + _METRIC_FLOOR)
    metric *= np.sqrt(size) / np.linalg.norm(metric, axis=1, keepdims=True)
    roots: FloatArray = (vectors * np.sqrt(metric)[:, None, :]) @ vectors.transpose(0, 2, 1)
    return roots


def _add(average: Average, family: Family) -> None:
    """Add the finalists of a family to their users' averages."""
    for index, share, kind in family.finalists():
        scales = kind.weight_scale[index], kind.curvature_scale[index]
        owner = family.owner[index]
        _settle(average, family.search, family.metric, index, owner, share, scales, kind.margin)


def _settle(
    average: Average,
    search: Search,
    metric: Metric,
    index: Index,
    owner: Index,
    share: FloatArray,
    scales: tuple[FloatArray, FloatArray],
    margin: FloatArray | None,
) -> None:
    """Bring one mode of some problems to convergence, from margins, and add it."""
    s1, s2 = scales
    designs = search.designs
    parts = part_scales(s1, s2 if s2.any() else None)
    start = None if margin is None else margin[index]
    modes = search.settle(index, parts, start, TOLERANCE)
    columns = designs.difference[index] * s1[:, None, None]
    system = designs.system(index, parts)
    inner = system.covariance(modes.curving, slice(1, 1 + designs.size), columns)
    root = metric.root[index] * s1[:, None, None]
    covariance = root @ inner @ root
    average.add(
        owner,
        share,
        rewards_at(designs, metric, index, modes.dual, s1, s2),
        intercepts(designs, index, modes.dual),
        0.5 * (covariance + covariance.transpose(0, 2, 1)),
        scales,
        modes,
    )
