"""What each judgement did to a fit, and what the others would have made of it.

Nothing is fitted again. The mode u of f (see `logistic`), in units of the prior, moves by one
Newton step when the rows g are left out,

    u_-g - u = (H - X_g' D X_g)^-1 X_g' (a (p - y))_g = G_g (I - D K)^-1 (a (p - y))_g,

    G = H^-1 X',    K = X_g G_g,    D = a p (1 - p)

(Pregibon, "Logistic regression diagnostics", 1981; Koh & Liang, "Understanding black-box
predictions via influence functions", 2017, take H in the place of H - X_g' D X_g). Prior scales
stay what they are. Several rewards, linear and curved, are averaged as in a fit.

Two rewards are compared by their correlation over the base's own answers, z ~ N(0, I):

    <r, r'> = w.w' + 1/2 tr(A A'),

for linear rewards the cosine of w and w'.

Letters: n rows, p coefficients, d latent dimensions, D = d + d^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prefcli.solvers.designs import gather
from prefcli.solvers.families import isotropic, weigh
from prefcli.solvers.features import build_model
from prefcli.solvers.logistic import Mode, find_mode
from prefcli.solvers.population import Component
from prefcli.solvers.rows import Rows, compare

FloatArray = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

_CURVATURES = (0.05, 0.1, 0.2, 0.4)
_TOLERANCE = 1e-6  # gradient norm, in prior standard deviations from the exact mode


@dataclass(frozen=True, eq=False)
class Part:
    """One of the rewards that are averaged, around its mode.

    Args:
        share: Its posterior probability.
        mode: Of its coefficients theta.
        features: X (n, p) in units of the prior; the rows as `compare` orders them.
        margin: (n,) X u, and what is known beforehand, in logits.
        rewards: (p, D) what a unit of each coefficient adds to the reward, as `reward_vector`.
        origin: (D,) the reward at theta = 0.
    """

    share: float
    mode: Mode
    features: FloatArray
    margin: FloatArray
    rewards: FloatArray
    origin: FloatArray

    @property
    def reward(self) -> FloatArray:
        """(D,) at the mode."""
        return self.origin + self.mode.theta @ self.rewards


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of a user's reward.

    Args:
        parts: The rewards that are averaged.
        target: (n,) of the rows, in the order of `compare`.
        weight: (n,) as `target`.
        row: (n,) place of each in pairs and thumbs together; -1 for the space's references.
    """

    parts: tuple[Part, ...]
    target: FloatArray
    weight: FloatArray
    row: Places

    @property
    def reward(self) -> FloatArray:
        """(D,) the mean of the parts' modes, as `reward_vector`."""
        total: FloatArray = np.sum([part.share * part.reward for part in self.parts], axis=0)
        return total


def reward_vector(weight: FloatArray, curvature: FloatArray) -> FloatArray:
    """The reward as one vector (D,) of w and A, in which <r, r'> is the scalar product."""
    return np.concatenate([weight, curvature.ravel() / np.sqrt(2)])


def correlation(reward: FloatArray, other: FloatArray) -> float:
    """Of two rewards (D,) over the base's own answers; 0 where one of them is flat."""
    lengths = float(np.linalg.norm(reward) * np.linalg.norm(other))
    return float(reward @ other) / lengths if lengths > 0 else 0.0


def learn(rows: Rows, prior: Sequence[Component] = ()) -> Posterior:
    """The posterior under an isotropic prior, linear and curved rewards weighed by evidence.

    And under what users have in common, if that is given. It is not the one that `fit_reward`
    summarises. That takes its metric from the rows themselves, which serves the estimate, but
    around it the rows count twice: it would seem three times as firm as it proves when one of them
    is left out.
    """
    comparisons = compare(rows)
    alone = isotropic(gather([comparisons], rows.size), _CURVATURES)
    kept = np.flatnonzero(np.concatenate([rows.weight, rows.thumb_weight]) > 0)
    candidates = [
        (family.metric, place, share, kind.weight_scale[place], kind.curvature_scale[place])
        for family in weigh(alone, [prior])
        for index, shares, kind in family.finalists()
        for place, share in zip(index.tolist(), shares.tolist(), strict=True)
    ]
    parts = []
    for metric, place, share, weight_scale, curvature_scale in candidates:
        model = build_model(comparisons, metric.root[place], metric.mean[place])
        design = model.design(curvature_scale > 0)
        scale = model.prior_scale(weight_scale, curvature_scale)
        mode = find_mode(design, scale, tolerance=_TOLERANCE)
        start = reward_vector(*model.reward(np.zeros(len(mode.theta)))[:2])
        units = np.eye(len(mode.theta))
        rewards = np.array([reward_vector(*model.reward(unit)[:2]) - start for unit in units])
        weight, curvature, intercept = model.reward(mode.theta)
        margin = _values(comparisons.first, weight, curvature)
        margin -= _values(comparisons.second, weight, curvature)
        parts.append(
            Part(
                share=share,
                mode=mode,
                features=design.features * mode.scale,
                margin=margin + comparisons.offset * intercept,
                rewards=rewards,
                origin=start,
            )
        )
    row = np.full(len(comparisons.target), -1)
    row[: len(kept)] = kept
    return Posterior(tuple(parts), comparisons.target, comparisons.weight, row)


