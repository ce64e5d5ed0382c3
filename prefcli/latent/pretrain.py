"""Stage 1: learn encoder and adapter together, over a frozen base.

For a prompt x and several of the base's own answers y, minimise with weights 1 : 1 : 1

    - log p(y | x, z), summed over the answer's tokens          reconstruction
    + KL(aggregated posterior || N(0, I)), one per dimension    DG-KLD
    - log sigmoid(log p(y | x, z) - log p(y | x, z'))           contrastive

with z drawn from q(z | x, y) and z' from the posterior of another answer to the same prompt (the
neighbour, cyclically), plus a decorrelation penalty. Zhang et al. 2025, section 3.2.

The means are normalised without affine part to a standard deviation of 0.9 *within* a prompt,
which leaves the aggregate room to reach 1. Within, because answers to different prompts differ
most in what they are about: normalised over the whole batch, z starts as a code of the topic, the
differences that matter drown in the posterior's noise, and learning does not set in. What still
distinguishes prompts widens the aggregate, and the KL removes it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from prefcli.errors import DataError, UsageError
from prefcli.latent.adapter import Adapter, AdapterConfig
from prefcli.latent.encoder import Encoder, EncoderConfig
from prefcli.latent.losses import aggregated_kl, contrastive, decorrelation

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.responses import Group
    from prefcli.progress import Progress

MEAN_SCALE = 0.9
ENCODER_PACE = 0.25


@dataclass(frozen=True)
class PretrainConfig:
    """Stage 1's settings.

    Args:
        latent_size: Directions to start with; those that prove inactive are dropped afterwards.
        depth: Layers of the base that the encoder reads.
        prefix_length: Prefix positions.
        steps: Optimiser steps.
        prompts_per_step, responses_per_prompt: The batch; statistics run over all of it.
        learning_rate: AdamW's peak; linear warm-up, cosine decay.
        decorrelation: Weight of the penalty on correlated means.
        autocast: Run the base in bfloat16 (worth it on CUDA and on CPUs that have it).
        seed: Everything random.
    """

    latent_size: int = 16
    depth: int = 1
    prefix_length: int = 4
    steps: int = 500
    prompts_per_step: int = 4
    responses_per_prompt: int = 8
    learning_rate: float = 2e-3
    decorrelation: float = 1.0
    autocast: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.latent_size < 1 or self.steps < 1:
            raise UsageError("--latent-size and --steps must be at least 1")
        if self.depth < 1:
            raise UsageError(f"--trunk-layers {self.depth}: must be at least 1")
        if self.responses_per_prompt < 2:
            raise UsageError("stage 1 needs at least 2 answers per prompt: raise --samples")


@dataclass
class Trained:
    """What stage 1 ends with; the encoder's raw means are not normalised yet."""

    encoder: Encoder
    adapter: Adapter
    history: list[dict[str, float]]


