"""From judgements to the rows of a fit.

    pair            chosen over rejected; a tie has target 1/2, the weakest preference where they
                    have strengths 0.6, the strongest 1
    edit            the person's own text over what it was made from
    thumb           an answer judged alone
    demonstration   a thumb up
    ranking         of K answers: its K (K - 1) / 2 pairs, each of weight 2 / K, so that all of
                    them together weigh K - 1, as K - 1 picks would
    rating          of m answers to one prompt on one scale: their pairs, weighted as in a ranking.
                    Where both ends of the scale are known, each is also a thumb of weight 1 / m,
                    up by twice as much of the scale as it lies above the user's mean: half a scale
                    above is as sure as can be. Together they weigh m, one for each rating.

Of more than 64 answers to one prompt each is compared with 32 others instead of all, spread over
the list, and the weights still sum to one less than the answers.

A strength is read on its scale, or where that is not known between the least and the greatest that
the user gave.

The user's mean counts one score in the middle of the scale beside their own, so that somebody's
only rating says something too. A rating without a known scale and without another one of the same
prompt says nothing here; how many did is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from prefcli.feedback.records import KINDS, Feedback, Prompt, encoding_key
from prefcli.solvers.rows import Rows
from prefcli.store import Encoding

TIE, WEAKEST = 0.5, 0.6  # targets of a tie and of the weakest preference
STEEPNESS = 2.0  # of a rating as a thumb
MOST_COMPARED = 64  # answers to one prompt of which every two are compared

FloatArray = npt.NDArray[np.float64]
Groups = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """What a fit works on.

    Args:
        rows: n pairs and m thumbs for the solver.
        pair_groups: (n,) the prompt that each pair belongs to.
        thumb_groups: (m,) the prompt that each thumb belongs to.
        kinds: Judgements that had a say, by kind; kinds without any are left out.
        unused: Judgements that had none.
        pair_judgements: (n,) places in the list of judgements that each pair comes from.
        thumb_judgements: (m,) the same of each thumb.
    """

    rows: Rows
    pair_groups: Groups
    thumb_groups: Groups
    kinds: dict[str, int]
    unused: int
    pair_judgements: tuple[tuple[int, ...], ...] = ()
    thumb_judgements: tuple[tuple[int, ...], ...] = ()

    @property
    def prompts(self) -> int:
        """Number of different prompts."""
        return len({*self.pair_groups.tolist(), *self.thumb_groups.tolist()})


def training_rows(
    judged: Sequence[Feedback],
    encodings: Mapping[bytes, Encoding],
    size: int,
    reference: FloatArray,
    weights: Sequence[float] | None = None,
) -> TrainingRows:
    """The solver's rows of one user's judgements.

    Args:
        judged: The judgements, of any kind.
        encodings: Encoding of every answer in them, by `encoding_key`.
        size: Number of latent dimensions d.
        reference: (r, d) encodings of the base's own answers.
        weights: How much each judgement counts; default 1.
    """
    made = _Rows(encodings)
    counted = list(zip(judged, [1.0] * len(judged) if weights is None else weights, strict=True))
    strengths = _strengths(judged)
    for place, (row, weight) in enumerate(counted):
        made.places = {(row.prompt, response): (place,) for response in row.responses}
        if row.kind in ("pair", "edit"):
            better, other = row.responses
            target = row.value if row.strength is None else strengths(row)
            made.pair(row.prompt, better, other, target, weight)
        elif row.kind in ("thumb", "demonstration"):
            made.thumb(row.prompt, row.responses[0], row.value, weight)
        elif row.ranks is not None:
            order = [float(-rank) for rank in row.ranks]
            made.comparisons(row.prompt, row.responses, order, [weight] * len(order))
    made.places = _places(judged)
    unused = _rated(made, [(row, weight) for row, weight in counted if row.kind == "rating"])
    kinds = {kind: sum(row.kind == kind for row in judged) for kind in KINDS}
    kinds["rating"] -= unused
    return TrainingRows(
        rows=Rows(
            chosen=made.points(made.chosen, size),
            rejected=made.points(made.rejected, size),
            target=np.array(made.target, dtype=np.float64),
            weight=np.array(made.weight, dtype=np.float64),
            thumbs=made.points(made.thumbs, size),
            label=np.array(made.label, dtype=np.float64),
            thumb_weight=np.array(made.thumb_weight, dtype=np.float64),
            reference=reference,
        ),
        pair_groups=np.array(made.pair_groups, dtype=np.intp),
        thumb_groups=np.array(made.thumb_groups, dtype=np.intp),
        kinds={kind: count for kind, count in kinds.items() if count},
        unused=unused,
        pair_judgements=tuple(made.pair_judgements),
        thumb_judgements=tuple(made.thumb_judgements),
    )


def _strengths(judged: Sequence[Feedback]) -> Callable[[Feedback], float]:
    """What gives the target of a pair that has a strength."""
    given = [row.strength for row in judged if row.strength is not None]
    least, greatest = min(given, default=0.0), max(given, default=0.0)

    def target(row: Feedback) -> float:
        low = least if row.low is None else row.low
        high = greatest if row.high is None else row.high
        if row.value == TIE or row.strength is None or not low < high:
            return row.value
        share = min(max((row.strength - low) / (high - low), 0.0), 1.0)
        return WEAKEST + (1.0 - WEAKEST) * share

    return target


def _places(judged: Sequence[Feedback]) -> dict[tuple[Prompt, str], tuple[int, ...]]:
    """Where in the list each answer was rated."""
    found: dict[tuple[Prompt, str], tuple[int, ...]] = {}
    for place, row in enumerate(judged):
        if row.kind == "rating":
            key = (row.prompt, row.responses[0])
            found[key] = (*found.get(key, ()), place)
    return found


def _rated(made: _Rows, ratings: Sequence[tuple[Feedback, float]]) -> int:
    """Add what the ratings say; the number of those that say nothing."""
    scales: dict[tuple[float | None, float | None], list[tuple[Feedback, float]]] = {}
    for row, weight in ratings:
        scales.setdefault((row.low, row.high), []).append((row, weight))
    unused = 0
    for (low, high), rows in scales.items():
        prompts: dict[Prompt, list[tuple[Feedback, float]]] = {}
        for row, weight in rows:
            prompts.setdefault(row.prompt, []).append((row, weight))
        for prompt, together in prompts.items():
            compared = made.comparisons(
                prompt,
                [row.responses[0] for row, _ in together],
                [row.value for row, _ in together],
                [weight for _, weight in together],
            )
            if low is None or high is None:
                unused += len(together) - compared
        if low is not None and high is not None:
            scores = [(row.value - low) / (high - low) for row, _ in rows]
            mean = (sum(scores) + 0.5) / (len(scores) + 1)
            for (row, weight), score in zip(rows, scores, strict=True):
                label = min(max(0.5 + STEEPNESS * (score - mean), 0.0), 1.0)
                share = weight / len(prompts[row.prompt])
                made.thumb(row.prompt, row.responses[0], label, share)
    return unused


@dataclass(eq=False)
class _Rows:
    """Rows as they are gathered."""

    encodings: Mapping[bytes, Encoding]
    # In which judgements each answer stands, of those that are being turned into rows.
    places: Mapping[tuple[Prompt, str], tuple[int, ...]] = field(default_factory=dict)
    chosen: list[bytes] = field(default_factory=list)
    rejected: list[bytes] = field(default_factory=list)
    target: list[float] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)
    pair_groups: list[int] = field(default_factory=list)
    thumbs: list[bytes] = field(default_factory=list)
    label: list[float] = field(default_factory=list)
    thumb_weight: list[float] = field(default_factory=list)
    thumb_groups: list[int] = field(default_factory=list)
    pair_judgements: list[tuple[int, ...]] = field(default_factory=list)
    thumb_judgements: list[tuple[int, ...]] = field(default_factory=list)
    _groups: dict[Prompt, int] = field(default_factory=dict)

    def pair(
        self, prompt: Prompt, chosen: str, rejected: str, target: float, weight: float
    ) -> None:
        """One answer against another."""
        self.chosen.append(self._mean(prompt, chosen))
        self.rejected.append(self._mean(prompt, rejected))
        self.target.append(target)
        self.weight.append(weight)
        self.pair_groups.append(self._group(prompt))
        both = {*self.places[prompt, chosen], *self.places[prompt, rejected]}
        self.pair_judgements.append(tuple(sorted(both)))

    def thumb(self, prompt: Prompt, response: str, label: float, weight: float) -> None:
        """One answer alone."""
        self.thumbs.append(self._mean(prompt, response))
        self.label.append(label)
        self.thumb_weight.append(weight)
        self.thumb_groups.append(self._group(prompt))
        self.thumb_judgements.append(self.places[prompt, response])

    def comparisons(
        self,
        prompt: Prompt,
        responses: Sequence[str],
        scores: Sequence[float],
        weights: Sequence[float],
    ) -> int:
        """All pairs of several answers, higher scores better; how many answers took part.

        Two texts that are the same are not compared: their pair would say nothing.
        """
        pairs = _pairs(len(responses))
        weight = (len(responses) - 1) / max(len(pairs), 1)
        compared: set[int] = set()
        for i, j in pairs:
            if responses[i] == responses[j]:
                continue
            best, other = (i, j) if scores[i] >= scores[j] else (j, i)
            target = 0.5 if scores[i] == scores[j] else 1.0
            counts = weight * (weights[i] + weights[j]) / 2
            self.pair(prompt, responses[best], responses[other], target, counts)
            compared |= {i, j}
        return len(compared)

    @staticmethod
    def points(means: Sequence[bytes], size: int) -> FloatArray:
        """Posterior means (n, d)."""
        joined = np.frombuffer(b"".join(means), dtype="<f4")
        return joined.astype(np.float64).reshape(len(means), size)

    def _mean(self, prompt: Prompt, response: str) -> bytes:
        return self.encodings[encoding_key(prompt, response)].mean

    def _group(self, prompt: Prompt) -> int:
        return self._groups.setdefault(prompt, len(self._groups))


def _pairs(count: int) -> list[tuple[int, int]]:
    """Which of `count` answers are compared with which."""
    if count <= MOST_COMPARED:
        return list(combinations(range(count), 2))
    apart = np.linspace(1, (count - 1) // 2, MOST_COMPARED // 4).astype(int)
    return [(i, (i + step) % count) for step in np.unique(apart).tolist() for i in range(count)]
