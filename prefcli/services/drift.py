"""How far a profile moves the base where its taste should not matter.

    KL(base || profile) per token = E over y of the base: (log p(y | x) - log p(y | x, z)) / |y|

with y sampled from the base as it is (temperature 1), on neutral prompts: facts, sums, code and
translations, which have one answer whatever somebody likes. Beside what these answers cost the base
itself it reads as a share: with 5 %, the base's own answers are 5 % dearer under the profile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from prefcli.feedback.records import Prompt, text_prompt
from prefcli.latent.intervals import bootstrap

if TYPE_CHECKING:
    import numpy.typing as npt

    from prefcli.base import Base
    from prefcli.latent.space import Space
    from prefcli.progress import Progress

MOST = 16  # prompts
SAMPLES = 2  # answers to each
LONGEST = 48  # tokens
ROWS = 8  # scored at once, as in `fluency`
NEUTRAL = (
    "What is the capital of Australia?",
    "How many days are there in a leap year?",
    "What is 17 times 6?",
    "Translate into French: The window is open.",
    "Translate into German: Where is the station?",
    "Write a Python function that reverses a string.",
    "What does the SQL statement SELECT count(*) FROM users do?",
    "Name the planets of the solar system in order.",
    "What is the chemical formula of table salt?",
    "In which year did the Second World War end?",
    "Spell the word 'necessary'.",
    "What is the plural of 'mouse'?",
    "Convert 10 kilometres to miles.",
    "Sort these numbers: 9, 2, 14, 7.",
    "Who wrote Hamlet?",
    "Is 91 a prime number?",
)


def neutral_prompts() -> list[Prompt]:
    """Prompts that a taste should leave alone."""
    return [text_prompt(text) for text in NEUTRAL]


def measure_drift(
    base: Base,
    space: Space,
    prompts: Sequence[Prompt],
    z_of: Callable[[Prompt], npt.NDArray[np.float64] | None],
    *,
    room: int,
    seed: int,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The divergence, per token of the base's own answers.

    Args:
        prompts: At most `MOST` of them count.
        z_of: The point to answer a prompt with; None for no prefix.
        room: Tokens of a prompt that are read.

    Returns:
        `kl` in nats per token and its 90 % `interval` over prompts, `relative` (beside what the
        answers cost the base), `prompts` and `answers` (how many).
    """
    import torch

    from prefcli.decoding import sample
    from prefcli.latent.likelihood import nll

    asked = list(prompts[:MOST])
    jobs = [prompt for prompt in asked for _ in range(SAMPLES)]
    ids = {prompt: tuple(base.prompt_ids(prompt, room)) for prompt in asked}
    seeds = np.random.default_rng(seed).integers(2**48, size=len(jobs)).tolist()
    if progress:
        progress("answering neutral prompts", 0, None)
    base.moves_with(space.lora_name)
    texts = sample(base, [ids[p] for p in jobs], seeds=seeds, max_new_tokens=LONGEST)
    pairs = [
        (ids[prompt], tuple(base.response_ids(text, LONGEST)[0]))
        for prompt, text in zip(jobs, texts, strict=True)
    ]
    plain = nll(base, pairs, batch_size=ROWS, what="measuring drift", progress=progress)
    moved = plain.clone()
    points = {prompt: z_of(prompt) for prompt in asked}
    rows = [i for i, prompt in enumerate(jobs) if points[prompt] is not None]
    if rows:
        z = torch.tensor(np.array([points[jobs[i]] for i in rows]), dtype=torch.float32)
        some = [pairs[i] for i in rows]
        moved[rows] = nll(
            base, some, space.adapter, z, batch_size=ROWS, what="measuring drift", progress=progress
        )
    costs = [moved - plain, torch.tensor([float(len(r)) for _, r in pairs]), plain]
    # (prompts,) each: what is drawn again is a prompt with all its answers
    extra, tokens, own = (c.double().view(len(asked), SAMPLES).sum(1).numpy() for c in costs)
    low, high = bootstrap(lambda i: extra[i].sum(1) / tokens[i].sum(1), len(asked), seed)
    return {
        "kl": round(float(extra.sum() / tokens.sum()), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
        "relative": round(float(extra.sum() / max(float(own.sum()), 1e-9)), 4),
        "prompts": len(asked),
        "answers": len(pairs),
    }
