"""What a task gives to the comparison: a base with its space, prompts, users and their judges.

A user is a taste: a score that labels pairs, and another that judges answers. Where both are
learned they are of different kinds and learned from different documents, so that nobody is
rewarded for what one classifier happens to like. Prompts fall into four sets that share nothing:
those that feedback is about, those on which peers look for their settings, those on which
everybody is measured, and those on which the tax is measured.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.answers import FloatArray, Model, Request, stream
from benchmarks.judges import Pair
from prefcli.progress import Progress

SAMPLES = 32  # answers to a prompt, of which the best two are set against the worst two
EXTREMES = 2

Score = Callable[[Sequence[str]], FloatArray]
OnTopic = Callable[[Sequence[str], Sequence[str]], Sequence[float]]


@dataclass(frozen=True)
class Taste:
    """One user: `label` makes the pairs, `judge` measures the answers."""

    label: Score
    judge: Score


@dataclass(frozen=True, eq=False)
class Arena:
    """One task, opened.

    Args:
        name: Of the task.
        model: Base and space.
        users: Who is served.
        tuning: Other users, on whom the peers' settings are looked for.
        feedback_prompts: What pairs are about, in random order.
        search_prompts: What settings are looked for on.
        test_prompts: What everybody is measured on.
        neutral_prompts: What the tax is measured on.
        on_topic: (prompts, answers) to 0..1 each.
        other: A score that no user's taste is about, and its name.
        shown: Whether prompts and answers may be kept with the results: not those of corpora that
            are others' to give.
        accuracies: Of labeller and judge, on documents that neither was learned from.
        stage_one_seconds: What the space took; None where nobody measured it.
    """

    name: str
    model: Model
    users: Mapping[str, Taste]
    tuning: Mapping[str, Taste]
    feedback_prompts: Sequence[str]
    search_prompts: Sequence[str]
    test_prompts: Sequence[str]
    neutral_prompts: Sequence[str]
    on_topic: OnTopic
    other: tuple[str, Score]
    shown: bool = False
    accuracies: Mapping[str, float] = field(default_factory=dict)
    stage_one_seconds: float | None = None

    def asked(self, seed: int, count: int) -> list[str]:
        """The prompts of one run: `count` of the test prompts."""
        found = list(self.test_prompts)
        return random.Random(stream(self.name, seed, "test")).sample(found, min(count, len(found)))


class Task(Protocol):
    """Opens an arena."""

    name: str

    def open(self, data: Path | None, work: Path, progress: Progress) -> Arena:
        """Load or train what the task needs, below `work`."""
        ...


def pool(arena: Arena, prompts: Sequence[str], name: str, work: Path) -> list[list[str]]:
    """`SAMPLES` answers of the base to each prompt, kept in `work` so that a rerun reads them."""
    path = work / arena.name / f"{name}.jsonl"
    if path.exists():
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if [row["prompt"] for row in rows] == list(prompts):
            return [row["answers"] for row in rows]
    requests = [
        Request(prompt, stream(arena.name, name, i, j))
        for i, prompt in enumerate(prompts)
        for j in range(SAMPLES)
    ]
    texts = arena.model.answers(f"{arena.name}, {name}", requests)
    found = [texts[start : start + SAMPLES] for start in range(0, len(texts), SAMPLES)]
    path.parent.mkdir(parents=True, exist_ok=True)
    rows_text = "".join(
        json.dumps({"prompt": p, "answers": a}, ensure_ascii=False) + "\n"
        for p, a in zip(prompts, found, strict=True)
    )
    path.write_text(rows_text, encoding="utf-8")
    return found


def best_against_worst(
    prompts: Sequence[str], answers: Sequence[Sequence[str]], label: Score, count: int, seed: int
) -> list[Pair]:
    """Pairs by the paper's recipe: of each prompt's answers the best two against the worst two.

    The best against the worst of every prompt come first, so that few pairs are about as many
    prompts; then the second best against the second worst, and the two that cross.
    """
    flat = [text for group in answers for text in group]
    scores = label(flat)
    order = np.random.default_rng(stream(seed, "order")).permutation(len(prompts))
    start = np.cumsum([0, *map(len, answers)])
    found: list[Pair] = []
    for high, low in ((0, 0), (1, 1), (0, 1), (1, 0)):
        for i in order:
            group = scores[start[i] : start[i + 1]]
            ranked = np.argsort(group, kind="stable")
            better, worse = ranked[-1 - high], ranked[low]
            if group[better] > group[worse]:
                found.append(Pair(prompts[i], answers[i][better], answers[i][worse]))
    return found[:count]


def each(utility: Callable[[str], float]) -> Score:
    """A score from a function of one text."""

    def score(texts: Sequence[str]) -> FloatArray:
        return np.array([utility(text) for text in texts], dtype=np.float64)

    return score
