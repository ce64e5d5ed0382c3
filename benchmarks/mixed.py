"""Generation for 32 people at once: with 32 profiles, with none, and with a LoRA switched per user.

A paired run answers the same 32 prompts in three ways: as one batch of the plain base, as one batch
in which every row is under a profile of its own, and one row after the other, the user's LoRA made
active before each. All of them generate the same number of tokens, end marks or not.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from benchmarks.answers import stream
from benchmarks.tasks.base import Arena
from prefcli.base import Base
from prefcli.decoding import sample
from prefcli.feedback.records import text_prompt

PEOPLE = 32
TOKENS = 24
RANK = 8


def measure(arena: Arena, runs: int) -> Iterator[dict[str, Any]]:
    """CPU seconds of each run, by turns in another order."""
    from peft import LoraConfig, get_peft_model

    model = arena.model
    base = model.base
    rng = np.random.default_rng(stream(arena.name, "mixed"))
    points = rng.normal(size=(PEOPLE, model.space.size))
    points *= model.space.config.rho / np.linalg.norm(points, axis=1, keepdims=True)
    prefixes = [model.space.prefix(base, z) for z in points]
    config = LoraConfig(
        r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    switched = Base(copy.deepcopy(base.model), base.tokenizer, base.source, base.fingerprint())
    wrapped: Any = get_peft_model(switched.model, config, adapter_name="0")
    for number in range(1, PEOPLE):
        wrapped.add_adapter(str(number), config)
    wrapped.eval()

    def answer(chosen: Base, prompts: list[str], **given: Any) -> None:
        sample(
            chosen,
            [chosen.prompt_ids(text_prompt(p)) for p in prompts],
            seeds=list(range(len(prompts))),
            max_new_tokens=TOKENS,
            **given,
        )

    def by_turns(prompts: list[str]) -> None:
        for number, prompt in enumerate(prompts):
            wrapped.set_adapter(str(number))
            answer(switched, [prompt])

    ways = {
        "plain": lambda prompts: answer(base, prompts),
        "mixed": lambda prompts: answer(base, prompts, prefixes=prefixes),
        "lora": by_turns,
    }
    # End marks would make the ways do different work.
    marks = base.stop_ids
    try:
        base.stop_ids = switched.stop_ids = ()
        for run in range(-1, runs):
            prompts = [str(p) for p in rng.choice(list(arena.test_prompts), PEOPLE)]
            row: dict[str, Any] = {"task": arena.name, "run": run}
            for name in rng.permutation(list(ways)):
                started = time.process_time()
                with torch.no_grad():
                    ways[str(name)](prompts)
                row[str(name)] = round(time.process_time() - started, 4)
            arena.model.progress("mixed generation", run + 1, runs)
            if run >= 0:  # the first one only warms up
                yield row
    finally:
        base.stop_ids = switched.stop_ids = marks
