"""The largest value of a quadratic over a ball, exactly, whatever its signature.

    maximise  g(z) = w.z - 1/2 z'Az   over |z| <= radius,   A symmetric, perhaps indefinite

Although g need not be concave, the global maximiser is known (Moré and Sorensen, "Computing a
trust region step", 1983; Conn, Gould and Toint, "Trust-region methods", 2000, section 7.3): z is
one if and only if some multiplier mu >= 0 has

    (A + mu I) z = w,   A + mu I positive semidefinite,   mu (radius - |z|) = 0.

One eigendecomposition turns this into a scalar equation |z(mu)| = radius, the secular equation.
The hard case is w orthogonal to the lowest eigenspace of an indefinite A: the equation may then
have no root, and the rest of the way goes along a lowest eigenvector, either way.

Letters: d latent dimensions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from prefcli.errors import DataError

FloatArray = npt.NDArray[np.float64]

_EPSILON = float(np.finfo(np.float64).eps)


def maximise_in_ball(weight: FloatArray, curvature: FloatArray, radius: float) -> FloatArray:
    """The z (d,) with the largest w.z - 1/2 z'Az among |z| <= radius.

    Where several are equally good: the shortest one; between z and its mirror image, the one
    whose component along the lowest eigenvector has that vector's largest entry positive.

    Args:
        weight: w (d,).
        curvature: A (d, d), symmetric.
        radius: In the units of z, finite, >= 0.

    Raises:
        DataError: the radius is negative or not finite.
    """
    if not (np.isfinite(radius) and radius >= 0):
        raise DataError(f"radius is {radius}, expected a finite number of at least 0")
    scale = max(float(np.abs(weight).max()), float(np.abs(curvature).max()) * radius)
    if radius == 0 or scale == 0:
        return np.zeros(len(weight))
    values, vectors = np.linalg.eigh(curvature * (radius / scale))  # the unit ball, of order 1
    return radius * (vectors @ _in_unit_ball(vectors.T @ (weight / scale), values, vectors))


def _in_unit_ball(linear: FloatArray, values: FloatArray, vectors: FloatArray) -> FloatArray:
    """Coordinates (d,) of the maximiser along `vectors`, for eigenvalues in ascending order."""
    rounding = 8 * len(values) * _EPSILON
    gaps = values - min(values[0], 0.0)  # A + mu I at the smallest mu that is allowed
    flat = gaps <= rounding
    if np.linalg.norm(linear[flat]) > rounding:
        return _on_unit_sphere(linear, gaps)
    z = np.where(flat, 0.0, linear / np.where(flat, 1.0, gaps))
    shortfall = 1.0 - float(z @ z)
    if shortfall < 0:
        return _on_unit_sphere(np.where(flat, 0.0, linear), gaps)
    if values[0] < -rounding:
        lowest = vectors[:, 0]
        sign = np.sign(lowest[np.argmax(np.abs(lowest))])
        z[0] = sign * np.sqrt(shortfall)
    return z


def _on_unit_sphere(linear: FloatArray, gaps: FloatArray) -> FloatArray:
    """Solve |linear / (gaps + shift)| = 1 for shift > 0; return linear / (gaps + shift) (d,).

    1 / |z(shift)| is concave and increasing, so Newton's method on 1 / |z| = 1 climbs to the root
    from any point left of it without ever stepping over. Solving for the distance from the
    smallest allowed multiplier, not for the multiplier, keeps all digits next to the hard case.
    """
    active = linear != 0
    c, gap = linear[active], gaps[active]
    shift = max(float((np.abs(c) - gap).max()), 0.0)  # left of the root: one |z_i| alone is >= 1
    for _ in range(100):
        z = c / (gap + shift)
        length = float(np.linalg.norm(z))
        if length <= 1 + 4 * _EPSILON:
            break
        step = (length - 1) * length**2 / float(z @ (z / (gap + shift)))
        if shift + step == shift:
            break
        shift += step
    solution = np.zeros_like(linear)
    solution[active] = z / length
    return solution
