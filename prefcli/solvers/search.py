"""How strong and how curved each of many tastes is: prior scales weighed by evidence.

A candidate is a pair of prior scales (s1 of w, s2 of A; s2 = 0 is a linear taste) with the mode
found under it, weighed by its Laplace evidence and a weak prior. The search takes s1 from linear
fits, which cost next to nothing, then walks over s2 from each mode to the next, then lets s1
follow. Candidates are found loosely; the fit brings to convergence only the finalists, the best
linear and the best curved one.

All users go through the search in step. Whoever's walk has ended waits for the others: each step is
one batch of those who are still on their way.

Letters: B users, n rows, b of the users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prefcli.solvers.designs import Designs, part_scales
from prefcli.solvers.features import WEIGHT_SCALES, log_scale_prior
from prefcli.solvers.modes import Modes, find_modes
from prefcli.solvers.systems import Index

FloatArray = npt.NDArray[np.float64]

# A weak log-normal prior, as that of s1 (`features`).
_CURVATURE_CENTRE, _CURVATURE_WIDTH = 0.15, 1.2

# Nats in favour of a linear taste: 1 always, more while there are few judgements to tell by.
_LINEAR_BONUS, _LINEAR_BONUS_ROWS = 1.0, 60.0

_LOOSE = 0.1  # gradient norm at which evidence is known to a tenth of a nat
_HOPELESS = 4.0  # nats behind the best at which a walk stops
_PLAUSIBLE = 3.0  # nats behind the linear candidates at which a curved one is worth refining


@dataclass(frozen=True, eq=False)
class Best:
    """The best candidate of one kind for each user, and how much all of that kind weigh.

    Args:
        log_posterior: Of the best (B,), unnormalised; -inf where there is none.
        mass: The logarithm of the sum of all (B,).
        weight_scale, curvature_scale: s1 and s2 (B,).
        margin: eta (B, n) at the mode.
        dual: alpha (B, n) there.
    """

    log_posterior: FloatArray
    mass: FloatArray
    weight_scale: FloatArray
    curvature_scale: FloatArray
    margin: FloatArray
    dual: FloatArray

    @classmethod
    def none(cls, users: int, rows: int) -> Best:
        """Nothing found yet."""
        return cls(
            np.full(users, -np.inf),
            np.full(users, -np.inf),
            np.ones(users),
            np.zeros(users),
            np.zeros((users, rows)),
            np.zeros((users, rows)),
        )

    def add(self, index: Index, scales: FloatArray, log_posterior: FloatArray, at: Modes) -> None:
        """Take up one candidate for some users."""
        self.mass[index] = np.logaddexp(self.mass[index], log_posterior)
        better = log_posterior > self.log_posterior[index]
        users = index[better]
        self.log_posterior[users] = log_posterior[better]
        self.weight_scale[users] = scales[better, 1]
        if scales.shape[1] > 2:
            self.curvature_scale[users] = scales[better, 2]
        self.margin[users] = at.margin[better]
        self.dual[users] = at.dual[better]


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Args:
        linear, curved: The best of each kind.
        steps: Newton steps (B,).
    """

    linear: Best
    curved: Best
    steps: Index

    @property
    def mass(self) -> FloatArray:
        """The logarithm of the sum of all candidates' posteriors (B,)."""
        return np.logaddexp(self.linear.mass, self.curved.mass)

    def curved_share(self, negligible: float) -> FloatArray:
        """Posterior probability of a curved taste (B,); 0 or 1 where a kind hardly counts."""
        share: FloatArray = np.exp(self.curved.mass - self.mass)
        share[share < negligible] = 0.0
        share[share > 1 - negligible] = 1.0
        return share


