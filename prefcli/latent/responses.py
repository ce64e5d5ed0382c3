"""Several answers of the base to each prompt: what stage 1 learns from."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefcli.decoding import sample
from prefcli.errors import DataError, UsageError
from prefcli.latent.workers import ALONE, Workers

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.feedback.records import Prompt
    from prefcli.latent.journal import Journal
    from prefcli.progress import Progress

MAX_PROMPT_TOKENS = 256
ROWS = 128  # sampled at once
PREFIX_ROOM = 16  # tokens of the context kept free for a prefix and the end mark


@dataclass(frozen=True)
class Group:
    """One prompt and different answers to it, as token ids; answers end in the end mark."""

    prompt: tuple[int, ...]
    responses: tuple[tuple[int, ...], ...]


def prompt_limit(base: Base) -> int:
    """Tokens of a prompt that stage 1 and the encoder read: at most half the base's context."""
    return min(MAX_PROMPT_TOKENS, base.context // 2)


def sample_groups(
    base: Base,
    prompts: Sequence[Prompt],
    *,
    given: Mapping[Prompt, Sequence[str]] | None = None,
    samples: int = 16,
    max_new_tokens: int = 128,
    batch_size: int = ROWS,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
    journal: Journal | None = None,
    workers: Workers = ALONE,
    progress: Progress | None = None,
) -> list[Group]:
    """Sample answers to each prompt that has none given.

    Prompts of similar length share a batch. Answers that are equal or empty count once or not at
    all; a prompt left with fewer than two says nothing about how answers differ and is dropped.

    Args:
        base: Who answers.
        prompts: What to answer.
        given: Answers that are there already, by prompt; such a prompt is not sampled.
        samples: Answers per prompt.
        max_new_tokens: Longest answer; given ones lose what is beyond.
        batch_size: Rows that are sampled at once.
        temperature, top_p: As in `decoding.sample`.
        seed: Of all streams; a row's own does not depend on what was sampled before it.
        journal: Keeps each batch as it comes, and has those of a run that was interrupted.
        workers: The processes that share the work; all get all groups.

    Raises:
        UsageError: prompt, answer and prefix together would not fit into the base's context.
        DataError: no prompt is left with two different answers.
    """
    longest = base.context // 2 - PREFIX_ROOM
    if max_new_tokens > longest:
        raise UsageError(
            f"--max-new-tokens {max_new_tokens}: stage 1 takes at most {longest}, half the "
            f"{base.context} tokens that base {base.source} can read"
        )
    given = given or {}
    limit = prompt_limit(base)
    framed = {prompt: tuple(base.prompt_ids(prompt, limit)) for prompt in prompts}
    answers: dict[tuple[int, ...], dict[tuple[int, ...], None]] = {
        ids: {} for ids in framed.values()
    }

    def add(ids: tuple[int, ...], text: str) -> None:
        if text.strip():
            # An answer that was cut short keeps no end mark: the base did not end there.
            response, _ = base.response_ids(text, max_new_tokens)
            answers[ids][tuple(response)] = None

    asked = [ids for prompt, ids in framed.items() if prompt not in given]
    jobs = sorted((ids for ids in asked for _ in range(samples)), key=lambda ids: (len(ids), ids))
    streams = random.Random(seed)
    seeds = [streams.getrandbits(48) for _ in jobs]
    sizes = {
        start: len(jobs[start : start + batch_size]) for start in range(0, len(jobs), batch_size)
    }
    # One reads: another would see, a moment later, what was sampled meanwhile.
    known = workers.agree(journal.read() if journal and workers.first else {})
    texts = {start: known[start] for start in sizes if len(known.get(start, ())) == sizes[start]}
    starts = [start for start in sizes if start not in texts]
    for first in range(0, len(starts), workers.count):  # a batch for each worker, or for most
        turn = starts[first : first + workers.count]
        found = []
        if workers.rank < len(turn) or base.sharded:  # whose passes are all workers' together
            start = turn[min(workers.rank, len(turn) - 1)]
            part = slice(start, start + batch_size)
            found = sample(
                base,
                jobs[part],
                seeds=seeds[part],
                max_new_tokens=max_new_tokens,
                temperature=temperature,
                top_p=top_p,
            )
        for start, batch in zip(turn, workers.all(found), strict=False):
            texts[start] = batch
            if journal and workers.first:
                journal.write(start, batch)
        if progress:
            progress("sampling answers", sum(map(len, texts.values())), len(jobs))
    for start in sorted(texts):
        for ids, text in zip(jobs[start : start + batch_size], texts[start], strict=True):
            add(ids, text)
    for prompt, responses in given.items():
        for text in responses if prompt in framed else ():
            add(framed[prompt], text)
    groups = [Group(ids, tuple(found)) for ids, found in answers.items() if len(found) >= 2]
    if not groups:
        raise DataError(
            "the base gave no two different answers to any prompt: "
            "check the prompts, or raise --max-new-tokens"
        )
    return groups
