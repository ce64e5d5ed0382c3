"""Many logistic regressions with Gaussian priors at once: their modes and Laplace evidences.

The objective is that of `logistic`, for B problems side by side, each with n rows; rows of weight 0
fill up the shorter ones. With unknowns u ~ N(0, I) and features X of unit prior variance

    f(u) = sum_i a_i [log(1 + exp(eta_i)) - y_i eta_i] + 1/2 u.u,     eta = X u + c.

A prior is what scales the columns of X; nothing here knows what they mean (`systems`).

A Newton step needs only the margins eta it starts from, whatever prior these were found under:
with b = D (eta - c) - a (p - y) it leads to u = H^-1 X' b, or alpha = (I + D K)^-1 b. So margins
are what is handed from one prior to the next.

Letters: B problems, n rows, p unknowns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from prefcli.solvers.systems import Dual, Index, Primal, dot

FloatArray = npt.NDArray[np.float64]

_EPSILON = float(np.finfo(np.float64).eps)
_MOST_ITERATIONS = 100


@dataclass(frozen=True, eq=False)
class Judged:
    """What was said of the rows of B problems.

    Args:
        target: y (B, n), in [0, 1].
        weight: a (B, n), >= 0; 0 for rows that only fill up.
        shift: c (B, n), logits.
    """

    target: FloatArray
    weight: FloatArray
    shift: FloatArray

    def take(self, index: Index) -> Judged:
        """Those of some problems, each once and in order."""
        if len(index) == len(self.target):
            return self
        return Judged(self.target[index], self.weight[index], self.shift[index])

    @cached_property
    def opposite(self) -> FloatArray:
        """1 - y."""
        return 1.0 - self.target

    def read(self, margin: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """At margins (B, n): surprise (B,), a (p - y) (B, n) and D (B, n), each with all digits."""
        tail = np.exp(-np.abs(margin))
        large = 1.0 / (1.0 + tail)
        small = tail * large
        surprise = np.log1p(tail) + np.maximum(margin, 0.0) - self.target * margin
        residual = np.where(margin > 0, self.opposite - small, small - self.target)
        residual *= self.weight
        large *= small
        large *= self.weight
        return dot(self.weight, surprise), residual, large

    @cached_property
    def beforehand(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """`read` at u = 0."""
        return self.read(self.shift)


@dataclass(frozen=True, eq=False)
class Modes:
    """Where each posterior is highest, and what is known there.

    Args:
        margin: eta (B, n).
        dual: alpha (B, n), with u = X' alpha at the mode.
        curving: D (B, n).
        log_evidence: Laplace approximation (B,), nats.
        iterations: Newton steps taken (B,).
        converged: Whether the gradient's norm met the tolerance (B,).
    """

    margin: FloatArray
    dual: FloatArray
    curving: FloatArray
    log_evidence: FloatArray
    iterations: Index
    converged: npt.NDArray[np.bool_]


def find_modes(
    system: Primal | Dual, judged: Judged, start: FloatArray | None, tolerance: float
) -> Modes:
    """Newton's method with backtracking, to gradient norms of `tolerance` (see `logistic`).

    Args:
        system: The features of the rows.
        judged: What was said of them.
        start: Margins (B, n) from which to step, say those of the mode under another prior; default
            those of u = 0.
        tolerance: On |grad f|, in units of the prior; what rounding puts out of reach when weights
            are huge is added to it.
    """
    bound = tolerance + 16 * _EPSILON * dot(judged.weight, system.lengths())
    unknown = system.nothing()
    dual = np.zeros_like(judged.target)
    margin = judged.shift
    loss, residual, curving = judged.beforehand
    steps = np.zeros(len(loss), dtype=np.intp)
    if start is not None:
        _, pull, bend = judged.read(start)
        pulled = bend * (start - margin) - pull
        reached = system.newton(bend, pulled)
        moved = system.margin(reached)
        new_loss, new_residual, new_curving = judged.read(moved + margin)
        new_loss += 0.5 * system.square(reached, moved)
        new_dual = system.dual(reached, bend * moved, pulled)
        new = [reached, new_dual, moved + margin, new_loss, new_residual, new_curving]
        better = new_loss <= loss
        if not better.all():  # a step led astray: from u = 0 instead
            old = [unknown, dual, margin, loss, residual, curving]
            new = [
                np.where(better if each.ndim == 1 else better[:, None], each, before)
                for each, before in zip(new, old, strict=True)
            ]
        unknown, dual, margin, loss, residual, curving = new
        steps += 1
    gradient, norm = system.gradient(unknown, margin - judged.shift, residual)
    active = np.flatnonzero(norm > bound)
    state = [unknown, dual, margin, loss, residual, curving, gradient, norm]
    if start is None:  # what is written to below is not to be `judged`'s own
        state = [each.copy() for each in state]
    while len(active) and steps.max() < _MOST_ITERATIONS:
        everyone = len(active) == len(loss)
        part = state if everyone else [each[active] for each in state]
        part = _step(system.take(active), judged.take(active), *part[:-1])
        if everyone:
            state = part
        else:
            for kept, found in zip(state, part, strict=True):
                kept[active] = found
        steps[active] += 1
        active = active[part[-1] > bound[active]]
    _, dual, margin, loss, _, curving, _, norm = state
    return Modes(
        margin=margin,
        dual=dual,
        curving=curving,
        log_evidence=-loss - 0.5 * system.log_determinant(curving),
        iterations=steps,
        converged=norm <= bound,
    )


def _step(
    system: Primal | Dual,
    judged: Judged,
    unknown: FloatArray,
    dual: FloatArray,
    margin: FloatArray,
    loss: FloatArray,
    residual: FloatArray,
    curving: FloatArray,
    gradient: FloatArray,
) -> list[FloatArray]:
    """One step down for each problem: the same things there, and the gradient's norm."""
    shift = judged.shift
    pulled = curving * (margin - shift) - residual
    full = system.newton(curving, pulled)
    step = full - unknown
    along = system.margin(step)
    turned = system.dual(full, curving * (margin + along - shift), pulled) - dual
    slope = system.slope(gradient, step, along)
    length = np.ones(len(loss))
    while True:
        there, new_margin = unknown + length[:, None] * step, margin + length[:, None] * along
        moved, new_residual, new_curving = judged.read(new_margin)
        moved += 0.5 * system.square(there, new_margin - shift)
        failing = moved > loss + 1e-4 * length * slope + 8 * _EPSILON * np.abs(loss)
        if not failing.any():
            break
        length[failing] *= 0.5
    new_gradient, norm = system.gradient(there, new_margin - shift, new_residual)
    reached = dual + length[:, None] * turned
    return [there, reached, new_margin, moved, new_residual, new_curving, new_gradient, norm]