class Search:
    """The candidates of one batch of users.

    Args:
        designs: Their rows.
        common: (B,) prior scale of w and log probability beforehand where that is all there is to
            w, as for what users have in common; default `WEIGHT_SCALES`.
    """

    def __init__(
        self, designs: Designs, common: tuple[FloatArray, FloatArray] | None = None
    ) -> None:
        users, rows = designs.offset.shape
        self.designs = designs
        self.common = common
        self.linear, self.curved = Best.none(users, rows), Best.none(users, rows)
        self.steps = np.zeros(users, dtype=np.intp)
        safe = np.where(designs.rows > 0, designs.rows, 1.0)
        few = np.where(designs.rows > 0, np.log(1 + _LINEAR_BONUS_ROWS / safe), 0.0)
        self._curved_prior = -_LINEAR_BONUS - few

    def explore(
        self,
        curvature_scales: Sequence[float],
        start: FloatArray | None = None,
        follow: bool = True,
    ) -> Found:
        """Candidates around the best prior scales.

        Args:
            curvature_scales: Values of s2 to try besides 0, ascending.
            start: Margins (B, n) from which to walk over s2, default the best linear ones.
            follow: Whether to look for a better s1 once s2 is known.
        """
        users = len(self.designs)
        weight_scales = (
            [np.full(users, scale) for scale in WEIGHT_SCALES]
            if self.common is None
            else [self.common[0]]
        )
        at: FloatArray | None = None
        active = np.arange(users)
        for scale in weight_scales:
            log_posterior, modes = self._try(active, scale[active], None, at)
            going = log_posterior >= self.linear.log_posterior[active] - _HOPELESS
            active, at = active[going], modes.margin[going]
            if not len(active):
                break
        at = (self.linear.margin if start is None else start).copy()
        active = np.arange(users)
        for curvature in curvature_scales:
            scale = self.linear.weight_scale[active]
            s2 = np.full(len(active), curvature)
            log_posterior, modes = self._try(active, scale, s2, at[active])
            at[active] = modes.margin
            best = np.maximum(self.linear.log_posterior[active], self.curved.log_posterior[active])
            active = active[log_posterior >= best - _HOPELESS]
            if not len(active):
                break
        if follow:
            self._follow()
        return Found(self.linear, self.curved, self.steps)

    def _follow(self) -> None:
        """Candidates with s1 raised for as long as that helps, or else lowered for as long.

        Up comes first: what curvature explains no longer has to be explained by noise.
        """
        worth = self.curved.log_posterior > self.linear.log_posterior - _PLAUSIBLE
        origin = np.flatnonzero(worth)
        place = np.searchsorted(WEIGHT_SCALES, self.curved.weight_scale[origin])
        s2 = self.curved.curvature_scale[origin]
        margin, reached = self.curved.margin[origin], self.curved.log_posterior[origin]
        moved = np.zeros(len(origin), dtype=bool)
        for side in (1, -1):
            walking = np.flatnonzero(~moved)  # places in `origin`
            at, last, there = place[walking], reached[walking], margin[walking]
            while True:
                inside = (at + side >= 0) & (at + side < len(WEIGHT_SCALES))
                walking, last, there = walking[inside], last[inside], there[inside]
                at = at[inside] + side
                if not len(walking):
                    break
                scale = np.array(WEIGHT_SCALES)[at]
                log_posterior, modes = self._try(origin[walking], scale, s2[walking], there)
                better = log_posterior >= last
                moved[walking[better]] = True
                walking, at = walking[better], at[better]
                last, there = log_posterior[better], modes.margin[better]

    def _try(
        self,
        index: Index,
        weight_scale: FloatArray,
        curvature_scale: FloatArray | None,
        start: FloatArray | None,
    ) -> tuple[FloatArray, Modes]:
        """One candidate of some users: its log posterior (b,) and its modes."""
        if self.common is None:
            log_prior = np.array([log_scale_prior(scale) for scale in weight_scale.tolist()])
        else:
            log_prior = self.common[1][index]
        if curvature_scale is not None:
            log_prior = log_prior + self._curved_prior[index]
            apart = np.log(curvature_scale / _CURVATURE_CENTRE) / _CURVATURE_WIDTH
            log_prior = log_prior - 0.5 * np.square(apart)
        scales = part_scales(weight_scale, curvature_scale)
        modes = self.settle(index, scales, start, _LOOSE)
        log_posterior = log_prior + modes.log_evidence
        kind = self.linear if curvature_scale is None else self.curved
        kind.add(index, scales, log_posterior, modes)
        self.steps[index] += modes.iterations
        return log_posterior, modes

    def settle(
        self, index: Index, scales: FloatArray, start: FloatArray | None, tolerance: float
    ) -> Modes:
        """The modes of some users under prior scales (b, J), to within `tolerance`."""
        system = self.designs.system(index, scales)
        return find_modes(system, self.designs.judged.take(index), start, tolerance)
