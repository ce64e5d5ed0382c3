"""Several answers of the base to each prompt: what stage 1 learns from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefcli.decoding import sample
from prefcli.errors import DataError, UsageError

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.feedback.records import Prompt
    from prefcli.progress import Progress

MAX_PROMPT_TOKENS = 256
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
    samples: int = 16,
    max_new_tokens: int = 128,
    batch_size: int = 128,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Group]:
    """Sample `samples` answers to each prompt.

    Prompts of similar length share a batch. Answers that are equal or empty count once or not at
    all; a prompt left with fewer than two says nothing about how answers differ and is dropped.

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
    limit = prompt_limit(base)
    framed = [tuple(base.prompt_ids(prompt, limit)) for prompt in prompts]
    jobs = sorted((ids for ids in framed for _ in range(samples)), key=lambda ids: (len(ids), ids))
    streams = random.Random(seed)
    answers: dict[tuple[int, ...], dict[tuple[int, ...], None]] = {ids: {} for ids in framed}
    for start in range(0, len(jobs), batch_size):
        chunk = jobs[start : start + batch_size]
        texts = sample(
            base,
            chunk,
            seeds=[streams.getrandbits(48) for _ in chunk],
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
        )
        for ids, text in zip(chunk, texts, strict=True):
            if text.strip():
                # An answer that was cut short keeps no end mark: the base did not end there.
                response, _ = base.response_ids(text, max_new_tokens)
                answers[ids][tuple(response)] = None
        if progress:
            progress("sampling answers", min(start + batch_size, len(jobs)), len(jobs))
    groups = [Group(ids, tuple(found)) for ids, found in answers.items() if len(found) >= 2]
    if not groups:
        raise DataError(
            "the base gave no two different answers to any prompt: "
            "check the prompts, or raise --max-new-tokens"
        )
    return groups
