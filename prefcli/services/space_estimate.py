"""What a training of a space would cost, from a small part of it done on this machine."""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any, Unpack

from prefcli.services.bases import open_base
from prefcli.services.space_plan import Asked, Plan
from prefcli.services.space_training import find_base, make_plan, stage_one_settings
from prefcli.store import Store

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.responses import Group
    from prefcli.progress import Progress

SAMPLED_PROMPTS = 8  # of which a few answers are drawn and trained on
TIMED_STEPS = 3  # the first of them is slower and does not count


def estimate_space(
    store: Store,
    *,
    base: str | None = None,
    prompts: str | None = None,
    progress: Progress | None = None,
    **asked: Unpack[Asked],
) -> dict[str, Any]:
    """Steps, tokens, memory and seconds of a training that is not done.

    One batch of answers is sampled and a few steps are made; nothing is kept. Arguments, and what
    is raised, are those of `train_space`.

    Returns:
        `base`, `device`, `prompts`, `held_out`, `answers` (to sample), `steps`, `tokens` (a dict:
        sampled, trained), `memory_bytes` (the weights, and the most that this process held),
        `seconds` (a dict: sampling, training, report, total).
    """
    import torch

    reference = find_base(store, base, False, progress)
    plan = make_plan(store, reference.name, prompts, asked)
    model = open_base(reference, progress)
    config = stage_one_settings(plan.settings, model)

    asked_prompts = len(plan.prompts) + len(plan.held_out) - len(plan.given)
    answers = max(0, asked_prompts) * plan.settings.samples
    rows, batch_seconds, groups = _sampled(model, plan, progress)
    batches = math.ceil(answers / rows)
    step_seconds = _step_seconds(model, groups, replace(config, steps=TIMED_STEPS), progress)

    length = fmean(len(r) for group in groups for r in group.responses)
    asked_length = fmean(len(group.prompt) for group in groups)
    per_step = min(config.prompts_per_step, len(plan.prompts)) * min(
        config.responses_per_prompt, plan.settings.samples
    )
    read = 1 + config.weights.negatives  # under its own z, and under each other one
    from prefcli.latent.geometry import ROUND_TRIPS
    from prefcli.latent.report import generated

    # At most: which directions will prove active is not known yet.
    report_answers = ROUND_TRIPS + generated(config.latent_size)
    seconds = {
        "sampling": batches * batch_seconds,
        "training": config.steps * step_seconds,
        "report": math.ceil(report_answers / rows) * batch_seconds,
    }
    return {
        "base": reference.name,
        "device": str(model.device),
        "prompts": len(plan.prompts),
        "held_out": len(plan.held_out),
        "answers": answers,
        "steps": config.steps,
        "tokens": {
            "sampled": round(answers * length),
            "trained": round(config.steps * per_step * read * (asked_length + length)),
        },
        "memory_bytes": {
            "weights": sum(w.numel() * w.element_size() for w in model.model.parameters()),
            "most": _most_memory(torch.cuda.is_available() and model.device.type == "cuda"),
        },
        "seconds": {
            **{name: round(value, 1) for name, value in seconds.items()},
            "total": round(sum(seconds.values()), 1),
        },
    }


def _sampled(model: Base, plan: Plan, progress: Progress | None) -> tuple[int, float, list[Group]]:
    """Rows of a sampled batch, its seconds, and the answers by prompt."""
    from prefcli.latent.responses import ROWS, sample_groups

    settings = plan.settings
    chosen = random.Random(0).sample(plan.prompts, min(SAMPLED_PROMPTS, len(plan.prompts)))
    each = max(2, min(settings.samples, ROWS // len(chosen)))
    started = time.perf_counter()
    groups = sample_groups(
        model,
        chosen,
        samples=each,
        max_new_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        seed=settings.seed,
        progress=progress,
    )
    return len(chosen) * each, time.perf_counter() - started, groups


def _step_seconds(
    model: Base, groups: list[Group], config: Any, progress: Progress | None
) -> float:
    from prefcli.latent.train import learn

    ends: list[float] = []

    def step(what: str, done: int, total: int | None) -> None:
        ends.append(time.perf_counter())
        if progress:
            progress(what, done, total)

    learn(model, groups, config, progress=step)
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def _most_memory(cuda: bool) -> int:
    """Bytes: of the GPU where one is used, else of this process."""
    import resource
    import sys

    import torch

    if cuda:
        return torch.cuda.max_memory_allocated()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
