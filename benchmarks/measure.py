"""One cell of the comparison: a method taught by one user, and how it then speaks."""

from __future__ import annotations

import math
import re
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.answers import FloatArray, stream
from benchmarks.judges import distinct_2
from benchmarks.peers.base import Job, PeakMemory, Peer, Speaker, Voice, rivals, wins
from benchmarks.tasks.base import Arena, Taste
from prefcli.tiny.tastes import words

RIVALS = 6  # answers of the base that each answer is set against
REPEATS = 3  # of the same four words: a loop


@dataclass(frozen=True, eq=False)
class Ground:
    """What one run is measured on: prompts, and what the base answers them.

    Args:
        prompts, neutral: Of this run.
        rivals: `RIVALS` answers of the base to each prompt.
    """

    arena: Arena
    seed: int
    prompts: Sequence[str]
    neutral: Sequence[str]
    rivals: Sequence[Sequence[str]]

    @classmethod
    def of(cls, arena: Arena, seed: int, prompts: int, neutral: int) -> Ground:
        """The prompts of a run, answered by the base."""
        asked = arena.asked(seed, prompts)
        return cls(
            arena,
            seed,
            asked,
            list(arena.neutral_prompts[:neutral]),
            rivals(arena, asked, RIVALS, f"rivals {seed}"),
        )

    def scored(self, taste: Taste) -> FloatArray:
        """What the judge gives the base's answers, (prompts, rivals)."""
        flat = taste.judge([text for group in self.rivals for text in group])
        return flat.reshape(len(self.prompts), -1)


def cell(peer: Peer, job: Job, ground: Ground) -> dict[str, Any]:
    """Teach, then measure; ready for JSON."""
    started = time.perf_counter()
    with PeakMemory() as memory:
        lesson = peer.teach(job)
    taught = time.perf_counter() - started
    found = measured(lesson.speaker, job.taste, ground)
    return {
        **found,
        "seconds": {name: _digits(value) for name, value in lesson.seconds.items()},
        "clock_seconds": _digits(taught),
        "peak_mb": None if memory.megabytes is None else round(memory.megabytes),
        "bytes": lesson.bytes,
        "setting": dict(job.setting),
        "pairs": len(job.pairs),
        **({"path": list(lesson.path)} if lesson.path else {}),
        **lesson.notes,
    }


def measured(speaker: Speaker, taste: Taste, ground: Ground) -> dict[str, Any]:
    """How something speaks on a run's prompts."""
    arena = ground.arena
    prompts = [*ground.prompts, *ground.neutral]
    seeds = [stream(arena.name, ground.seed, "answer", prompt) for prompt in prompts]
    texts = speaker.answers(prompts, seeds)
    size = len(ground.prompts)
    asked, answers = prompts[:size], texts[:size]
    plain = Voice(arena.model.base, arena.model.max_new_tokens)
    under_base = plain.nats(prompts, texts)
    neutral = slice(size, None)
    own = speaker.nats(prompts[neutral], texts[neutral])
    lengths = [tokens(arena, text) for text in texts]
    scores = taste.judge(answers)
    won = wins(scores, ground.scored(taste))
    kl = None
    if own is not None:
        gained = sum(under_base[neutral]) - sum(own)
        kl = _digits(gained / max(1, sum(lengths[neutral])))
    return {
        "win_rate": _digits(float(won.mean())),
        "wins": [round(float(w), 3) for w in won],
        "judge": _digits(float(scores.mean())),
        "nats_per_token": _digits(sum(under_base[:size]) / max(1, sum(lengths[:size]))),
        "distinct_2": _digits(distinct_2(answers)),
        "broken": _digits(statistics.fmean(broken(arena, text) for text in answers)),
        "on_topic": _digits(statistics.fmean(arena.on_topic(asked, answers))),
        "words": _digits(statistics.fmean(map(words, answers))),
        "kl": kl,
        "other": _digits(float(np.mean(arena.other[1](texts[neutral])))),
        **({"example": {"prompt": asked[0], "answer": answers[0]}} if arena.shown else {}),
    }


def win_rate(speaker: Speaker, taste: Taste, ground: Ground) -> float:
    """Against the base, and nothing else."""
    seeds = [stream(ground.arena.name, ground.seed, "answer", prompt) for prompt in ground.prompts]
    texts = speaker.answers(ground.prompts, seeds)
    return float(wins(taste.judge(texts), ground.scored(taste)).mean())


def tokens(arena: Arena, text: str) -> int:
    """Length of an answer as its likelihood counts it, the end mark included."""
    return len(arena.model.base.response_ids(text, arena.model.max_new_tokens)[0])


def broken(arena: Arena, text: str) -> bool:
    """Whether an answer is empty, does not come to an end, or goes round in circles."""
    said = re.findall(r"\w+", text.lower())
    runs = Counter(tuple(said[i : i + 4]) for i in range(len(said) - 3))
    loops = max(runs.values(), default=0) >= REPEATS
    endless = arena.name in ENDING and tokens(arena, text) >= arena.model.max_new_tokens
    return not said or loops or endless


# Tasks whose answers come to an end within the longest answer; reviews go on beyond it.
ENDING = ("styles", "dialogue")


def paths(job: Job, ground: Ground, marks: Sequence[int]) -> tuple[list[dict[str, float]], Any]:
    """A record of win rates along a training, and what is to be told about every pass."""
    found: list[dict[str, float]] = []

    def watch(passes: int, seconds: float, speaker: Speaker) -> None:
        if passes in marks:
            rate = win_rate(speaker, job.taste, ground)
            found.append({"passes": passes, "seconds": _digits(seconds), "win_rate": _digits(rate)})

    return found, watch


def _digits(value: float) -> float:
    """Four digits that mean something; NaN, which JSON does not know, becomes 0."""
    return float(f"{value:.4g}") if math.isfinite(value) else 0.0
