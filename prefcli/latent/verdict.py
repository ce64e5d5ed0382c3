"""The verdict on a space: good, usable or poor, why, and what to do about it.

A pure function of the report. What a report does not hold (older ones hold less) is not judged,
and said to be missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Grade = Literal["good", "usable", "poor"]


@dataclass(frozen=True)
class Thresholds:
    """What a space must reach; likelihoods are relative to the base's own answers.

    Args:
        contrastive: How often an answer is told apart, among up to 8.
        consistency: Round-trip correlation of a direction that counts.
        directions: How many must count.
        marginal: NLL of the base's answers under all z, at most.
        text: NLL under the base of text made from z, at most.
    """

    contrastive: float
    consistency: float
    directions: int
    marginal: float
    text: float


GOOD = Thresholds(contrastive=0.9, consistency=0.7, directions=8, marginal=1.03, text=1.05)
# The weakest space in which profiles were seen to win clearly: told apart 0.65 of the time, eight
# directions of 0.25 to 0.5.
USABLE = Thresholds(contrastive=0.5, consistency=0.25, directions=4, marginal=1.5, text=1.2)
# Fewer than these leave room for better; stage 1's defaults are not far from them.
MANY_PROMPTS, MANY_STEPS, LONG_ANSWER = 300, 1000, 30


@dataclass(frozen=True)
class Complaint:
    """One thing that falls short, how badly, and the next step."""

    what: str
    remedy: str
    grave: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"what": self.what, "remedy": self.remedy, "grave": self.grave}


@dataclass(frozen=True)
class Verdict:
    """What to think of a space.

    Args:
        grade: good: nothing falls short; poor: something does gravely; else usable.
        praise: What is well.
        complaints: What is not.
        unknown: What the report does not say.
    """

    grade: Grade
    praise: tuple[str, ...]
    complaints: tuple[Complaint, ...]
    unknown: tuple[str, ...]

    @property
    def summary(self) -> str:
        """In one sentence, the next steps left out."""
        parts = [complaint.what for complaint in self.complaints]
        if parts and self.praise:
            return f"{self.grade}: {_listed(parts)}; but {_listed(self.praise)}"
        return f"{self.grade}: {_listed(parts or self.praise)}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "grade": self.grade,
            "summary": self.summary,
            "complaints": [complaint.as_dict() for complaint in self.complaints],
            "unknown": list(self.unknown),
        }


def judge(report: Mapping[str, Any]) -> Verdict:
    """Judge a space by its report, as `measure` makes it or an older one."""
    praise: list[str] = []
    complaints: list[Complaint] = []
    unknown: list[str] = []
    for examine, what in (
        (_own_z, "whether an answer's own z helps"),
        (_told_apart, "whether answers can be told apart"),
        (_directions, "how many directions come back"),
        (_marginal, "whether all z together are the base"),
        (_text, "whether text from z is fluent"),
    ):
        found = examine(report)
        if found is None:
            unknown.append(what)
        elif isinstance(found, Complaint):
            complaints.append(found)
        elif found:
            praise.append(found)
    grade: Grade = "usable" if complaints else "good"
    if any(complaint.grave for complaint in complaints):
        grade = "poor"
    return Verdict(grade, tuple(praise), tuple(complaints), tuple(unknown))


def _own_z(report: Mapping[str, Any]) -> str | Complaint | None:
    """A sanity check; that it passes is not worth a word."""
    ratio = _relative(report, "own_z")
    if ratio is None or ratio < 1:
        return None if ratio is None else ""
    return Complaint(
        "an answer is no likelier under its own z than without one",
        f"z says nothing yet: {_more_training(report)}, or give the encoder a deeper trunk "
        "(--trunk-layers)",
        grave=True,
    )


def _told_apart(report: Mapping[str, Any]) -> str | Complaint | None:
    accuracy = _number(report.get("contrastive_accuracy"))
    if accuracy is None:
        return None
    shown = f"{_share(accuracy)} among {_among(report)}"
    if accuracy >= GOOD.contrastive:
        return f"answers can be told apart ({shown})"
    tokens = _number(report.get("answer_tokens"))
    if tokens is not None and tokens < LONG_ANSWER:
        first = f"answers of {tokens:.0f} tokens hold little to tell them by: sample longer ones "
        first += "(--max-new-tokens, or prompts that ask for more)"
    else:
        first = _more_training(report)
    return Complaint(
        f"answers are hard to tell apart ({shown}, {100 * GOOD.contrastive:.0f} % is good)",
        f"{first}, or give the encoder a deeper trunk (--trunk-layers)",
        grave=accuracy < USABLE.contrastive,
    )


def _directions(report: Mapping[str, Any]) -> str | Complaint | None:
    consistency = [c for c in map(_number, _list(report.get("consistency"))) if c is not None]
    if not consistency:
        return None
    faithful = sum(c >= GOOD.consistency for c in consistency)
    usable = sum(c >= USABLE.consistency for c in consistency)
    all_of = "" if faithful == len(consistency) else f" of {len(consistency)}"
    if faithful >= GOOD.directions:
        return f"{faithful}{all_of} directions come back from the text that they make"
    come = "direction comes" if faithful == 1 else "directions come"
    what = f"{faithful or 'no'}{all_of} {come} back from the text that they make"
    if len(consistency) < GOOD.directions and faithful == len(consistency):
        remedy = (
            f"there are only {len(consistency)}: train on more varied prompts, with more answers "
            "each (--samples), or start with more directions (--latent-size)"
        )
    else:
        remedy = f"{_more_training(report)}, or use a longer prefix"
    return Complaint(
        f"{what} (correlation of {GOOD.consistency:g} or more; {GOOD.directions} are good)",
        remedy,
        grave=usable < USABLE.directions,
    )


def _marginal(report: Mapping[str, Any]) -> str | Complaint | None:
    ratio = _relative(report, "prior_marginal")
    if ratio is None:
        return None
    if ratio <= GOOD.marginal:
        return "all z together answer as the base does"
    return Complaint(
        f"all z together find the base's answers {100 * (ratio - 1):.0f} % less likely than the "
        f"base does (at most {100 * (GOOD.marginal - 1):.0f} % is good)",
        f"what the base says is not all within the space: {_more_training(report)}, or use a "
        "longer prefix",
        grave=ratio > USABLE.marginal,
    )


def _text(report: Mapping[str, Any]) -> str | Complaint | None:
    ratio = _relative(report, "prior_text")
    if ratio is None:
        return None
    if ratio <= GOOD.text:
        return "text along them is as fluent as the base's own"
    return Complaint(
        f"text made from z costs the base {100 * (ratio - 1):.0f} % more than its own (at most "
        f"{100 * (GOOD.text - 1):.0f} % is good)",
        "generate with a lower --temperature or --strength; for a better space, "
        f"{_more_training(report)}",
        grave=ratio > USABLE.text,
    )


def _more_training(report: Mapping[str, Any]) -> str:
    """What of training there was little of."""
    prompts, steps = _number(report.get("prompts_seen")), _number(report.get("steps"))
    few = []
    if prompts is None or prompts < MANY_PROMPTS:
        few.append(f"on more prompts ({prompts:.0f} now)" if prompts else "on more prompts")
    if steps is None or steps < MANY_STEPS or not few:
        few.append(f"for more --steps ({steps:.0f} now)" if steps else "for more --steps")
    return "train " + " and ".join(few)


def _among(report: Mapping[str, Any]) -> int:
    """Among how many answers to a prompt, as far as the report tells."""
    answers, prompts = _number(report.get("answers")), _number(report.get("prompts"))
    return 8 if not answers or not prompts else max(2, min(8, round(answers / prompts)))


def _relative(report: Mapping[str, Any], name: str) -> float | None:
    """A likelihood beside the base's own."""
    likelihoods = report.get("nll")
    if not isinstance(likelihoods, Mapping):
        return None
    value, base = _number(likelihoods.get(name)), _number(likelihoods.get("base"))
    return None if value is None or not base else value / base


def _share(value: float) -> str:
    """In percent, and not rounded up to all of them."""
    return f"{100 * value:.1f} %" if 0.99 < value < 1 else f"{100 * value:.0f} %"


def _number(value: Any) -> float | None:
    sound = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if sound else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _listed(parts: list[str] | tuple[str, ...]) -> str:
    if not parts:
        return "the report says too little"
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"
