"""The one place where the benchmark meets the model: questions, answers, encodings, likelihood."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from prefcli import tiny
from prefcli.base import Base
from prefcli.decoding import sample
from prefcli.feedback.records import text_prompt
from prefcli.latent.space import Space
from prefcli.loading import load_base
from prefcli.progress import Progress
from prefcli.tiny import corpus
from prefcli.tiny.corpus import Topic

FloatArray = npt.NDArray[np.float64]

BATCH = 128  # rows sampled at once
LIKELIHOOD_BATCH = 64
MAX_NEW_TOKENS = 160  # the longest answers of the small world stay below


@dataclass(frozen=True)
class Question:
    """A prompt and the topic that an answer should be about."""

    topic: Topic
    prompt: str


@dataclass(frozen=True)
class Request:
    """One answer to be made: by the plain base, or under the prefix of `z` (K,)."""

    prompt: str
    seed: int
    z: FloatArray | None = None


def stream(*parts: object) -> int:
    """The seed that belongs to a name, the same on every machine."""
    return random.Random("/".join(map(str, parts))).getrandbits(48)


def questions(topics: Sequence[Topic], count: int, seed: int) -> list[Question]:
    """`count` questions, all different, a third of each kind, each kind's topics all different.

    Args:
        topics: At least a third of `count`.
        count: A multiple of 3.
        seed: Picks topics and wordings.
    """
    rng = random.Random(seed)
    return [
        Question(topic, rng.choice(corpus.prompts(topic, kind)))
        for kind in corpus.PROMPT_KINDS
        for topic in rng.sample(topics, count // len(corpus.PROMPT_KINDS))
    ]


def all_prompts(topics: Sequence[Topic], seed: int) -> list[str]:
    """Every wording of every question about `topics`, shuffled."""
    found = [
        prompt
        for topic in topics
        for kind in corpus.PROMPT_KINDS
        for prompt in corpus.prompts(topic, kind)
    ]
    random.Random(seed).shuffle(found)
    return found


class Model:
    """A base with its space.

    Args:
        base: The base.
        space: A space trained on it.
        progress: Told about every batch.
        max_new_tokens: The longest answer.
    """

    def __init__(
        self, base: Base, space: Space, progress: Progress, max_new_tokens: int = MAX_NEW_TOKENS
    ) -> None:
        self.base = base
        self.space = space
        self.progress = progress
        self.max_new_tokens = max_new_tokens

    def answers(self, what: str, requests: Sequence[Request]) -> list[str]:
        """Answer at temperature 1, in order; `what` names the work in the progress."""
        found: list[str] = []
        for start in range(0, len(requests), BATCH):
            chunk = requests[start : start + BATCH]
            prefixes = [None if r.z is None else self.space.prefix(self.base, r.z) for r in chunk]
            found += sample(
                self.base,
                [self.base.prompt_ids(text_prompt(r.prompt)) for r in chunk],
                seeds=[r.seed for r in chunk],
                prefixes=prefixes,
                max_new_tokens=self.max_new_tokens,
            )
            self.progress(what, len(found), len(requests))
        return found

    def rivals(self, what: str, prompts: Sequence[str], count: int, seed: int) -> list[list[str]]:
        """`count` answers of the plain base to each prompt."""
        requests = [
            Request(prompt, stream(seed, "rival", i, j))
            for i, prompt in enumerate(prompts)
            for j in range(count)
        ]
        found = self.answers(what, requests)
        return [found[start : start + count] for start in range(0, len(found), count)]

    def encode(self, answers: Sequence[tuple[str, str]]) -> FloatArray:
        """Posterior means (n, K) of n (prompt, answer), as the fit of a profile sees them."""
        found = np.zeros((len(answers), self.space.size))
        rows = [(text_prompt(prompt), answer) for prompt, answer in answers]
        for batch in self.space.encode(self.base, rows):
            for index, encoded in batch:
                found[index] = encoded.mean
        return found

    def nats_per_token(self, answers: Sequence[tuple[str, str]]) -> float:
        """NLL per token of (prompt, answer) under the plain base, the end mark included."""
        rows = [
            (
                self.base.prompt_ids(text_prompt(p)),
                self.base.response_ids(a, self.max_new_tokens)[0],
            )
            for p, a in answers
        ]
        rows.sort(key=lambda row: len(row[0]) + len(row[1]))
        total = 0.0
        for start in range(0, len(rows), LIKELIHOOD_BATCH):
            chunk = rows[start : start + LIKELIHOOD_BATCH]
            with torch.no_grad():
                nll = self.base.negative_log_likelihood(
                    [p for p, _ in chunk], [r for _, r in chunk]
                )
            total += float(nll.sum())
        return total / sum(len(response) for _, response in rows)


def embedded_model(progress: Progress) -> Model:
    """The embedded base with its space, in float32 on the CPU."""
    base = load_base(tiny.base_directory(), "cpu", "float32")
    space = Space.load(tiny.space_directory())
    space.attach(base)
    return Model(base, space, progress)
