"""Means over users, seeds and prompts, and how sure they are.

A cell holds one number per prompt (how many of the base's answers it beats). Two methods are
compared on the cells that both have, prompt by prompt, so that what a prompt or a draw of pairs
does to both cancels: the paired bootstrap (Efron and Tibshirani 1993, chapter 8). Users are the
task's own and stay; seeds are drawn again, and within them prompts.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Cell = Mapping[str, Any]
RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean with the bounds of its interval, and how many cells it is of."""

    mean: float
    low: float
    high: float
    cells: int


def select(cells: Iterable[Cell], **wanted: Any) -> list[Cell]:
    """The cells that have these values."""
    return [c for c in cells if all(c[name] == value for name, value in wanted.items())]


def win_rate(cells: Sequence[Cell]) -> Estimate | None:
    """Mean win rate over users, seeds and prompts; None without cells."""
    if not cells:
        return None
    return _estimate([(c["user"], np.array(c["wins"])) for c in cells])


def difference(ours: Sequence[Cell], theirs: Sequence[Cell]) -> Estimate | None:
    """Mean win rate of one less that of another, on what both have; None if that is nothing."""
    other = {(c["user"], c["seed"], c["size"]): c for c in theirs}
    paired = []
    for c in ours:
        match = other.get((c["user"], c["seed"], c["size"]))
        if match is not None:
            paired.append((c["user"], np.array(c["wins"]) - np.array(match["wins"])))
    return _estimate(paired) if paired else None


def mean(cells: Sequence[Cell], name: str) -> float | None:
    """Mean of one field; None where no cell has it."""
    values = [c[name] for c in cells if c.get(name) is not None]
    return float(np.mean(values)) if values else None


def seconds(cells: Sequence[Cell], name: str) -> float | None:
    """Median CPU seconds of one part of the work."""
    values = [c["seconds"][name] for c in cells]
    return float(np.median(values)) if values else None


def ratio_interval(above: FloatArray, below: FloatArray) -> tuple[float, float, float]:
    """The ratio of two means of paired runs with its bootstrap interval."""
    rng = np.random.default_rng(0)
    index = rng.integers(len(above), size=(RESAMPLES, len(above)))
    drawn = above[index].mean(axis=1) / below[index].mean(axis=1)
    low, high = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(above.mean() / below.mean()), float(low), float(high)


def ranks(rows: Mapping[str, Sequence[float | None]]) -> dict[str, float | None]:
    """Mean rank of each method over columns, 1 the best; over columns without holes.

    Args:
        rows: By method, a win rate for every column.
    """
    names = list(rows)
    columns = [c for c in zip(*rows.values(), strict=True) if None not in c]
    if not columns:
        return dict.fromkeys(names)
    found = []
    for column in columns:
        values = np.array(column, dtype=np.float64)
        above = (values[None] > values[:, None]).sum(axis=1)
        equal = (values[None] == values[:, None]).sum(axis=1)
        found.append(above + (equal + 1) / 2)
    return {name: float(rank) for name, rank in zip(names, np.mean(found, axis=0), strict=True)}


def _estimate(units: Sequence[tuple[str, FloatArray]]) -> Estimate:
    by_user: dict[str, list[FloatArray]] = {}
    for user, values in units:
        by_user.setdefault(user, []).append(values)
    # The same cells give the same interval, whatever was looked at before.
    rng = np.random.default_rng(zlib.crc32(repr(sorted(by_user)).encode()))
    drawn = np.zeros(RESAMPLES)
    for runs in by_user.values():
        means = np.zeros(RESAMPLES)
        chosen = rng.integers(len(runs), size=(RESAMPLES, len(runs)))
        for place in range(len(runs)):
            for number, values in enumerate(runs):
                rows = np.flatnonzero(chosen[:, place] == number)
                index = rng.integers(len(values), size=(len(rows), len(values)))
                means[rows] += values[index].mean(axis=1)
        drawn += means / len(runs)
    low, high = np.quantile(drawn / len(by_user), ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    middle = np.mean([np.mean([v.mean() for v in runs]) for runs in by_user.values()])
    return Estimate(float(middle), float(low), float(high), len(units))
