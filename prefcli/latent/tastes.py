"""What lies in some direction of a space, in words: how answers there are, against the base's own.

Each thing that can be seen in a text (`surface`) has a slope: how many standard deviations of it
one unit of z adds. Two sources know of slopes, and either may be missing:

- the space's report tells the largest ones of its directions (`describe`), measured on text that
  was generated at both ends of each; of the others it is only known that they are small;
- the answers that the person judged show them: a regression of each feature on the answers' z,
  within prompts, with what the report tells as its prior.

A slope is known to within an error, and so is the direction. What is said of a taste is
drawn many times from both, and told where nearly all draws agree on its sign.

Letters: N answers, F features, d latent dimensions, S draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from prefcli.latent.describe import DISTANCE, LEAST_EFFECT, SAME_THING
from prefcli.latent.surface import BY_NAME, FEATURES

Array = npt.NDArray[np.float64]

LEAST_SURE = 0.9  # share of draws that must agree on a sign for it to be told
MOST_TOLD, MOST_WORDS = 6, 4
# Shares, such as that of capitals, often follow from what people do see, such as length.
SHARE_COUNTS = 0.5
EXPLAINED = 0.5  # share of a feature's variance that all slopes together are thought to explain
_FEWEST_ANSWERS = 6
_LEAST_ERROR, _LEAST_NOISE = 1e-3, 0.05
_NORMAL = 1.645  # half of a 90 % interval, in standard errors


@dataclass(frozen=True, eq=False)
class Slopes:
    """How features change along a space.

    Args:
        names: Of the features (F,).
        mean: (F, d) standard deviations of the feature per unit of z.
        root: (F, d, d) square root of the covariance of each feature's slopes.
    """

    names: tuple[str, ...]
    mean: Array
    root: Array


@dataclass(frozen=True)
class Leaning:
    """One thing that a direction changes.

    Args:
        feature: Its name.
        words: How answers there are: `shorter`, `more emoji`.
        shift: By how many standard deviations of the base's own answers, with its sign.
        sure: The probability of that sign.
    """

    feature: str
    words: str
    shift: float
    sure: float


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers and where they lie.

    Args:
        texts: (N,).
        z: (N, d) their encodings.
        prompts: (N,) the number of each one's prompt.
    """

    texts: Sequence[str]
    z: Array
    prompts: Sequence[int] | npt.NDArray[np.intp]


def find_slopes(
    report: Mapping[str, Any], size: int, answers: Answers | None = None
) -> tuple[Slopes, list[str]]:
    """Slopes as a space's report and a person's answers tell them.

    Args:
        report: The space's.
        size: d.
        answers: Those that the person judged.

    Returns:
        The slopes, and who told of them: `space`, `answers`, both or neither.
    """
    names = tuple(feature.name for feature in FEATURES)
    mean = np.zeros((len(names), size))
    variance = np.full((len(names), size), EXPLAINED / size)
    told = report.get("directions_text") or []
    for row in told:
        k = int(row["direction"]) - 1
        for each in row["features"]:
            if each["name"] in names and k < size:
                f = names.index(each["name"])
                low, high = each["interval"]
                mean[f, k] = each["effect"] / (2 * DISTANCE)
                variance[f, k] = max((high - low) / (4 * _NORMAL * DISTANCE), _LEAST_ERROR) ** 2
    tellers = ["space"] if told else []
    precision = np.zeros((len(names), size, size))
    precision[:, range(size), range(size)] = 1 / variance
    if answers is not None and len(answers.texts) >= _FEWEST_ANSWERS:
        mean, precision = _regressed(mean, precision, answers)
        tellers.append("answers")
    values, vectors = np.linalg.eigh(precision)
    root = (vectors / np.sqrt(values)[:, None, :]) @ vectors.transpose(0, 2, 1)
    return Slopes(names, mean, root), tellers


