"""What is solved for many users at once: the features of their rows, or the kernels of these.

With fewer rows than unknowns u = X' alpha loses nothing (Rasmussen & Williams, "Gaussian Processes
for Machine Learning", 2006, section 3.4), and X enters only by its kernel K = X X':

    Primal    u (p,)        H = I + X' D X            D = diag(a p (1 - p))
    Dual      alpha (n,)    B = I + D^1/2 K D^1/2     det B = det H

`modes` says what is solved, and how.

Letters: B problems, n rows, p unknowns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Primal:
    """Unknowns u (B, p).

    Args:
        features: X (B, n, p), of unit prior variance.
    """

    features: FloatArray

    def take(self, index: Index) -> Primal:
        """That of some problems."""
        return self if len(index) == len(self.features) else Primal(self.features[index])

    def nothing(self) -> FloatArray:
        """The unknowns u = 0 (B, p)."""
        return np.zeros((len(self.features), self.features.shape[2]))

    def margin(self, unknown: FloatArray) -> FloatArray:
        """X u (B, n)."""
        return _times(self.features, unknown)

    def square(self, unknown: FloatArray, margin: FloatArray) -> FloatArray:  # noqa: ARG002
        """The prior's share of f, twice: u.u (B,)."""
        return dot(unknown, unknown)

    def gradient(
        self,
        unknown: FloatArray,
        margin: FloatArray,  # noqa: ARG002
        residual: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """The gradient (B, p), and its norm (B,)."""
        found = _transposed_times(self.features, residual) + unknown
        return found, np.sqrt(dot(found, found))

    def slope(self, gradient: FloatArray, step: FloatArray, along: FloatArray) -> FloatArray:  # noqa: ARG002
        """How steeply f falls along a step (B,)."""
        return dot(gradient, step)

    def newton(self, curving: FloatArray, pulled: FloatArray) -> FloatArray:
        """H^-1 X' b (B, p)."""
        right = _transposed_times(self.features, pulled)
        return _solve(self._hessian(curving), right)

    def dual(self, unknown: FloatArray, moved: FloatArray, pulled: FloatArray) -> FloatArray:  # noqa: ARG002
        """What alpha is after a Newton step (B, n): b - D X u."""
        return pulled - moved

    def log_determinant(self, curving: FloatArray) -> FloatArray:
        """The logarithm of det H (B,)."""
        return _log_determinants(self._hessian(curving))

    def lengths(self) -> FloatArray:
        """Of each row of X (B, n)."""
        found: FloatArray = np.sqrt(np.einsum("bnp,bnp->bn", self.features, self.features))
        return found

    def covariance(self, curving: FloatArray, block: slice, columns: FloatArray) -> FloatArray:  # noqa: ARG002
        """Laplace covariance of u[block], whose columns of X these are, (B, k, k)."""
        inverse: FloatArray = np.linalg.inv(self._hessian(curving)).astype(np.float64, copy=False)
        return inverse[:, block, block]

    def _hessian(self, curving: FloatArray) -> FloatArray:
        half = self.features * np.sqrt(curving)[..., None]
        return _plus_identity(half.transpose(0, 2, 1) @ half)


@dataclass(frozen=True, eq=False)
class Dual:
    """Unknowns alpha (B, n), with u = X' alpha.

    Args:
        kernel: K (B, n, n).
    """

    kernel: FloatArray

    def take(self, index: Index) -> Dual:
        """That of some problems."""
        return self if len(index) == len(self.kernel) else Dual(self.kernel[index])

    def nothing(self) -> FloatArray:
        """The unknowns alpha = 0 (B, n)."""
        return np.zeros(self.kernel.shape[:2])

    def margin(self, unknown: FloatArray) -> FloatArray:
        """K alpha (B, n)."""
        return _times(self.kernel, unknown)

    def square(self, unknown: FloatArray, margin: FloatArray) -> FloatArray:
        """The prior's share of f, twice: u.u (B,)."""
        return dot(unknown, margin)

    def gradient(
        self, unknown: FloatArray, margin: FloatArray, residual: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """The v (B, n) with X'v the gradient, and the gradient's norm (B,)."""
        found = residual + unknown
        through = _times(self.kernel, residual) + margin  # K v
        return found, np.sqrt(np.maximum(dot(found, through), 0.0))

    def slope(self, gradient: FloatArray, step: FloatArray, along: FloatArray) -> FloatArray:  # noqa: ARG002
        """How steeply f falls along a step (B,)."""
        return dot(gradient, along)

    def newton(self, curving: FloatArray, pulled: FloatArray) -> FloatArray:
        """(I + D K)^-1 b = b - D^1/2 B^-1 D^1/2 K b (B, n)."""
        root = np.sqrt(curving)
        right = root * _times(self.kernel, pulled)
        inner = _solve(self._balanced(root), right)
        found: FloatArray = pulled - root * inner
        return found

    def dual(self, unknown: FloatArray, moved: FloatArray, pulled: FloatArray) -> FloatArray:  # noqa: ARG002
        """What alpha is after a Newton step (B, n)."""
        return unknown

    def log_determinant(self, curving: FloatArray) -> FloatArray:
        """The logarithm of det B = det H (B,)."""
        return _log_determinants(self._balanced(np.sqrt(curving)))

    def lengths(self) -> FloatArray:
        """Of each row of X (B, n)."""
        found: FloatArray = np.sqrt(np.maximum(np.einsum("bnn->bn", self.kernel), 0.0))
        return found

    def covariance(self, curving: FloatArray, block: slice, columns: FloatArray) -> FloatArray:  # noqa: ARG002
        """I - C' D^1/2 B^-1 D^1/2 C (B, k, k) for the columns C (B, n, k) of X of some unknowns."""
        root = np.sqrt(curving)
        half = columns * root[..., None]
        told = half.transpose(0, 2, 1) @ np.linalg.solve(self._balanced(root), half)
        return _plus_identity(-told)

    def _balanced(self, root: FloatArray) -> FloatArray:
        """B (B, n, n), from D^1/2 (B, n)."""
        scaled = self.kernel * root[:, :, None]
        scaled *= root[:, None, :]
        return _plus_identity(scaled)


def _solve(matrices: FloatArray, right: FloatArray) -> FloatArray:
    """Solutions (B, m) of (B, m, m) for (B, m)."""
    return np.linalg.solve(matrices, right[..., None])[..., 0].astype(np.float64, copy=False)


def _log_determinants(matrices: FloatArray) -> FloatArray:
    """Of (B, m, m), the logarithms of their determinants' sizes (B,)."""
    found: FloatArray = np.linalg.slogdet(matrices)[1]
    return found


def _times(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """(B, m, n) by (B, n)."""
    found: FloatArray = (matrix @ vector[..., None])[..., 0]
    return found


def _transposed_times(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """(B, m, n) turned over, by (B, m)."""
    found: FloatArray = (vector[:, None, :] @ matrix)[:, 0]
    return found


def dot(one: FloatArray, other: FloatArray) -> FloatArray:
    """Scalar products (B,)."""
    found: FloatArray = np.einsum("bn,bn->b", one, other)
    return found


def _plus_identity(matrices: FloatArray) -> FloatArray:
    """Adds 1 to the diagonals, in place."""
    diagonal = np.einsum("bnn->bn", matrices)
    diagonal += 1.0
    return matrices
