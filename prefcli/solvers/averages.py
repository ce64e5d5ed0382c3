"""From modes of many users to rewards, and their averages by probability.

At a mode with u = X' alpha the reward in the coordinates of its design is

    w = s1^2 sum_i alpha_i (z_i - z_i'),     A = -s2^2 sum_i alpha_i (z_i z_i^T - z_i' z_i'^T)

for rows that compare z_i with z_i'.

Letters: B users, b modes, n rows, d latent dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from prefcli.solvers.designs import Designs
from prefcli.solvers.features import INTERCEPT_SCALE
from prefcli.solvers.modes import Modes
from prefcli.solvers.reward import Reward
from prefcli.solvers.systems import Index

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Metric:
    """The coordinates in which priors of some users are isotropic.

    Args:
        root: S^1/2 (b, d, d).
        mean: (b, d) the prior mean of w.
    """

    root: FloatArray
    mean: FloatArray

    @classmethod
    def identity(cls, users: int, size: int) -> Metric:
        """Coordinates as they are."""
        return cls(np.tile(np.eye(size), (users, 1, 1)), np.zeros((users, size)))

    def take(self, index: Index) -> Metric:
        """Those of some of the users."""
        return Metric(self.root[index], self.mean[index])


def rewards_at(
    designs: Designs,
    metric: Metric,
    index: Index,
    dual: FloatArray,
    weight_scale: FloatArray,
    curvature_scale: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Rewards of some users' modes: w (b, d) and A (b, d, d).

    Args:
        designs: Rows in the coordinates of `metric`.
        metric: Of all users.
        index: Whose modes these are.
        dual: alpha (b, n).
        weight_scale, curvature_scale: Prior scales (b,); A is 0 where s2 is.
    """
    first, second = designs.first[index], designs.second[index]
    along = (dual[:, None, :] @ (first - second))[:, 0] * np.square(weight_scale)[:, None]
    root = metric.root[index]
    weight = metric.mean[index] + (root @ along[..., None])[..., 0]
    if not curvature_scale.any():
        return weight, np.zeros_like(root)
    pulled = dual[..., None]
    inner = second.transpose(0, 2, 1) @ (pulled * second)
    inner -= first.transpose(0, 2, 1) @ (pulled * first)
    inner *= np.square(curvature_scale)[:, None, None]
    curvature = root @ inner @ root
    return weight, 0.5 * (curvature + curvature.transpose(0, 2, 1))


@dataclass(eq=False)
class Average:
    """Rewards of many users, each the average of several modes.

    Args:
        users: B.
        size: d.
    """

    users: int
    size: int
    _owner: list[Index] = field(default_factory=list)
    _columns: list[tuple[npt.NDArray[Any], ...]] = field(default_factory=list)

    def add(
        self,
        owner: Index,
        share: FloatArray,
        reward: tuple[FloatArray, FloatArray],
        intercept: FloatArray,
        covariance: FloatArray,
        scales: tuple[FloatArray, FloatArray],
        modes: Modes,
    ) -> None:
        """Take up one mode of some users (b).

        Args:
            owner: Whose.
            share: Its probability.
            reward: w and A.
            intercept: Of the thumbs.
            covariance: (b, d, d) of w.
            scales: s1 and s2.
            modes: What was found there.
        """
        self._owner.append(owner)
        self._columns.append(
            (
                share,
                *reward,
                intercept,
                covariance,
                *scales,
                modes.log_evidence,
                modes.iterations,
                modes.converged,
            )
        )

    def rewards(self, population: FloatArray, steps: Index) -> list[Reward]:
        """Everybody's average.

        Args:
            population: Posterior probability of the prior over users (B,).
            steps: Newton steps before (B,).
        """
        owner = np.concatenate(self._owner)
        columns = [np.concatenate(each) for each in zip(*self._columns, strict=True)]
        share, w, a, b, spread, s1, s2, log_evidence, iterations, converged = columns
        weight = self._sum(owner, share[:, None] * w)
        curvature = self._sum(owner, share[:, None, None] * a)
        apart = w - weight[owner]
        spread = spread + apart[:, :, None] * apart[:, None, :]
        covariance = self._sum(owner, share[:, None, None] * spread)
        intercept = self._sum(owner, share * b)
        curved = self._sum(owner, share * (s2 > 0))
        taken = steps + self._sum(owner, iterations)
        failed = self._sum(owner, ~converged)
        # The likeliest mode of each, the first of several.
        order = np.lexsort((-share, owner))
        _, place = np.unique(owner[order], return_index=True)
        likeliest = order[place]
        return [
            Reward(
                weight=weight[user],
                curvature=curvature[user],
                intercept=float(intercept[user]),
                covariance=covariance[user],
                log_evidence=float(log_evidence[mode]),
                weight_scale=float(s1[mode]),
                curvature_scale=float(s2[mode]),
                curved=float(curved[user]),
                population=float(population[user]),
                iterations=int(taken[user]),
                converged=not failed[user],
            )
            for user, mode in enumerate(likeliest.tolist())
        ]

    def _sum(self, owner: Index, values: FloatArray) -> FloatArray:
        """The values (b, ...) added up by user (B, ...)."""
        total = np.zeros((self.users, *values.shape[1:]))
        np.add.at(total, owner, values)
        return total


def intercepts(designs: Designs, index: Index, dual: FloatArray) -> FloatArray:
    """The thumbs' intercepts (b,) at some users' modes."""
    found: FloatArray = INTERCEPT_SCALE**2 * np.einsum("bn,bn->b", designs.offset[index], dual)
    return found
