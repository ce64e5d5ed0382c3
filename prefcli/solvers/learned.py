"""Whether anything was learned: how often a fit is right where it has not seen the prompt.

A guess that knows nothing is right half of the time: about pairs anyway, about thumbs if likes and
dislikes are counted equally and "like" means better than the person's average. Thumbs that are all
alike cannot tell a guess from knowledge and do not count.

Judgements of one prompt are not independent, so the interval is clustered by prompt: the variance
of a ratio of sums over prompts gives the number of independent judgements that would be as
telling, and Student's t for as many prompts shortens that further (Korn & Graubard, "Confidence
intervals for proportions with small expected number of positive counts", 1998); around it comes
Wilson's interval, which stays within 0 and 1 and does not vanish where everything was right.

Little data is no sign that there is nothing to learn. "Nothing" needs enough judgements to have
shown a taste, and a figure that leaves no room for one.

Letters: n judgements, G prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from prefcli.solvers.reward import Reward
from prefcli.solvers.validation import FEWEST_PROMPTS, Heldout

FloatArray = npt.NDArray[np.float64]
Verdict = Literal["yes", "no", "too early"]

CHANCE = 0.5
FEWEST = 10  # judgements that count
ENOUGH, ENOUGH_PER_DIRECTION = 50, 5  # judgements in which a taste would have shown
ROOM = 0.65  # an interval that reaches this leaves room for a taste
# Standard deviation of a reward over the base's own answers, in logits, below which two of them
# are as good as equal: the better one is preferred 54 times in 100.
NEGLIGIBLE = 0.1
_NORMAL = 1.6448536269514722  # 95 % of a normal distribution lie below: 90 % intervals


@dataclass(frozen=True)
class Learned:
    """Whether a fit learned anything.

    Args:
        verdict: yes: it beats a guess; no: it does not, and would have; too early: else.
        accuracy: How often it is right on prompts it had not seen, a guess being right half of
            the time; None where there are too few to tell.
        interval: Its 90 % interval, clustered by prompt.
    """

    verdict: Verdict
    accuracy: float | None = None
    interval: tuple[float, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "verdict": self.verdict,
            "accuracy": None if self.accuracy is None else round(self.accuracy, 4),
            "interval": None if self.interval is None else [round(end, 4) for end in self.interval],
        }


_SAID = {
    "yes": "learned something",
    "no": "nothing learned",
    "too early": "too early to tell whether anything was learned",
}


def in_words(told: Mapping[str, Any] | None) -> str:
    """What `Learned.as_dict` says, in one line; None where it was not measured."""
    if not told:
        return "not measured: fit again to see whether anything was learned"
    verdict, accuracy, interval = told["verdict"], told["accuracy"], told["interval"]
    if accuracy is not None and interval is not None:
        low, high = (round(100 * end) for end in interval)
        why = (
            f"right {100 * accuracy:.0f} % of the time on prompts kept out of the fit ({low} to "
            f"{high} %; a guess: 50 %)"
        )
    elif verdict == "no":
        why = "by what was said, one answer is as good as another"
    else:
        why = (
            f"that takes {FEWEST} judgements that say better or worse, on {FEWEST_PROMPTS} prompts"
        )
    return f"{_SAID[verdict]}: {why}"


def judge(reward: Reward, heldout: Heldout | None) -> Learned:
    """Whether a fit learned anything.

    Args:
        reward: The fit.
        heldout: What fits without each prompt say of it; None if there were too few.
    """
    if reward.is_flat:
        return Learned("no")
    if heldout is None:
        return Learned("too early")
    right, weight = _counted(heldout)
    size = float(weight.sum() ** 2 / max(float(weight @ weight), 1e-300))
    if size < FEWEST - 1e-9:
        return Learned("too early")
    accuracy, low, high = clustered_interval(right, weight, heldout.group)
    enough = size >= max(ENOUGH, ENOUGH_PER_DIRECTION * len(reward.weight))
    verdict: Verdict = "too early"
    if low > CHANCE and not (enough and _spread(reward) < NEGLIGIBLE):
        verdict = "yes"
    elif enough and (high < ROOM or _spread(reward) < NEGLIGIBLE):
        verdict = "no"
    return Learned(verdict, accuracy, (low, high))


def clustered_interval(
    right: FloatArray, weight: FloatArray, group: npt.NDArray[np.intp]
) -> tuple[float, float, float]:
    """A share and its 90 % interval.

    Args:
        right: (n,) between 0 and 1.
        weight: (n,) what each counts for; some of them above 0.
        group: (n,) the prompt of each.

    Returns:
        The weighted share of what is right, the lower and the upper end.
    """
    kept = weight > 0
    names, number = np.unique(group[kept], return_inverse=True)
    prompts = len(names)
    weight, right = weight[kept], right[kept]
    total = float(weight.sum())
    share = float(weight @ right) / total
    size = total**2 / float(weight @ weight)  # what as many equal weights would be
    if prompts > 1:
        apart = np.bincount(number, weight * (right - share))
        variance = prompts / (prompts - 1) * float(apart @ apart) / total**2
        independent = share * (1 - share) / variance if variance > 0 else float(prompts)
        size = min(independent, size) * (_NORMAL / _student(prompts - 1)) ** 2
    else:
        size = 1.0
    centre = (share + _NORMAL**2 / (2 * size)) / (1 + _NORMAL**2 / size)
    half = _NORMAL * np.sqrt(share * (1 - share) / size + _NORMAL**2 / (4 * size**2))
    half = float(half / (1 + _NORMAL**2 / size))
    return share, max(0.0, centre - half), min(1.0, centre + half)


def _counted(heldout: Heldout) -> tuple[FloatArray, FloatArray]:
    """How right each row was (n,), and what it counts for so that a guess is right half the time.

    A thumb is right when its margin is on its label's side of the log odds of the person's thumbs.
    """
    says = np.sign(heldout.target - 0.5)
    weight = np.where(says == 0, 0.0, heldout.weight)
    margin = heldout.margin.copy()
    thumbs = np.arange(len(margin)) >= heldout.pairs
    up, down = weight @ (thumbs & (says > 0)), weight @ (thumbs & (says < 0))
    if up > 0 and down > 0:
        margin[thumbs] -= np.log(up / down)
        weight[thumbs & (says > 0)] *= (up + down) / (2 * up)
        weight[thumbs & (says < 0)] *= (up + down) / (2 * down)
    else:
        weight[thumbs] = 0.0
    return 0.5 + 0.5 * np.sign(margin) * says, weight


def _spread(reward: Reward) -> float:
    """Standard deviation of the reward over z ~ N(0, I), in logits."""
    squares = float(reward.weight @ reward.weight)
    return float(np.sqrt(squares + 0.5 * float(np.square(reward.curvature).sum())))


def _student(freedom: int) -> float:
    """Student's t, the 95 % quantile (Abramowitz & Stegun 26.7.5)."""
    z = _NORMAL
    if freedom < 3:
        return (6.314, 2.920)[freedom - 1]
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
