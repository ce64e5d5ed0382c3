"""A policy p(z | x): where to generate, by prompt, as a profile keeps it.

Gaussian with diagonal covariance. Mean and log-variance are a linear map of a prompt's features,
kept to the few directions along which the user's own prompts differ in them, which is what lets it
lie in a few kilobytes whatever the number of features:

    (mean, log_var)(x) = level + outer (inner f(x) - centre)

`level` is where the average of the user's prompts leads. Without a prompt at hand that is what the
policy stands for.

A trained policy also is a reward, the implicit one of DPO, and for Gaussians it is quadratic:

    beta (log p(z | x) - log N(z; 0, I)) = w.z - 1/2 z'Az + a number,
    w = beta mean / variance,   A = beta diag(1 / variance - 1)

Letters: n prompts or points, d latent dimensions, F features, r rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prefcli.errors import DataError

FloatArray = npt.NDArray[np.float64]

HIGHEST_RANK = 8
MOST_NUMBERS = 2500  # in `outer` and `inner`: 10 KB
_ZERO = 1e-6  # a mean this short is what rounding leaves of none
# exp of more overflows; a policy is never that sharp or that wide.
_WIDEST = 30.0


@dataclass(frozen=True, eq=False)
class Policy:
    """p(z | x), in float64 with the precision of float32.

    Args:
        level: (2 d,) mean and log-variance at the average of the user's prompts.
        outer: (2 d, r).
        inner: (r, F).
        centre: (r,) `inner` times the average features.
    """

    level: FloatArray
    outer: FloatArray
    inner: FloatArray
    centre: FloatArray

    @classmethod
    def from_linear(cls, weight: FloatArray, bias: FloatArray, features: FloatArray) -> Policy:
        """The policy nearest to a linear map, over a user's prompts, that is small enough.

        Args:
            weight: (2 d, F).
            bias: (2 d,).
            features: (n, F) of the prompts; their order does not matter.
        """
        mean = features.mean(axis=0) if len(features) else np.zeros(weight.shape[1])
        varying = weight @ (features - mean).T  # (2 d, n)
        directions, sizes, _ = np.linalg.svd(varying, full_matrices=False)
        room = max(1, MOST_NUMBERS // sum(weight.shape))
        rank = min(HIGHEST_RANK, room, int((sizes > 1e-7 * sizes.max(initial=1.0)).sum()))
        outer = _single(directions[:, :rank])
        inner = _single(outer.T @ weight)
        return cls(_single(bias + weight @ mean), outer, inner, _single(inner @ mean))

    @property
    def size(self) -> int:
        """Number of latent dimensions d."""
        return len(self.level) // 2

    def moments(self, features: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Mean and log-variance for prompts (n, F), (n, d) each; (d,) each without a prompt.

        Raises:
            DataError: the features are not those of the policy's space.
        """
        level = self.level
        if features is not None:
            if features.shape[-1] != self.inner.shape[1]:
                raise DataError(
                    f"the policy reads {self.inner.shape[1]} features of a prompt, its space gives "
                    f"{features.shape[-1]}: fit the user again"
                )
            level = level + (features @ self.inner.T - self.centre) @ self.outer.T
        mean, log_var = np.split(level, 2, axis=-1)
        return mean, np.clip(log_var, -_WIDEST, _WIDEST)

    def latent(
        self, strength: float, rho: float, features: FloatArray | None = None
    ) -> FloatArray | None:
        """The z (d,) to generate with, or None for no prefix: the base itself.

        The policy's mean, brought back to the reach where it lies beyond, times the strength.

        Args:
            strength: At least 0; 0 is the base.
            rho: The space's reach, in standard deviations.
            features: (F,) of the prompt at hand; default the average of the user's prompts.

        Raises:
            DataError: strength or rho is negative or not finite.
        """
        for name, value in (("strength", strength), ("rho", rho)):
            if not (np.isfinite(value) and value >= 0):
                raise DataError(f"{name} is {value}, expected a finite number of at least 0")
        mean, _ = self.moments(features)
        length = float(np.linalg.norm(mean))
        if strength == 0 or length <= _ZERO:
            return None
        z: FloatArray = _single(strength * min(1.0, rho / length) * mean)
        return z

    def reward(self, beta: float) -> tuple[FloatArray, FloatArray]:
        """The implicit reward at the average of the user's prompts.

        Returns:
            w (d,) and A (d, d).
        """
        mean, log_var = self.moments()
        precision = np.exp(-log_var)
        return beta * mean * precision, beta * np.diag(precision - 1)

    def log_ratio(self, z: FloatArray, features: FloatArray) -> FloatArray:
        """How much likelier than under the prior points (n, d) are, each with its prompt (n, F).

        Returns:
            log p(z | x) - log N(z; 0, I), (n,).
        """
        mean, log_var = self.moments(features)
        ratio: FloatArray = 0.5 * (z**2 - log_var - (z - mean) ** 2 * np.exp(-log_var)).sum(axis=1)
        return ratio


def _single(array: FloatArray) -> FloatArray:
    """The array at float32 precision."""
    return array.astype(np.float32).astype(np.float64)
