"""Logistic regression with a Gaussian prior: the mode, certified, and its Laplace evidence.

One user's, with the whole Hessian; `modes` finds those of many at once.

With features x_i, prior standard deviations s, theta = s * u (elementwise) and u ~ N(0, I):

    f(u) = sum_i a_i [log(1 + exp(eta_i)) - y_i eta_i] + 1/2 u.u,     eta = X (s * u) + c

where c is what is known of each row beforehand: the share of a prior mean that is not zero.

f is strongly convex with modulus 1 whatever the rows, so |grad f(u)| bounds the distance from u to
the only minimum in units of prior standard deviations: the gradient norm is a certificate. The
Laplace evidence (MacKay, "The evidence framework applied to classification networks", 1992) is

    log Z = -f(u*) - 1/2 log det H(u*),     H = I + diag(s) X' diag(a p (1 - p)) X diag(s)

where the prior's normaliser and the Gaussian integral's powers of 2 pi cancel.

Letters: n rows, p features.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Design:
    """The rows of a logistic regression.

    Args:
        features: X (n, p).
        target: y (n,), in [0, 1].
        weight: a (n,), >= 0.
        shift: c (n,), logits. Default 0.
    """

    features: FloatArray
    target: FloatArray
    weight: FloatArray
    shift: FloatArray = field(default_factory=lambda: np.zeros(()))


@dataclass(frozen=True, eq=False)
class Mode:
    """Where the posterior is highest, and what is known around it.

    Args:
        theta: (p,) the coefficients.
        scale: (p,) the prior standard deviations they were found under.
        hessian: (p, p) H at the mode, in units of the prior.
        log_evidence: Laplace approximation, nats.
        iterations: Newton steps taken.
        converged: Whether the gradient's norm met the tolerance.
    """

    theta: FloatArray
    scale: FloatArray
    hessian: FloatArray
    log_evidence: float
    iterations: int
    converged: bool

    def covariance(self, block: slice) -> FloatArray:
        """Laplace covariance of theta[block], the other coefficients integrated out."""
        columns = np.eye(len(self.theta))[:, block]
        inverse = np.linalg.solve(self.hessian, columns)[block]
        scale = self.scale[block]
        covariance: FloatArray = scale[:, None] * (0.5 * (inverse + inverse.T)) * scale
        return covariance


def find_mode(
    design: Design,
    scale: FloatArray,
    start: Mode | FloatArray | None = None,
    tolerance: float = 1e-8,
    max_iterations: int = 100,
) -> Mode:
    """Newton's method with backtracking, to a gradient norm of `tolerance`.

    Args:
        design: The rows.
        scale: (p,) prior standard deviations, > 0.
        start: Coefficients (p,) to start from, default 0; or the mode of the same design under
            another prior, whose Hessian then serves for the first step.
        tolerance: On |grad f|, in units of the prior; what rounding puts out of reach when
            weights are huge is added to it.
        max_iterations: Newton steps at most.
    """
    x = design.features * scale  # (n, p)
    lengths = np.sqrt(np.einsum("np,np->n", x, x))
    tolerance += 16 * _EPSILON * float(design.weight @ lengths)
    hessian: FloatArray | None = None
    if isinstance(start, Mode):
        ratio = scale / start.scale
        hessian = ratio[:, None] * start.hessian * ratio
        hessian.flat[:: len(scale) + 1] += 1.0 - ratio * ratio
        start = start.theta
    u = np.zeros(len(scale)) if start is None else start / scale
    eta = x @ u + design.shift
    loss = _loss(design, eta, u)
    iteration = 0
    while True:
        p, rest = _logistic(eta)
        residual = design.weight * ((1 - design.target) * p - design.target * rest)  # a (p - y)
        gradient = x.T @ residual + u
        if hessian is None:
            half = np.sqrt(design.weight * p * rest)[:, None] * x
            hessian = half.T @ half  # (p, p)
            hessian.flat[:: len(u) + 1] += 1.0
        converged = bool(np.linalg.norm(gradient) <= tolerance)
        if converged or iteration == max_iterations:
            break
        direction = -np.linalg.solve(hessian, gradient)
        slope = float(gradient @ direction)
        along = x @ direction
        step = 1.0
        moved = _loss(design, eta + along, u + direction)
        while moved > loss + 1e-4 * step * slope + 8 * _EPSILON * abs(loss):
            step *= 0.5
            moved = _loss(design, eta + step * along, u + step * direction)
        u, eta, loss = u + step * direction, eta + step * along, moved
        hessian = None
        iteration += 1
    log_determinant = 2 * float(np.log(np.diag(np.linalg.cholesky(hessian))).sum())
    return Mode(scale * u, scale, hessian, -loss - 0.5 * log_determinant, iteration, converged)


def _logistic(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The logistic function p and 1 - p, each with all its digits."""
    tail = np.exp(-np.abs(eta))
    large = 1.0 / (1.0 + tail)
    small = tail * large
    return np.where(eta > 0, large, small), np.where(eta > 0, small, large)


def _loss(design: Design, eta: FloatArray, u: FloatArray) -> float:
    """The objective f, without cancellation where eta is large and the target certain."""
    wrong = np.where(eta > 0, 1 - design.target, design.target)
    surprise = np.log1p(np.exp(-np.abs(eta))) + wrong * np.abs(eta)
    return float(design.weight @ surprise + 0.5 * (u @ u))
