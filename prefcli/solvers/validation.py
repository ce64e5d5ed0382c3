"""How often a fitted reward agrees with judgements, those it saw and those it did not.

A pair is right when the chosen answer has the higher reward, a thumb when reward plus intercept has
its sign. A draw counts half, ties in the feedback do not count, and each row counts by its weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prefcli.errors import DataError, UsageError
from prefcli.solvers.population import Component
from prefcli.solvers.quadratic import fit_rewards
from prefcli.solvers.reward import Reward
from prefcli.solvers.rows import Comparisons, Rows, compare

FloatArray = npt.NDArray[np.float64]
Groups = Sequence[str] | Sequence[int] | npt.NDArray[np.intp]

FEWEST_PROMPTS = 5
FEWEST_JUDGEMENTS = 10


@dataclass(frozen=True, eq=False)
class Heldout:
    """What fits that had not seen a row's prompt say of it; pairs first, then thumbs.

    Args:
        margin: (n + m,) difference in reward, or reward plus intercept, in logits.
        target: (n + m,) what was said: 1 where the margin should be above 0.
        weight: (n + m,) what a row counts for.
        group: (n + m,) number of the row's prompt.
        pairs: n.
    """

    margin: FloatArray
    target: FloatArray
    weight: FloatArray
    group: npt.NDArray[np.intp]
    pairs: int

    @property
    def accuracy(self) -> float:
        """Share of the judgements that were foretold."""
        right, total = _weigh(self.margin, self.target, self.weight)
        return right / total


def train_accuracy(reward: Reward, rows: Rows) -> float | None:
    """Share of the rows' judgements that the reward reproduces, None when there are none."""
    right, total = _count(reward, rows)
    return right / total if total > 0 else None


def heldout_accuracy(
    rows: Rows,
    pair_groups: Groups,
    thumb_groups: Groups,
    folds: int = 5,
    seed: int = 0,
    prior: Sequence[Component] = (),
) -> float | None:
    """Accuracy on prompts that the fit has not seen, over all folds together; see `hold_out`."""
    found = hold_out(rows, pair_groups, thumb_groups, folds, seed, prior)
    return None if found is None else found.accuracy


def hold_out(
    rows: Rows,
    pair_groups: Groups,
    thumb_groups: Groups,
    folds: int = 5,
    seed: int = 0,
    prior: Sequence[Component] = (),
) -> Heldout | None:
    """What is said of prompts that the fit has not seen, by cross-validation over prompts.

    All rows of a prompt fall in one fold, and the whole fit, choice of prior included, is done
    again without that fold. Deterministic, whatever the order of the rows.

    Args:
        rows: All judgements.
        pair_groups: (n,) the prompt of each pair.
        thumb_groups: (m,) the prompt of each thumb.
        folds: How many parts, at least 2; fewer when there are fewer prompts.
        seed: Deals the prompts out to folds.
        prior: As in `fit_reward`.

    Returns:
        The margin of every row, or None with fewer than 5 prompts or 10 judgements.

    Raises:
        DataError: the number of groups is not that of rows.
        UsageError: folds is below 2.
    """
    dealt = deal(rows, pair_groups, thumb_groups, folds, seed)
    if dealt is None:
        return None
    parts = dealt.parts()
    return dealt.heldout(fit_rewards(parts, rows.size, [prior] * len(parts)))


@dataclass(frozen=True, eq=False)
class Dealt:
    """A user's judgements dealt out to folds by their prompts.

    Args:
        rows: All judgements.
        group: (n + m,) number of each row's prompt.
        fold: (n + m,) number of each row's fold.
    """

    rows: Rows
    group: npt.NDArray[np.intp]
    fold: npt.NDArray[np.intp]

    def parts(self) -> list[Comparisons]:
        """What the fit without each fold works on."""
        masks = (np.split(self.fold != number, [len(self.rows.chosen)]) for number in self._numbers)
        return [compare(self.rows, pairs, thumbs) for pairs, thumbs in masks]

    def heldout(self, rewards: Sequence[Reward]) -> Heldout:
        """What the fits without each fold, in the order of `parts`, say of that fold."""
        rows = self.rows
        margin = np.empty(len(self.group))
        for number, reward in zip(self._numbers, rewards, strict=True):
            inside = self.fold == number
            pairs, thumbs = np.split(inside, [len(rows.chosen)])
            margin[inside] = np.concatenate(
                [
                    reward(rows.chosen[pairs]) - reward(rows.rejected[pairs]),
                    reward(rows.thumbs[thumbs]) + reward.intercept,
                ]
            )
        return Heldout(
            margin=margin,
            target=np.concatenate([rows.target, rows.label]),
            weight=np.concatenate([rows.weight, rows.thumb_weight]),
            group=self.group,
            pairs=len(rows.chosen),
        )

    @property
    def _numbers(self) -> range:
        return range(int(self.fold.max()) + 1)


def deal(
    rows: Rows, pair_groups: Groups, thumb_groups: Groups, folds: int = 5, seed: int = 0
) -> Dealt | None:
    """Deal a user's judgements out to folds, as `hold_out` does: for many users' fits at once.

    The arguments, and what is raised and None, are those of `hold_out`.
    """
    if folds < 2:
        raise UsageError(f"folds is {folds}, expected at least 2")
    for name, groups, count in (
        ("pair_groups", pair_groups, len(rows.chosen)),
        ("thumb_groups", thumb_groups, len(rows.thumbs)),
    ):
        if len(groups) != count:
            raise DataError(f"{name} has {len(groups)} entries, expected {count}, one per row")
    counts = np.concatenate(
        [_judges(rows.target, rows.weight), _judges(rows.label, rows.thumb_weight)]
    )
    names, group = np.unique([*pair_groups, *thumb_groups], return_inverse=True)
    if len(np.unique(group[counts])) < FEWEST_PROMPTS or counts.sum() < FEWEST_JUDGEMENTS:
        return None
    fold = _deal(np.bincount(group[counts], minlength=len(names)), folds, seed)[group]
    return Dealt(rows, group, fold)


def _deal(sizes: npt.NDArray[np.intp], folds: int, seed: int) -> npt.NDArray[np.intp]:
    """The fold of each group, (groups,): the largest first, each to the emptiest fold so far."""
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    fold = np.zeros(len(sizes), dtype=np.intp)
    filled = np.zeros(folds, dtype=np.intp)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        fold[group] = np.argmin(filled)
        filled[fold[group]] += sizes[group]
    return fold


def _judges(target: FloatArray, weight: FloatArray) -> npt.NDArray[np.bool_]:
    """Which rows (n,) say something that can be right or wrong."""
    says: npt.NDArray[np.bool_] = (target != 0.5) & (weight > 0)
    return says


def _count(reward: Reward, rows: Rows) -> tuple[float, float]:
    """Weight of the judgements reproduced, and of all judgements."""
    return _weigh(
        _margins(reward, rows),
        np.concatenate([rows.target, rows.label]),
        np.concatenate([rows.weight, rows.thumb_weight]),
    )


def _margins(reward: Reward, rows: Rows) -> FloatArray:
    """By how much each row's answer is preferred (n + m,), in logits."""
    return np.concatenate(
        [
            reward(rows.chosen) - reward(rows.rejected),
            reward(rows.thumbs) + reward.intercept,
        ]
    )


def _weigh(margin: FloatArray, target: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Weight of the judgements that the margins agree with, and of all judgements."""
    agreement = 0.5 + 0.5 * np.sign(margin) * np.sign(target - 0.5)
    judges = _judges(target, weight)
    return float(weight[judges] @ agreement[judges]), float(weight[judges].sum())
