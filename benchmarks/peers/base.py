"""What a method is to the comparison: something that learns from pairs, and then speaks.

Everything speaks through the same sampling code with the same random streams (`prefcli.decoding`),
so that two methods differ in what they learned and in nothing else. Seconds are CPU seconds of this
process, which other work on the machine does not change; with one thread they are what an idle
core takes.

Letters: L layers, H key/value heads, P prefix length, E head size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks.answers import LIKELIHOOD_BATCH, FloatArray, Request
from benchmarks.judges import Pair
from benchmarks.tasks.base import Arena, Taste
from prefcli.base import Base
from prefcli.decoding import sample
from prefcli.feedback.records import Prompt, text_prompt

ROWS = 96  # answers sampled at once
Setting = Mapping[str, Any]


class Speaker(Protocol):
    """Answers prompts the way that was learned."""

    def answers(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        """One answer to each prompt."""
        ...

    def nats(self, prompts: Sequence[str], answers: Sequence[str]) -> list[float] | None:
        """Summed NLL of each answer as it speaks; None where that has no density."""
        ...


@dataclass(frozen=True, eq=False)
class Voice:
    """A base that speaks under prefixes, or as something holds it meanwhile.

    Args:
        base: Which answers.
        max_new_tokens: The longest answer.
        prefix: The prefix (L, 2, H, P, E) for a prompt; None for the plain base.
        framed: The turns that a prompt becomes.
        held: Entered while the base speaks.
    """

    base: Base
    max_new_tokens: int
    prefix: Callable[[str], Tensor | None] = lambda _: None
    framed: Callable[[str], Prompt] = text_prompt
    held: Callable[[], AbstractContextManager[None]] = nullcontext

    def answers(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        """At temperature 1."""
        found: list[str] = []
        for start in range(0, len(prompts), ROWS):
            part = slice(start, start + ROWS)
            with self.held():
                found += sample(
                    self.base,
                    [self._ids(prompt) for prompt in prompts[part]],
                    seeds=seeds[part],
                    prefixes=[self.prefix(prompt) for prompt in prompts[part]],
                    max_new_tokens=self.max_new_tokens,
                )
        return found

    def nats(self, prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        """Summed NLL of each answer, the end mark included."""
        found: list[float] = []
        for start in range(0, len(prompts), LIKELIHOOD_BATCH):
            part = slice(start, start + LIKELIHOOD_BATCH)
            ids = [self._ids(prompt) for prompt in prompts[part]]
            ends = [self.base.response_ids(a, self.max_new_tokens)[0] for a in answers[part]]
            prefixes = [self.prefix(prompt) for prompt in prompts[part]]
            stacked = (
                None if prefixes[0] is None else torch.stack([p for p in prefixes if p is not None])
            )
            with self.held(), torch.no_grad():
                nll = self.base.negative_log_likelihood(ids, ends, stacked)
            found += nll.tolist()
        return found

    def _ids(self, prompt: str) -> list[int]:
        return self.base.prompt_ids(
            self.framed(prompt), self.base.context - self.max_new_tokens - 32
        )


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one user taught one method.

    Args:
        speaker: How it speaks now.
        seconds: `encode` (reading the answers), `train`, and `whole`: all from pairs in memory to
            something that could be saved.
        bytes: What is kept per user.
        path: Win rate by seconds along the training, where it was asked for.
        notes: What else to keep with the cell.
    """

    speaker: Speaker
    seconds: Mapping[str, float]
    bytes: int
    path: Sequence[Mapping[str, float]] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


# Told the number of passes so far, the CPU seconds so far and how the method speaks by now.
Watch = Callable[[int, float, Speaker], None]


@dataclass(frozen=True)
class Job:
    """What a method is to learn from.

    Args:
        arena: The task.
        user: Name of the user.
        taste: Labels and judges; references may ask it, peers may not.
        pairs: What the user said.
        seed: Everything random.
        setting: Of the peer, as its search found it.
        held_out: Pairs to stop early by, in the search alone.
        watch: Told about the training as it goes.
    """

    arena: Arena
    user: str
    taste: Taste
    pairs: Sequence[Pair]
    seed: int
    setting: Setting = field(default_factory=dict)
    held_out: Sequence[Pair] = ()
    watch: Watch | None = None


@dataclass(frozen=True)
class Peer:
    """One method.

    Args:
        name: In results and tables.
        teach: Learns.
        grid: Settings that the search tries; none are needed where it is empty.
        reference: Whether it is allowed to ask the judge, and learns nothing from pairs.
        largest: Most pairs that it can take; None for any number.
        slow: Whether a fit takes seconds to minutes.
    """

    name: str
    teach: Callable[[Job], Lesson]
    grid: Sequence[Setting] = ()
    reference: bool = False
    largest: int | None = None
    slow: bool = False


class Clock:
    """CPU seconds by part of the work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"encode": 0.0, "train": 0.0}
        self._started = time.process_time()
        self._watching = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens inside."""
        started, watched = time.process_time(), self._watching
        yield
        spent = time.process_time() - started - (self._watching - watched)
        self.seconds[name] = self.seconds.get(name, 0.0) + spent

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Count nothing of what happens inside."""
        started = time.process_time()
        yield
        self._watching += time.process_time() - started

    def so_far(self) -> float:
        """Seconds since the start."""
        return time.process_time() - self._started - self._watching

    def whole(self) -> dict[str, float]:
        """All parts, and `whole`."""
        return {**self.seconds, "whole": self.so_far()}


class PeakMemory:
    """The most memory that this process held inside the context, in MB.

    Linux can forget the peak; elsewhere `megabytes` stays None.
    """

    def __init__(self) -> None:
        self.megabytes: float | None = None
        self._forget = Path("/proc/self/clear_refs")
        self._status = Path("/proc/self/status")
        self._can = False

    def __enter__(self) -> PeakMemory:
        try:
            self._forget.write_text("5")
            self._can = True
        except OSError:
            pass
        return self

    def __exit__(self, *_: object) -> None:
        if self._can:
            rows = self._status.read_text(encoding="utf-8").splitlines()
            peak = next(row for row in rows if row.startswith("VmHWM"))
            self.megabytes = int(peak.split()[1]) / 1024


def under(arena: Arena, z: FloatArray | None) -> Voice:
    """The base under the prefix of one z."""
    model = arena.model
    prefix = None if z is None else model.space.prefix(model.base, z)
    return Voice(model.base, model.max_new_tokens, lambda _: prefix)


def rivals(arena: Arena, prompts: Sequence[str], count: int, name: str) -> list[list[str]]:
    """`count` answers of the plain base to each prompt."""
    from benchmarks.answers import stream

    requests = [
        Request(prompt, stream(arena.name, name, "rival", prompt, j))
        for prompt in prompts
        for j in range(count)
    ]
    texts = arena.model.answers(f"{arena.name}, the base", requests)
    return [texts[start : start + count] for start in range(0, len(texts), count)]


def wins(own: FloatArray, theirs: FloatArray) -> FloatArray:
    """Share of rivals (n, r) that each answer (n,) beats, a tie counting one half."""
    above, equal = own[:, None] > theirs, own[:, None] == theirs
    found: FloatArray = (above + 0.5 * equal).mean(axis=1)
    return np.asarray(found, dtype=np.float64)
