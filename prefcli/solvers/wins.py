"""Who wins: a profile's answers against the base's, as a rate, its interval and a verdict.

A comparison is won, lost or even, and even ones count half, so that two sides that are alike stand
at one half. Comparisons on one prompt are not independent: the interval is clustered by prompt
(`solvers.learned.clustered_interval`).

A handful of comparisons shows nothing: below `FEWEST` there is no verdict. And not to have shown a
difference is not to have shown that there is none. "No better" needs an interval that stays below
`NOTICED`, the share of comparisons that a person would begin to notice; what is neither shown nor
ruled out is not known yet, and how much more would tell is found by asking the same interval what
it would be, had the same been seen on two, three, ... times as many prompts.

Letters: n comparisons, G prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from prefcli.errors import DataError
from prefcli.solvers.learned import FEWEST, clustered_interval

FloatArray = npt.NDArray[np.float64]
Verdict = Literal["better", "worse", "no better", "not known yet"]

EVEN = 0.5
NOTICED = 0.6
MOST_TIMES = 25  # so many times the prompts are still asked for; more is "very many"


@dataclass(frozen=True)
class Wins:
    """The outcome of comparisons.

    Args:
        wins, ties, losses: Of the profile, n together.
        rate: Wins and half of the ties, as a share of n.
        interval: Its 90 % interval, clustered by prompt.
        prompts: G.
        verdict: better or worse: the interval is on one side of a half; no better: it includes a
            half and stays below `NOTICED`; not known yet: else, and below `FEWEST` comparisons.
        more: About how many more prompts would tell, if they come out like these; None where that
            is known already, or it would take more than `MOST_TIMES` as many.
    """

    wins: int
    ties: int
    losses: int
    rate: float
    interval: tuple[float, float]
    prompts: int
    verdict: Verdict
    more: int | None

    @property
    def comparisons(self) -> int:
        """How many there were, n."""
        return self.wins + self.ties + self.losses

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "wins": self.wins,
            "ties": self.ties,
            "losses": self.losses,
            "win_rate": round(self.rate, 4),
            "interval": [round(end, 4) for end in self.interval],
            "verdict": self.verdict,
            "more_prompts": self.more,
        }


def count_wins(outcomes: Sequence[float] | FloatArray, groups: Sequence[int]) -> Wins:
    """Count comparisons and judge them.

    Args:
        outcomes: (n,) 1 where the profile won, 0 where it lost, 0.5 where neither did.
        groups: (n,) number of the prompt.

    Raises:
        DataError: there are none, or the lengths differ.
    """
    won = np.asarray(outcomes, dtype=np.float64)
    group = np.asarray(groups, dtype=np.intp)
    if not len(won) or len(won) != len(group):
        raise DataError(f"{len(won)} comparisons on {len(group)} prompts: expected one each")
    prompts = len(np.unique(group))
    rate, low, high = _interval(won, group, 1)
    verdict = _verdict(len(won), low, high)
    more = None
    if verdict == "not known yet":
        times = next((k for k in range(2, MOST_TIMES + 1) if _tells(won, group, k)), None)
        more = None if times is None else (times - 1) * prompts
    return Wins(
        wins=int((won > EVEN).sum()),
        ties=int((won == EVEN).sum()),
        losses=int((won < EVEN).sum()),
        rate=rate,
        interval=(low, high),
        prompts=prompts,
        verdict=verdict,
        more=more,
    )


def compare_scores(profile: FloatArray, base: FloatArray) -> FloatArray:
    """Outcomes (n,) of scores (n,) each: the higher one wins."""
    outcomes: FloatArray = 0.5 + 0.5 * np.sign(profile - base)
    return outcomes


def in_words(found: Wins, who: str, by: str) -> str:
    """The verdict in a sentence.

    Args:
        who: The profile's name.
        by: Who judged, as it ends a sentence: `by the command wc`, `by alice's own picks`.
    """
    rate, low, high = (round(100 * share) for share in (found.rate, *found.interval))
    said = f"{rate} % of comparisons {by} (90 % interval: {low} to {high} %)"
    if found.verdict == "better":
        return f"{who} is better than the base: it wins {said}."
    if found.verdict == "worse":
        return f"{who} is worse than the base: it wins only {said}."
    if found.verdict == "no better":
        return f"{who} is not better than the base: it wins {said}, half of them being even."
    more = (
        f"about {_about(found.more)} more prompts that come out like these would tell"
        if found.more is not None
        else "if it stays so, that is too close to a half to tell with any reasonable number"
    )
    return f"Whether {who} is better than the base is not known yet: it wins {said}; {more}."


def _about(number: int) -> int:
    """Rounded up to two digits."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // step) * step


def _interval(
    won: FloatArray, group: npt.NDArray[np.intp], times: int
) -> tuple[float, float, float]:
    """Rate and interval, had the same been seen on so many times the prompts."""
    apart = np.concatenate([group + copy * (group.max() + 1) for copy in range(times)])
    return clustered_interval(np.tile(won, times), np.ones(len(won) * times), apart)


def _verdict(comparisons: int, low: float, high: float) -> Verdict:
    if comparisons < FEWEST:
        return "not known yet"
    if low > EVEN:
        return "better"
    if high < EVEN:
        return "worse"
    return "no better" if high < NOTICED else "not known yet"


def _tells(won: FloatArray, group: npt.NDArray[np.intp], times: int) -> bool:
    _, low, high = _interval(won, group, times)
    return _verdict(len(won) * times, low, high) != "not known yet"