def turns(known: Posterior, judgements: Sequence[Sequence[int]]) -> FloatArray:
    """By how many degrees the reward turns without each judgement (J,).

    Args:
        known: The posterior.
        judgements: The rows that each consists of, places in pairs and thumbs together.
    """
    reward = known.reward
    moved = np.tile(reward, (len(judgements), 1))  # (J, D)
    sets = _where(known, judgements)
    for part in known.parts:
        steps, _ = _leave_out(known, part, sets)
        moved += part.share * (steps * part.mode.scale) @ part.rewards
    lengths = np.linalg.norm(moved, axis=1) * np.linalg.norm(reward)
    cosine = np.divide(moved @ reward, lengths, out=np.ones(len(moved)), where=lengths > 0)
    degrees: FloatArray = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return degrees


def foretold(known: Posterior, groups: Sequence[int] | Places) -> FloatArray:
    """The probability of what each row says, by the rows of other prompts (n + m,).

    What those leave uncertain counts (MacKay 1992, the probit approximation). Rows that say
    neither one thing nor the other are NaN.

    Args:
        known: The posterior.
        groups: (n + m,) the prompt of each pair, then of each thumb.
    """
    group = np.asarray(groups, dtype=np.intp)
    found = np.full(len(group), np.nan)
    own = known.row >= 0
    rows = known.row[own]
    names, number = np.unique(group[rows], return_inverse=True)
    order = np.argsort(number, kind="stable")
    cuts = np.flatnonzero(np.diff(number[order])) + 1
    sets = [np.flatnonzero(own)[each] for each in np.split(order, cuts)] if len(names) else []
    probability = np.zeros(len(known.target))
    for part in known.parts:
        _, predicted = _leave_out(known, part, sets)
        probability += part.share * predicted
    says = known.target != 0.5
    agreed = np.where(known.target > 0.5, probability, 1 - probability)
    found[rows] = np.where(says, agreed, np.nan)[own]
    return found


def _where(known: Posterior, judgements: Sequence[Sequence[int]]) -> list[Places]:
    """The same sets of rows, as places among the rows of the posterior."""
    size = max([-1, *known.row.tolist(), *(each for rows in judgements for each in rows)]) + 1
    place = np.full(size, -1)
    own = known.row >= 0
    place[known.row[own]] = np.flatnonzero(own)
    sets = [place[np.array(rows, dtype=np.intp)] for rows in judgements]
    return [each[each >= 0] for each in sets]


def _leave_out(
    known: Posterior, part: Part, sets: Sequence[Places]
) -> tuple[FloatArray, FloatArray]:
    """The mode's step without each set (S, p), and of each row the probability so (n,)."""
    x, hessian = part.features, part.mode.hessian  # (n, p), (p, p)
    p = _logistic(part.margin)
    curving = known.weight * p * (1 - p)  # (n,)
    slope = known.weight * (p - known.target)  # (n,)
    spread = np.linalg.solve(hessian, x.T).T  # (n, p), rows of X H^-1
    steps = np.zeros((len(sets), x.shape[1]))
    margin, variance = part.margin.copy(), np.zeros(len(x))
    # Most sets are one row, and many rows at once are a hundred times faster than one by one.
    alone = np.array([number for number, rows in enumerate(sets) if len(rows) == 1], dtype=np.intp)
    if len(alone):
        at = np.array([sets[number][0] for number in alone])
        reach = np.einsum("np,np->n", x[at], spread[at])  # K, of one row each
        left = 1 - curving[at] * reach
        steps[alone] = spread[at] * (slope[at] / left)[:, None]
        margin[at] += reach * slope[at] / left
        variance[at] = reach / left
    for number, rows in enumerate(sets):
        if len(rows) < 2:
            continue
        half = np.sqrt(curving[rows])[:, None] * x[rows]  # (m, p)
        if len(rows) < x.shape[1]:
            inner = np.eye(len(rows)) - curving[rows, None] * (x[rows] @ spread[rows].T)
            solved = np.linalg.solve(inner.T, spread[rows])  # (m, p), X_g (H - X'DX)^-1
        else:
            solved = np.linalg.solve(hessian - half.T @ half, x[rows].T).T
        steps[number] = slope[rows] @ solved
        margin[rows] += x[rows] @ steps[number]
        variance[rows] = np.einsum("mp,mp->m", x[rows], solved)
    return steps, _logistic(margin / np.sqrt(1 + np.pi / 8 * np.maximum(variance, 0.0)))


def _logistic(margin: FloatArray) -> FloatArray:
    return 1.0 / (1.0 + np.exp(-np.clip(margin, -700.0, 700.0)))


def _values(z: FloatArray, weight: FloatArray, curvature: FloatArray) -> FloatArray:
    """Rewards (n,) of points (n, d)."""
    values: FloatArray = z @ weight - 0.5 * ((z @ curvature) * z).sum(axis=1)
    return values