def pretrain(
    base: Base,
    groups: Sequence[Group],
    config: PretrainConfig,
    progress: Progress | None = None,
) -> Trained:
    """Run stage 1 over groups of answers.

    Raises:
        DataError: the loss stopped being a number.
    """
    torch.manual_seed(config.seed)
    rng = random.Random(config.seed)
    if config.depth > base.layer_count:
        raise UsageError(f"--trunk-layers {config.depth}: the base has {base.layer_count} layers")
    encoder = Encoder(EncoderConfig(base.hidden_size, config.latent_size, depth=config.depth))
    shape = base.prefix_shape
    adapter = Adapter(
        AdapterConfig(
            config.latent_size, shape.layers, shape.heads, shape.head_dim, config.prefix_length
        ),
        start=_first_keys_and_values(base, groups, config.prefix_length),
    )
    parts = nn.ModuleList([encoder, adapter]).to(base.device).train()
    # Normalisation magnifies the encoder's steps: it moves slowly enough for the adapter to follow.
    rates = ((encoder, ENCODER_PACE * config.learning_rate), (adapter, config.learning_rate))
    optimizer = torch.optim.AdamW(
        [{"params": part.parameters(), "lr": rate} for part, rate in rates], weight_decay=0.01
    )
    warmup = max(1, min(50, config.steps // 10))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(
            (step + 1) / warmup, 0.05 + 0.475 * (1 + math.cos(math.pi * step / config.steps))
        ),
    )

    history: list[dict[str, float]] = []
    order: list[Group] = []
    for step in range(config.steps):
        batch = []
        for _ in range(min(config.prompts_per_step, len(groups))):
            if not order:
                order = rng.sample(list(groups), len(groups))
            group = order.pop()
            size = min(config.responses_per_prompt, len(group.responses))
            batch.append((group.prompt, rng.sample(group.responses, size)))
        with torch.autocast(base.device.type, torch.bfloat16, enabled=config.autocast):
            terms = _losses(base, encoder, adapter, batch)
        penalty = config.decorrelation * terms["decorrelation"]
        loss = terms["reconstruction"] + terms["kl"] + terms["contrastive"] + penalty
        if not torch.isfinite(loss):
            raise DataError(f"stage 1 diverged at step {step}: try a lower learning rate")
        optimizer.zero_grad()
        loss.backward()
        for part, _ in rates:
            torch.nn.utils.clip_grad_norm_(part.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        history.append({name: round(term.item(), 4) for name, term in terms.items()})
        if progress:
            recent = history[-20:]
            nll = sum(row["reconstruction"] for row in recent) / len(recent)
            contrast = sum(row["contrastive"] for row in recent) / len(recent)
            what = f"space, nll {nll:.1f}, contrastive {contrast:.3f}"
            progress(what, step + 1, config.steps)
    parts.eval()
    return Trained(encoder, adapter, history)


def encode_ids(
    base: Base,
    encoder: Encoder,
    prompts: Sequence[Sequence[int]],
    responses: Sequence[Sequence[int]],
    raw: bool = False,
) -> tuple[Tensor, Tensor]:
    """Posterior mean and log-variance of each (prompt, response), (B, K) each.

    With `raw`, before centring and whitening.
    """
    rows = [[*p, *r] for p, r in zip(prompts, responses, strict=True)]
    ids, mask = base.pad(rows)
    column = torch.arange(ids.shape[1], device=base.device)
    start = torch.tensor([len(p) for p in prompts], device=base.device)
    answer = (column >= start[:, None]) & (mask == 1)  # (B, T)
    states = base.hidden_states(ids, encoder.depth)  # (B, T, D)
    mean, log_var = (encoder.raw if raw else encoder)(states, answer)
    return mean.float(), log_var.float()


def within_deviation(mean: Tensor, sizes: Sequence[int]) -> Tensor:
    """Pooled standard deviation within groups, (Z,).

    Args:
        mean: (B, Z), group after group.
        sizes: Answers in each group; they sum to B.
    """
    return within_covariance(mean, sizes).diagonal().clamp_min(1e-12).sqrt()


def within_covariance(mean: Tensor, sizes: Sequence[int]) -> Tensor:
    """Pooled covariance within groups, (Z, Z); arguments as in `within_deviation`."""
    centred = torch.cat([group - group.mean(0) for group in mean.split(list(sizes))])
    return centred.T @ centred / max(1, len(mean) - len(sizes))


def _losses(
    base: Base,
    encoder: Encoder,
    adapter: Adapter,
    batch: Sequence[tuple[Sequence[int], Sequence[Sequence[int]]]],
) -> dict[str, Tensor]:
    prompts = [prompt for prompt, responses in batch for _ in responses]
    responses = [response for _, answers in batch for response in answers]
    mean, log_var = encode_ids(base, encoder, prompts, responses, raw=True)  # (B, Z)
    sizes = [len(answers) for _, answers in batch]
    mean = MEAN_SCALE * (mean - mean.mean(0)) / within_deviation(mean, sizes)
    z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
    # The neighbour's z within the same prompt, cyclically.
    index, start = [], 0
    for _, answers in batch:
        index += [start + (i + 1) % len(answers) for i in range(len(answers))]
        start += len(answers)
    prefix = adapter.prefix(base, torch.cat([z, z[index]]))
    nll = base.negative_log_likelihood(prompts * 2, responses * 2, prefix)
    own, other = nll.chunk(2)
    return {
        "reconstruction": own.mean(),
        "kl": aggregated_kl(mean, log_var, z),
        "contrastive": contrastive(own, other),
        "decorrelation": decorrelation(within_covariance(mean / MEAN_SCALE, sizes)),
    }


def _first_keys_and_values(base: Base, groups: Sequence[Group], length: int) -> Tensor:
    """Keys and values that the base itself gives the first tokens of a prompt, (L, 2, H, P, E)."""
    longest = max(groups, key=lambda group: len(group.prompt))
    ids = list(longest.prompt[:length])
    ids += [base.pad_id] * (length - len(ids))
    with torch.no_grad():
        cache = base.model(
            input_ids=torch.tensor([ids], device=base.device), use_cache=True
        ).past_key_values
    layers = [torch.stack([layer.keys[0], layer.values[0]]) for layer in cache.layers]
    return torch.stack(layers).float()
