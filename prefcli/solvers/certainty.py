"""How well a taste is known, and how much more would have to be said to know it well.

The measure is the correlation, over the base's own answers, of the reward that was fitted with the
one that the person has; for a linear taste it is the cosine between two directions. Nobody knows
the latter, but the posterior says what it may be. m more rows raise the Hessian, in units of the
prior, from H to

    H_m = H + m G,    G = (F + d F_0 / n) / (n + d),    F = H - I,

where G is what a row to come will tell: what the rows there were told on the average, but few rows
lie in few directions, so d rows of no direction count beside them (F_0 is F spread evenly over the
linear coefficients, and over the others). The mode found then is not known either: by what is
believed now it is drawn from N(u, H^-1 - H_m^-1), and the truth from N(that mode, H_m^-1), so that
both together are drawn from N(u, H^-1) as they must be.

Where a fit averages several rewards, what each expects of itself is averaged.

Letters: n rows, S draws, p coefficients, d latent dimensions, D = d + d^2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prefcli.solvers.influence import Part, Posterior

FloatArray = npt.NDArray[np.float64]

# Of two of the base's own answers the better one is found with probability 1 - arccos(c) / pi:
# 0.86 of the time at a correlation of 0.9, 0.77 at 0.75, 0.67 at 0.5.
SURE = 0.9
GRADES = ((SURE, "sure"), (0.75, "fairly sure"), (0.5, "a rough idea"))
MOST_TIMES = 32.0  # times the rows there are; what takes more than that is not foreseen
_DRAWS = 256
_STEPS = 7  # of bisection, on the logarithm


@dataclass(frozen=True)
class Certainty:
    """How well the reward is known.

    Args:
        now: Expected correlation with the true reward.
        doubled: The same with twice the rows.
        goal: The next of the `GRADES`, or the best one.
        times: How many times the rows there are would reach it; None if more than `MOST_TIMES`.
    """

    now: float
    doubled: float
    goal: float
    times: float | None


def certainty(known: Posterior, seed: int = 0) -> Certainty:
    """How well a posterior knows the reward, and would with more rows like those there are."""
    size = max((part.rewards.shape[0] for part in known.parts), default=0)
    normal = np.random.default_rng(seed).standard_normal((2, _DRAWS, size))
    rows = len(known.target)
    foreseen = [(part.share, _Foreseen(part, rows, normal)) for part in known.parts]

    def expected(times: float) -> float:
        return sum(share * correlation(times) for share, correlation in foreseen)

    now = expected(1.0)
    goal = min((least for least, _ in GRADES if least > now), default=SURE)
    return Certainty(now, expected(2.0), goal, _times(expected, now, goal))


def ranked_right(correlation: float) -> float:
    """How often two of the base's own answers come out in the right order."""
    return float(1 - np.arccos(np.clip(correlation, -1.0, 1.0)) / np.pi)


class _Foreseen:
    """One part's expected correlation, as a function of how many times the rows there are."""

    def __init__(self, part: Part, rows: int, normal: FloatArray) -> None:
        told = part.mode.hessian - np.eye(len(part.mode.hessian))  # F (p, p)
        size = round((np.sqrt(1 + 4 * part.rewards.shape[1]) - 1) / 2)
        even = np.zeros(len(told))
        linear = np.abs(part.rewards[:, :size]).any(axis=1)
        for block in (linear, np.abs(part.rewards[:, size:]).any(axis=1)):
            if block.any():
                even[block] = np.diag(told)[block].mean()
        later = (rows * told + size * np.diag(even)) / (rows + size)  # n G
        # H^-1 = B B', and (H + m G)^-1 = B diag(1 / (1 + m g / n)) B'.
        inverse = np.linalg.inv(np.linalg.cholesky(part.mode.hessian))
        values, vectors = np.linalg.eigh(inverse @ later @ inverse.T)
        self._values = np.maximum(values, 0.0)  # g (p,)
        self._rewards = ((vectors.T @ inverse) * part.mode.scale) @ part.rewards  # (p, D)
        self._mode = part.reward
        self._late, self._left = normal[:, :, : len(values)]  # (S, p) each

    def __call__(self, times: float) -> float:
        left = 1 / (1 + (times - 1) * self._values)
        found = self._mode + (self._late * np.sqrt(1 - left)) @ self._rewards  # (S, D)
        true = found + (self._left * np.sqrt(left)) @ self._rewards
        lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(true, axis=1)
        products = np.einsum("sd,sd->s", found, true)
        return float(
            np.divide(products, lengths, out=np.zeros(len(products)), where=lengths > 0).mean()
        )


def _times(expected: Callable[[float], float], now: float, goal: float) -> float | None:
    """Where the expectation, which rises with the rows, reaches a goal."""
    if now >= goal:
        return 1.0
    if expected(MOST_TIMES) < goal:
        return None
    low, high = 0.0, float(np.log2(MOST_TIMES))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if expected(2**middle) >= goal else (middle, high)
    return float(2**high)


def draw_rewards(known: Posterior, count: int, seed: int = 0) -> FloatArray:
    """Rewards (S, D) that the true one may be, as `reward_vector`, drawn from a posterior."""
    rng = np.random.default_rng(seed)
    shares = np.array([part.share for part in known.parts])
    counts = rng.multinomial(count, shares / shares.sum())
    found = []
    for part, number in zip(known.parts, counts, strict=True):
        values, vectors = np.linalg.eigh(part.mode.hessian)
        normal = rng.standard_normal((number, len(values))) / np.sqrt(np.maximum(values, 1.0))
        found.append(part.reward + (normal @ vectors.T * part.mode.scale) @ part.rewards)
    return np.concatenate(found)


def as_reward(vector: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    """The w (d,) and A (d, d) of a reward vector (D,)."""
    return vector[:size], vector[size:].reshape(size, size) * np.sqrt(2)


def grade(correlation: float) -> str:
    """An expected correlation in words."""
    for least, words in GRADES:
        if correlation >= least:
            return words
    return "hardly anything yet"
