"""Stage 1 from prompts to a finished space: sample, train, settle, measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from prefcli.allocator import keep_freed_memory
from prefcli.latent.geometry import settle
from prefcli.latent.pretrain import PretrainConfig, pretrain
from prefcli.latent.report import measure
from prefcli.latent.responses import prompt_limit, sample_groups
from prefcli.latent.space import HISTORY_POINTS, Space, SpaceConfig

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.feedback.records import Prompt
    from prefcli.progress import Progress


def train_space(
    base: Base,
    prompts: Sequence[Prompt],
    held_out: Sequence[Prompt],
    config: PretrainConfig,
    *,
    base_name: str,
    samples: int = 16,
    max_new_tokens: int = 128,
    progress: Progress | None = None,
) -> Space:
    """Learn a space for a base.

    Args:
        base: The base; stays as it is.
        prompts: What it answers in training.
        held_out: Prompts for the trust report alone.
        config: Stage 1's settings.
        base_name: Recorded for people.
        samples: Answers per prompt.
        max_new_tokens: Longest answer, here and for later encodings.

    Raises:
        DataError: the base gives no two different answers, or training diverged.
        PrefcliError: no direction survives the round trip.
    """
    groups = sample_groups(
        base,
        prompts,
        samples=samples,
        max_new_tokens=max_new_tokens,
        seed=config.seed,
        progress=progress,
    )
    unseen = sample_groups(
        base,
        held_out,
        samples=samples,
        max_new_tokens=max_new_tokens,
        seed=config.seed + 1,
        progress=progress,
    )
    keep_freed_memory()
    cuda = [base.device] if base.device.type == "cuda" else []
    # The caller's random streams stay as they are.
    with base.plain_attention(), torch.random.fork_rng(cuda):
        trained = pretrain(base, groups, config, progress)
    geometry = settle(base, trained, groups, seed=config.seed, progress=progress)
    report = measure(
        base,
        trained.encoder,
        trained.adapter,
        geometry.prior,
        unseen,
        seed=config.seed,
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
        max_response_tokens=max_new_tokens,
        rho=rho,
        own_bits_per_byte=(low, high),
        report=report,
        history=_thinned(trained.history),
    )
    return Space(settled, trained.encoder, trained.adapter, geometry.prior)


def _thinned(history: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """At most `HISTORY_POINTS` rows, each the mean of as many steps, up to its `step`."""
    width = max(1, math.ceil(len(history) / HISTORY_POINTS))
    rows = []
    for start in range(0, len(history), width):
        part = history[start : start + width]
        means = {name: round(fmean(row[name] for row in part), 4) for name in part[0]}
        rows.append({"step": start + len(part), **means})
    return rows
