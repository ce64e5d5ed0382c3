"""The quadratic reward as a linear model, in a metric of choice.

The prior over rewards r(z) = w.z - 1/2 z'Az is isotropic: w ~ N(0, s1^2 I), and A from the
Gaussian orthogonal ensemble of scale s2, A_ij ~ N(0, s2^2) off the diagonal and
A_ii ~ N(0, 2 s2^2) on it, which is the density exp(-|A|_F^2 / (4 s2^2)) on symmetric matrices.
With one coefficient of unit prior variance for each of the features

    s1 z_i,     s2 z_i^2 / sqrt(2),     s2 z_i z_j  (i < j)        (signs as in -1/2 z'Az)

two answers' rewards have exactly the covariance of the kernel

    k(z, z') = s1^2 z.z' + s2^2 (z.z')^2 / 2,

so nothing depends on how the coordinates of z are rotated.

In a metric S (symmetric, positive definite) the same prior holds for the coordinates S^1/2 z:
w ~ N(0, s1^2 S), and z.z' in the kernel becomes z'Sz'. Around a mean m, w ~ N(m, s1^2 S).

Letters: n rows, d latent dimensions, q = d (d + 1) / 2, k = min(n, q).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np
import numpy.typing as npt

from prefcli.solvers.logistic import Design, Mode
from prefcli.solvers.rows import Comparisons

FloatArray = npt.NDArray[np.float64]

WEIGHT_SCALES = (0.1, 0.2, 0.4, 0.8, 1.6)  # values of s1 that are tried
# A weak log-normal prior. One unit of z is one standard deviation of the base's own answers, and
# s1 = 0.4 in 16 dimensions tells two random answers apart by 2 logits.
_WEIGHT_CENTRE, _WEIGHT_WIDTH = 0.4, 1.0

INTERCEPT_SCALE = 2.0  # logits: an intercept of two of these is 98 % thumbs up (or down)


@lru_cache(maxsize=32)
def log_scale_prior(weight_scale: float) -> float:
    """Log probability of one of `WEIGHT_SCALES` beforehand."""
    each = [-0.5 * (log(s / _WEIGHT_CENTRE) / _WEIGHT_WIDTH) ** 2 for s in WEIGHT_SCALES]
    at = -0.5 * (log(weight_scale / _WEIGHT_CENTRE) / _WEIGHT_WIDTH) ** 2
    return at - float(np.logaddexp.reduce(each))


@lru_cache(maxsize=8)
def _upper_triangle(size: int) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Where z_i z_j with i <= j lies in a flattened (d, d) matrix, and its factor, both (q,)."""
    i, j = np.triu_indices(size)
    return i * size + j, np.where(i == j, np.sqrt(0.5), 1.0)


def quadratic_features(z: FloatArray) -> FloatArray:
    """Features (n, q) of points (n, d), with -1/2 z'Az = features @ coefficients."""
    rows, size = z.shape
    features = np.empty((rows, size * (size + 1) // 2))
    at = 0
    for i in range(size):  # the upper triangle row by row, without the (n, d, d) products
        np.multiply(z[:, i:], -z[:, i : i + 1], out=features[:, at : at + size - i])
        features[:, at] *= np.sqrt(0.5)
        at += size - i
    return features


def curvature_matrix(coefficients: FloatArray, size: int) -> FloatArray:
    """The symmetric A (d, d) that coefficients (q,) stand for."""
    entry, factor = _upper_triangle(size)
    half = np.zeros(size * size)
    half[entry] = coefficients * factor
    upper = half.reshape(size, size)
    return upper + upper.T


@dataclass(frozen=True, eq=False)
class Model:
    """The rows as two nested designs, and the way back from coefficients to a reward.

    Columns: the thumbs' offset if there are thumbs, d linear ones, k quadratic ones. With fewer
    rows than quadratic features those are rotated onto the span of the rows (k = n), which loses
    nothing under an isotropic prior: a Gaussian prior's mode lies in that span.

    Args:
        linear: The design without the quadratic columns.
        quadratic: The design with them.
        root: (d, d) S^1/2.
        mean: (d,) m.
        span: (q, k) orthonormal columns, or None for the identity.
        offsets: Number of offset columns, 0 or 1.
    """

    linear: Design
    quadratic: Design
    root: FloatArray
    mean: FloatArray
    span: FloatArray | None
    offsets: int

    @property
    def size(self) -> int:
        """Number of latent dimensions d."""
        return len(self.root)

    def design(self, curved: bool) -> Design:
        """The design with or without the quadratic columns."""
        return self.quadratic if curved else self.linear

    def prior_scale(self, weight_scale: float, curvature_scale: float) -> FloatArray:
        """Prior standard deviation of each coefficient; no quadratic ones when s2 is 0."""
        columns = self.quadratic.features.shape[1] - self.offsets - self.size
        return np.concatenate(
            [
                np.full(self.offsets, INTERCEPT_SCALE),
                np.full(self.size, weight_scale),
                np.full(columns if curvature_scale > 0 else 0, curvature_scale),
            ]
        )

    def reward(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Coefficients as w (d,), A (d, d) and the intercept."""
        start, stop = self.offsets, self.offsets + self.size
        weight = self.mean + self.root @ theta[start:stop]
        intercept = float(theta[0]) if self.offsets else 0.0
        if len(theta) == stop:
            return weight, np.zeros((self.size, self.size)), intercept
        coefficients = theta[stop:] if self.span is None else self.span @ theta[stop:]
        curvature = self.root @ curvature_matrix(coefficients, self.size) @ self.root
        return weight, 0.5 * (curvature + curvature.T), intercept

    def coefficients(self, weight: FloatArray, curvature: FloatArray) -> FloatArray:
        """Coefficients (p,) of a reward with intercept 0, as near as the span allows."""
        linear = np.linalg.solve(self.root, weight - self.mean)
        half = np.linalg.solve(self.root, curvature)
        entry, factor = _upper_triangle(self.size)
        quadratic = np.linalg.solve(self.root, half.T).ravel()[entry] * factor
        if self.span is not None:
            quadratic = self.span.T @ quadratic
        return np.concatenate([np.zeros(self.offsets), linear, quadratic])

    def weight_covariance(self, mode: Mode) -> FloatArray:
        """The posterior covariance of w (d, d)."""
        block = slice(self.offsets, self.offsets + self.size)
        return self.root @ mode.covariance(block) @ self.root


def build_model(rows: Comparisons, root: FloatArray, mean: FloatArray | None = None) -> Model:
    """The designs of these rows in the metric S = root @ root, around a mean (d,), default 0."""
    mean = np.zeros(len(root)) if mean is None else mean
    first, second = rows.first @ root, rows.second @ root
    curved = quadratic_features(first)  # (n, q)
    curved -= quadratic_features(second)
    span = None
    if len(curved) < curved.shape[1]:
        span, upper = np.linalg.qr(curved.T)  # (q, n), (n, n)
        curved = upper.T
    offset = rows.offset[:, None] if rows.offset.any() else rows.offset[:, None][:, :0]
    linear = np.concatenate([offset, first - second], axis=1)
    shift = (rows.first - rows.second) @ mean
    both = np.concatenate([linear, curved], axis=1)
    return Model(
        linear=Design(linear, rows.target, rows.weight, shift),
        quadratic=Design(both, rows.target, rows.weight, shift),
        root=root,
        mean=mean,
        span=span,
        offsets=offset.shape[1],
    )