def _regressed(mean: Array, precision: Array, answers: Answers) -> tuple[Array, Array]:
    """Slopes and their precision once the answers have been seen: (F, d), (F, d, d).

    What differs between prompts says nothing of answers, unless hardly a prompt has two.
    """
    measured = np.array([[feature.measure(text) for feature in FEATURES] for text in answers.texts])
    _, group = np.unique(np.asarray(answers.prompts), return_inverse=True)
    if group.max() + 1 > 0.75 * len(group):
        group = np.zeros(len(group), dtype=np.intp)
    spread = measured.std(0)
    seen = spread > 1e-9
    y = _within(measured / np.where(seen, spread, 1.0), group)  # (N, F)
    x = _within(answers.z, group)  # (N, d)
    left = len(x) - int(group.max()) - 1
    noise = np.full(len(seen), 1 - EXPLAINED)
    for _ in range(2):  # with the noise that is guessed, and with the one that is left then
        weight = np.where(seen, 1 / noise, 0.0)
        later = precision + weight[:, None, None] * (x.T @ x)
        pulled = np.einsum("fij,fj->fi", precision, mean) + weight[:, None] * (y.T @ x)
        found = np.linalg.solve(later, pulled[:, :, None])[:, :, 0]
        noise = np.maximum(np.square(y - x @ found.T).sum(0) / max(left, 1), _LEAST_NOISE)
    return found, later


def leanings(slopes: Slopes, point: Array, draws: Array, seed: int = 0) -> list[Leaning]:
    """What answers at a point are like, the largest difference first.

    Args:
        slopes: Of the space.
        point: (d,) where.
        draws: (S, d) where else it might as well be.
        seed: Of the slopes' draws.

    Returns:
        At most `MOST_TOLD` things that surely differ by enough to be noticed. Of two that go
        together one is told.
    """
    normal = np.random.default_rng(seed).standard_normal((len(draws), *slopes.mean.shape))
    drawn = slopes.mean + np.einsum("fij,sfj->sfi", slopes.root, normal)  # (S, F, d)
    shift = slopes.mean @ point  # (F,)
    shifts = np.einsum("sfd,sd->sf", drawn, draws)
    sure = (np.sign(shifts) == np.sign(shift)).mean(0)
    lengths = np.maximum(np.linalg.norm(slopes.mean, axis=1), 1e-12)
    alike = (slopes.mean @ slopes.mean.T) / np.outer(lengths, lengths)
    kept: list[int] = []
    shares = np.array([BY_NAME[name].percent for name in slopes.names])
    telling = np.abs(shift) * np.where(shares, SHARE_COUNTS, 1.0)
    for f in np.argsort(-telling, kind="stable").tolist():
        if abs(shift[f]) < LEAST_EFFECT or sure[f] < LEAST_SURE or len(kept) == MOST_TOLD:
            continue
        if all(abs(alike[f, g]) <= SAME_THING for g in kept):
            kept.append(f)
    return [
        Leaning(
            feature=slopes.names[f],
            words=BY_NAME[slopes.names[f]].more if shift[f] > 0 else BY_NAME[slopes.names[f]].less,
            shift=float(shift[f]),
            sure=float(sure[f]),
        )
        for f in kept
    ]


def words_from_report(report: Mapping[str, Any], point: Array) -> tuple[list[str], list[str]]:
    """Words that answers at a point prefer, and that they avoid, by the space's directions.

    The directions that count are those along which the point lies at least as far out as on the
    average.
    """
    more: dict[str, None] = {}
    less: dict[str, None] = {}
    usual = float(np.sqrt((point**2).mean()))
    told = {int(row["direction"]): row for row in report.get("directions_text") or ()}
    for k in np.argsort(-np.abs(point), kind="stable").tolist():
        row = told.get(k + 1)
        if row is None or abs(point[k]) < usual:
            continue
        ends = row.get("words_high", []), row.get("words_low", [])
        for found, side in zip((more, less), ends if point[k] > 0 else ends[::-1], strict=True):
            found.update(dict.fromkeys(side))
    both = more.keys() & less.keys()
    kept_more, kept_less = ([w for w in found if w not in both] for found in (more, less))
    return kept_more[:MOST_WORDS], kept_less[:MOST_WORDS]


def _within(values: Array, group: npt.NDArray[np.intp]) -> Array:
    """Values (N, K) less the mean of their group."""
    counts = np.bincount(group)
    means = np.stack([np.bincount(group, column) for column in values.T], 1) / counts[:, None]
    centred: Array = values - means[group]
    return centred
