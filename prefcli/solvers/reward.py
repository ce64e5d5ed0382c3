"""A user's reward over the latent space, and where in it to generate.

Letters: n points, d latent dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prefcli.errors import DataError
from prefcli.solvers.trust_region import maximise_in_ball

FloatArray = npt.NDArray[np.float64]

# Coefficients below this are what rounding leaves of a reward that is zero: a reward of 1e-6
# changes no choice between two answers by more than a millionth.
_ZERO = 1e-6


@dataclass(frozen=True, eq=False)
class Reward:
    """r(z) = w.z - 1/2 z'Az in whitened coordinates, in logits, and how it was found.

    Args:
        weight: w (d,).
        curvature: A (d, d), symmetric, of any signature; zero for a linear taste.
        intercept: What the user adds to r when judging an answer alone, in logits.
        covariance: (d, d) posterior covariance of w.
        log_evidence: Laplace log evidence of the likeliest prior, nats.
        weight_scale: Prior scale s1 of the likeliest prior.
        curvature_scale: Prior scale s2 of the likeliest prior, 0 for a linear taste.
        curved: Posterior probability that the taste is not linear.
        population: Posterior probability of the prior over users; 0 where none was known.
        iterations: Newton steps taken in all.
        converged: Whether every mode met the gradient tolerance.
    """

    weight: FloatArray
    curvature: FloatArray
    intercept: float
    covariance: FloatArray
    log_evidence: float
    weight_scale: float
    curvature_scale: float
    curved: float
    iterations: int
    converged: bool
    population: float = 0.0

    def __call__(self, z: FloatArray) -> FloatArray:
        """Rewards (n,) of points (n, d), in logits."""
        rewards: FloatArray = z @ self.weight - 0.5 * ((z @ self.curvature) * z).sum(axis=1)
        return rewards

    @property
    def is_flat(self) -> bool:
        """Whether every answer is as good as any other: no feedback, or only ties."""
        return float(np.abs(self.weight).max(initial=0.0)) <= _ZERO and (
            float(np.abs(self.curvature).max(initial=0.0)) <= _ZERO
        )


def best_point(reward: Reward, radius: float) -> FloatArray:
    """The z (d,) of highest reward within `radius` of the origin, exactly.

    Raises:
        DataError: the radius is negative or not finite.
    """
    return maximise_in_ball(reward.weight, reward.curvature, radius)


def point_at_strength(reward: Reward, strength: float, rho: float) -> FloatArray | None:
    """The z (d,) to generate with, or None for no prefix at all.

    Strength 1 is the best point within the space's reach rho. Below, the ball shrinks in
    proportion to that point's distance, so that a taste satisfied at |z| = 1 moves from the first
    percent on and not only below 1 / rho; above, it grows beyond the space's reach. A linear taste
    gives strength * rho * w / |w|.

    Args:
        reward: The reward.
        strength: At least 0; 0 is the base itself.
        rho: The space's reach, in standard deviations of the base's own answers.

    Raises:
        DataError: strength or rho is negative or not finite.
    """
    if not (np.isfinite(strength) and strength >= 0):
        raise DataError(f"strength is {strength}, expected a finite number of at least 0")
    if strength == 0 or reward.is_flat:
        return None
    if strength > 1:
        return best_point(reward, strength * rho)
    full = best_point(reward, rho)
    return full if strength == 1 else best_point(reward, strength * float(np.linalg.norm(full)))
