"""Several tastes as one: the weighted sum of their rewards.

    r(z) = s sum_i a_i r_i(z) / s_i,    s_i^2 = |w_i|^2 + 1/2 tr(A_i^2),    s = sum_i a_i s_i

Rewards are in logits, and somebody who judged two hundred answers has a larger one than somebody
who judged five. Who said more is not to be heard louder than the shares a say, so each reward is
first divided by its standard deviation s_i over the base's own answers, z of mean 0 and covariance
I (for z normal, w.z has variance |w|^2 and z'Az / 2 has tr(A^2) / 2). The shares add to 1, and s
brings the sum back to logits. A reward that prefers nothing says nothing: the others decide.

The best point of a blend is found as any other's, within the same reach, so that a blend of two
opposite tastes in equal shares is nearly the base, and of two that have nothing to do with each
other half of both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from prefcli.errors import DataError
from prefcli.solvers.reward import FloatArray, Reward


def spread(reward: Reward) -> float:
    """Standard deviation of a reward over the base's own answers, in logits."""
    linear = float(reward.weight @ reward.weight)
    return math.sqrt(linear + 0.5 * float((reward.curvature * reward.curvature).sum()))


def blend(rewards: Sequence[Reward], shares: Sequence[float]) -> Reward:
    """The reward of several tastes.

    Args:
        rewards: In one space.
        shares: As many, positive; only their ratios count.

    Raises:
        DataError: a share is not positive and finite, or there is none.
    """
    if not shares or not all(math.isfinite(share) and share > 0 for share in shares):
        raise DataError(f"shares are {list(shares)}, expected positive numbers")
    total = math.fsum(shares)
    portions = [share / total for share in shares]
    spreads = [spread(reward) for reward in rewards]
    size = math.fsum(p * s for p, s in zip(portions, spreads, strict=True))
    factors = [p * size / s if s > 0 else 0.0 for p, s in zip(portions, spreads, strict=True)]
    parts = list(zip(factors, rewards, strict=True))
    return replace(
        rewards[0],
        weight=_sum(f * r.weight for f, r in parts),
        curvature=_sum(f * r.curvature for f, r in parts),
        covariance=_sum(f * f * r.covariance for f, r in parts),
        intercept=math.fsum(f * r.intercept for f, r in parts),
        # What a fit tells about itself, and a sum has not.
        log_evidence=0.0,
        weight_scale=0.0,
        curvature_scale=0.0,
        curved=max(r.curved for r in rewards),
        iterations=0,
        converged=all(r.converged for r in rewards),
    )


def _sum(arrays: Iterable[FloatArray]) -> FloatArray:
    total: FloatArray = np.add.reduce(list(arrays))
    return total
