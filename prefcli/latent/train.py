"""Stage 1 from prompts to a finished space: sample, learn, settle, measure.

The first two are for all workers together, and go on where an interrupted run stopped if they are
given a directory to work in. The rest is for one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch

from prefcli.allocator import keep_freed_memory
from prefcli.latent.geometry import settle
from prefcli.latent.journal import Journal
from prefcli.latent.pretrain import PretrainConfig, Trained, pretrain
from prefcli.latent.report import measure
from prefcli.latent.responses import Group, prompt_limit, sample_groups
from prefcli.latent.space import HISTORY_POINTS, Space, SpaceConfig
from prefcli.latent.workers import ALONE, Workers

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.feedback.records import Prompt
    from prefcli.progress import Progress


@dataclass(frozen=True)
class Questions:
    """What stage 1 asks the base.

    Args:
        prompts: What is answered in training.
        held_out: Prompts for the trust report alone.
        given: Answers that are there already, by prompt; such a prompt is not sampled.
        provenance: Where the prompts come from and whose they are, for the space to record.
    """

    prompts: Sequence[Prompt]
    held_out: Sequence[Prompt]
    given: Mapping[Prompt, Sequence[str]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sampling:
    """How the base's answers are drawn.

    Args:
        samples: Answers per prompt.
        max_new_tokens: Longest answer, here and for later encodings.
        temperature, top_p: As in `decoding.sample`.
    """

    samples: int = 16
    max_new_tokens: int = 128
    temperature: float = 1.0
    top_p: float = 1.0


def train_space(
    base: Base,
    questions: Questions,
    config: PretrainConfig,
    sampling: Sampling = Sampling(),
    *,
    base_name: str,
    workplace: Path | None = None,
    workers: Workers = ALONE,
    progress: Progress | None = None,
) -> Space | None:
    """Learn a space for a base.

    Args:
        base: The base; only its LoRA moves, if one is asked for.
        questions: The prompts.
        config: Stage 1's settings.
        sampling: How the base answers.
        base_name: Recorded for people.
        workplace: Directory that keeps what is done so far, for an interrupted run to go on from.
        workers: The processes that work together.
        progress: Told how far each part is.

    Returns:
        The space; None for every worker but the first.

    Raises:
        DataError: the base gives no two different answers, or training diverged.
        PrefcliError: no direction survives the round trip.
    """
    groups, unseen = draw_answers(
        base, questions, sampling, config.seed, workplace, workers, progress
    )
    trained = learn(base, groups, config, workplace, workers, progress)
    if not (workers.first or base.sharded):
        return None
    provenance = {
        "prompts": {"count": len(questions.prompts), **questions.provenance},
        "answers": {**asdict(sampling), "given": len(questions.given), "seed": config.seed},
    }
    # With a sharded base all of them finish, since its passes are all workers' together.
    space = finish(
        base,
        trained,
        groups,
        unseen,
        config,
        sampling,
        base_name,
        provenance,
        asked=asked_in_words(base, questions.held_out),
        progress=progress,
    )
    return space if workers.first else None


def asked_in_words(base: Base, prompts: Sequence[Prompt]) -> dict[tuple[int, ...], str]:
    """What the ids of each prompt say, as a person would read it."""
    limit = prompt_limit(base)
    return {tuple(base.prompt_ids(prompt, limit)): prompt[-1].content for prompt in prompts}


def draw_answers(
    base: Base,
    questions: Questions,
    sampling: Sampling,
    seed: int,
    workplace: Path | None = None,
    workers: Workers = ALONE,
    progress: Progress | None = None,
) -> tuple[list[Group], list[Group]]:
    """The answers to learn from, and those to the held-out prompts, the same for all workers."""
    found = []
    for offset, (name, prompts) in enumerate(
        (("answers", questions.prompts), ("held-out-answers", questions.held_out))
    ):
        found.append(
            sample_groups(
                base,
                prompts,
                given=questions.given,
                samples=sampling.samples,
                max_new_tokens=sampling.max_new_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                seed=seed + offset,
                journal=Journal(workplace, name) if workplace else None,
                workers=workers,
                progress=progress,
            )
        )
    return found[0], found[1]


def learn(
    base: Base,
    groups: Sequence[Group],
    config: PretrainConfig,
    workplace: Path | None = None,
    workers: Workers = ALONE,
    progress: Progress | None = None,
) -> Trained:
    """Encoder and adapter from groups of answers; the caller's random streams stay as they are."""
    keep_freed_memory()
    cuda = [base.device] if base.device.type == "cuda" else []
    with base.plain_attention(), torch.random.fork_rng(cuda):
        return pretrain(
            base,
            groups,
            config,
            progress,
            checkpoint=workplace / "checkpoint.pt" if workplace else None,
            workers=workers,
        )


def finish(
    base: Base,
    trained: Trained,
    groups: Sequence[Group],
    unseen: Sequence[Group],
    config: PretrainConfig,
    sampling: Sampling,
    base_name: str,
    provenance: Mapping[str, Any],
    *,
    asked: Mapping[tuple[int, ...], str] | None = None,
    progress: Progress | None = None,
) -> Space:
    """Settle the geometry of what was learned, measure it on held-out answers, make it a space."""
    if trained.lora:
        trained.lora.round()
    geometry = settle(base, trained, groups, seed=config.seed, progress=progress)
    report = measure(
        base,
        trained.encoder,
        trained.adapter,
        geometry.prior,
        unseen,
        seed=config.seed,
        asked=asked,
        progress=progress,
    )
    report["spectrum"] = [round(value, 4) for value in geometry.spectrum]
    report["aggregate"] = [round(value, 4) for value in geometry.aggregate]
    report["directions"] = len(geometry.consistency)
    report["prompts_seen"] = len(groups)
    report["steps"] = config.steps
    report["final"] = trained.history[-1]
    rho = report.pop("rho")
    low, high = report.pop("bits_per_byte")
    settled = SpaceConfig(
        base=base_name,
        base_fingerprint=base.fingerprint(),
        encoder=trained.encoder.config,
        adapter=trained.adapter.config_for(len(geometry.consistency)),
        latent_size=len(geometry.consistency),
        max_prompt_tokens=prompt_limit(base),
        max_response_tokens=sampling.max_new_tokens,
        rho=rho,
        own_bits_per_byte=(low, high),
        report=report,
        history=_thinned(trained.history),
        provenance=dict(provenance),
        lora_rank=config.lora_rank,
    )
    return Space(settled, trained.encoder, trained.adapter, geometry.prior, trained.lora)


def _thinned(history: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """At most `HISTORY_POINTS` rows, each the mean of as many steps, up to its `step`."""
    width = max(1, math.ceil(len(history) / HISTORY_POINTS))
    rows = []
    for start in range(0, len(history), width):
        part = history[start : start + width]
        means = {name: round(fmean(row[name] for row in part), 4) for name in part[0]}
        rows.append({"step": start + len(part), **means})
    return rows
