"""What is not learned from pairs: the base, examples in the prompt, and two bounds.

The oracle searches z with the judge in hand: what the space allows. Best of 16 is what the judge
picks from 16 answers of the base: no training at all, sixteen times the cost of every answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.answers import stream
from benchmarks.oracle import SearchPlan, search
from benchmarks.peers.base import Clock, Job, Lesson, Speaker, Voice, rivals, under
from benchmarks.peers.latent import FLOAT
from benchmarks.tasks.base import Arena, Score, Taste
from prefcli.feedback.records import Message, Prompt

CHOICES = 16
SHOTS = 5  # more examples than this do not fit into the small bases' contexts
PLAN = SearchPlan(
    prompts=24, tries=8, rivals=4, directions=18, generations=2, population=12, elite=4, finalists=4
)


def the_base(job: Job) -> Lesson:
    """Learns nothing."""
    return Lesson(Voice(job.arena.model.base, job.arena.model.max_new_tokens), Clock().whole(), 0)


def in_context(job: Job) -> Lesson:
    """The chosen answers as earlier turns of the conversation."""
    clock = Clock()
    turns: list[Message] = []
    for pair in job.pairs[:SHOTS]:
        turns += [Message("user", pair.prompt), Message("assistant", pair.better)]

    def framed(prompt: str) -> Prompt:
        return (*turns, Message("user", prompt))

    model = job.arena.model
    kept = sum(len(turn.content.encode()) for turn in turns)
    return Lesson(Voice(model.base, model.max_new_tokens, framed=framed), clock.whole(), kept)


class Oracle:
    """Direct search of z; what it found for a user serves all runs."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], np.ndarray] = {}  # type: ignore[type-arg]

    def __call__(self, job: Job) -> Lesson:
        """Search for all users of the task together, unless that was done."""
        arena, clock = job.arena, Clock()
        key = (arena.name, job.user)
        with clock.part("train"):
            if key not in self.found:
                found = search(
                    arena.model,
                    {name: _of_one(taste.judge) for name, taste in arena.users.items()},
                    {name: [] for name in arena.users},
                    PLAN,
                    prompts=list(arena.search_prompts[: PLAN.prompts]),
                )
                self.found |= {(arena.name, name): one.z for name, one in found.items()}
        return Lesson(under(arena, self.found[key]), clock.whole(), FLOAT * arena.model.space.size)


def _of_one(score: Score) -> Callable[[str], float]:
    return lambda text: float(score([text])[0])


@dataclass(frozen=True, eq=False)
class BestOf:
    """The answer that the judge likes best of several of the base's."""

    arena: Arena
    taste: Taste
    drawn: dict[tuple[str, int], list[list[str]]]

    def answers(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        """The best of `CHOICES`."""
        key = (self.arena.name, stream(*seeds))
        if key not in self.drawn:  # all users of a run choose from the same answers
            self.drawn[key] = rivals(self.arena, prompts, CHOICES, f"best of {key[1]}")
        groups = self.drawn[key]
        scores = self.taste.judge([text for group in groups for text in group])
        best = scores.reshape(len(prompts), CHOICES).argmax(axis=1)
        return [group[i] for group, i in zip(groups, best, strict=True)]

    def nats(self, prompts: Sequence[str], answers: Sequence[str]) -> None:
        """There is no density."""


class BestOf16:
    """Ask the judge about every answer."""

    def __init__(self) -> None:
        self.drawn: dict[tuple[str, int], list[list[str]]] = {}

    def __call__(self, job: Job) -> Lesson:
        """Nothing to learn."""
        speaker: Speaker = BestOf(job.arena, job.taste, self.drawn)
        return Lesson(speaker, Clock().whole(), 0)
