"""What to ask next: how much the answer to "which of these two?" would tell about the reward.

The reward's coefficients theta are Gaussian around the fit (Laplace), so the margin of two answers
f = r(z) - r(z') is N(m, v), and the answer y is logistic in f. What is learned from y in
expectation is the mutual information (Houlsby et al., "Bayesian active learning for classification
and preference learning", 2011, the objective called BALD)

    I(y; theta) = h(E[p]) - E[h(p)],   p = logistic(f),  h the entropy of a coin, in bits.

It is high where the fit cannot tell which answer wins although the user surely can, and low both
where the winner is known and where the two answers hardly differ.

The coefficients have one isotropic prior here, whatever the fit found. The fit trusts the
directions that a few answers point to; who asks must still doubt them. A user without feedback
starts from the prior. Columns as in `features`, with the thumbs' offset first and each of unit
prior variance.

Letters: n rows, c candidates, d latent dimensions, p = 1 + d + d (d + 1) / 2 coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from prefcli.solvers.features import INTERCEPT_SCALE, quadratic_features
from prefcli.solvers.reward import Reward
from prefcli.solvers.rows import Rows, compare

FloatArray = npt.NDArray[np.float64]

WEIGHT_SCALE, CURVATURE_SCALE = 0.4, 0.15  # the centres of the fit's own priors
_POINTS, _MASS = np.polynomial.hermite_e.hermegauss(21)  # E[g(t)], t ~ N(0, 1)
_MASS = _MASS / _MASS.sum()


@dataclass(frozen=True, eq=False)
class Belief:
    """What is known about a user's reward: a Gaussian around the fit.

    Args:
        reward: The fit.
        covariance: (p, p) of the coefficients, in units of their prior.
    """

    reward: Reward
    covariance: FloatArray

    @classmethod
    def after(cls, rows: Rows, reward: Reward) -> Belief:
        """The belief of who has fitted `reward` to `rows`; without any rows, the prior."""
        seen = compare(rows)
        x = _features(seen.first, seen.second, seen.offset)  # (n, p)
        margin = reward(seen.first) - reward(seen.second) + seen.offset * reward.intercept
        p = _logistic(margin)
        precision = (x * (seen.weight * p * (1 - p))[:, None]).T @ x
        precision.flat[:: len(precision) + 1] += 1.0
        covariance = np.linalg.inv(precision)
        return cls(reward, 0.5 * (covariance + covariance.T))

    def margins(self, first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance (c,) of r(first) - r(second), in logits, for points (c, d)."""
        x = _features(first, second)
        variance = np.maximum(((x @ self.covariance) * x).sum(axis=1), 0.0)
        return self.reward(first) - self.reward(second), variance

    def information(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Bits (c,) that the answers to these comparisons are expected to tell, from 0 to 1."""
        p = _probabilities(*self.margins(first, second))
        return np.maximum(_entropy(p @ _MASS) - _entropy(p) @ _MASS, 0.0)

    def expecting(self, first: FloatArray, second: FloatArray) -> Belief:
        """The belief once one comparison of points (d,) is answered, whichever way.

        The mean stays, since it is not known which; the variance shrinks by as much as it will on
        average. So questions that are asked together do not all ask the same.
        """
        first, second = first[None], second[None]
        x = _features(first, second)[0]
        mean, variance = self.margins(first, second)
        p = _probabilities(mean, variance)[0]
        weight = float((p * (1 - p)) @ _MASS)
        moved = self.covariance @ x
        shrink = weight / (1.0 + weight * float(variance[0]))
        return replace(self, covariance=self.covariance - shrink * np.outer(moved, moved))


def _features(
    first: FloatArray, second: FloatArray, offset: FloatArray | None = None
) -> FloatArray:
    """Features (n, p) of comparisons, with margin = features @ coefficients."""
    curved = quadratic_features(first)
    curved -= quadratic_features(second)
    beside = np.zeros(len(first)) if offset is None else offset
    return np.concatenate(
        [
            INTERCEPT_SCALE * beside[:, None],
            WEIGHT_SCALE * (first - second),
            CURVATURE_SCALE * curved,
        ],
        axis=1,
    )


def _probabilities(mean: FloatArray, variance: FloatArray) -> FloatArray:
    """logistic(f) at the quadrature's points, (c, 21)."""
    return _logistic(mean[:, None] + np.sqrt(variance)[:, None] * _POINTS)


def _logistic(margin: FloatArray) -> FloatArray:
    found: FloatArray = 0.5 * (1.0 + np.tanh(0.5 * margin))
    return found


def _entropy(p: FloatArray) -> FloatArray:
    """Entropy in bits of a coin that falls heads with probability p."""
    p = np.clip(p, 1e-15, 1 - 1e-15)
    found: FloatArray = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return found
