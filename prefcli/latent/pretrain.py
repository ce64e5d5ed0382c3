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

Everything random in a step follows from the seed and the step's number, so that a training that was
interrupted goes on as if it had not been.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prefcli.errors import DataError, UsageError
from prefcli.latent import checkpoint as checkpoints
from prefcli.latent.adapter import Adapter, AdapterConfig
from prefcli.latent.encoder import Encoder, EncoderConfig
from prefcli.latent.lora import Lora, attach
from prefcli.latent.principal import principal_axes, start_on
from prefcli.latent.step import Batch, Weights, backward
from prefcli.latent.workers import ALONE, Workers

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.responses import Group
    from prefcli.progress import Progress

LORA_PACE = 0.1
# A checkpoint is written so often, but at most a twentieth of the time goes into it.
CHECKPOINT_SECONDS, CHECKPOINT_SHARE = 10.0, 20.0
# The base reads so many tokens at once: a large vocabulary's logits take a gigabyte for 2,000.
TOKENS_PER_PASS = 8192


@dataclass(frozen=True)
class PretrainConfig:
    """Stage 1's settings.

    Args:
        latent_size: Directions to start with; those that prove inactive are dropped afterwards.
        depth: Layers of the base that the encoder reads.
        prefix_length: Prefix positions.
        adapter: What z becomes, `prefix` or `soft` (see `latent.adapter`).
        lora_rank: Rank of the LoRA by which the base itself moves; 0 for none.
        steps: Optimiser steps.
        prompts_per_step, responses_per_prompt: The batch; statistics run over all of it.
        learning_rate: AdamW's peak; linear warm-up, cosine decay.
        encoder_pace: The encoder's learning rate as a share of the adapter's. Normalisation
            magnifies its steps: it has to move slowly enough for the adapter to follow.
        principal: Start the encoder on the principal axes of the answers, see `principal`.
        weights: Of the loss's terms.
        tokens_per_pass: Bound on what the base reads at once; changes memory, not results.
        checkpointing: Compute the base's activations twice instead of keeping them.
        autocast: Run the base in bfloat16 (worth it on CUDA and on CPUs that have it).
        seed: Everything random.
    """

    latent_size: int = 16
    depth: int = 1
    prefix_length: int = 4
    adapter: str = "prefix"
    lora_rank: int = 0
    steps: int = 500
    prompts_per_step: int = 4
    responses_per_prompt: int = 8
    learning_rate: float = 2e-3
    encoder_pace: float = 0.25
    principal: bool = False
    weights: Weights = field(default_factory=Weights)
    tokens_per_pass: int = TOKENS_PER_PASS
    checkpointing: bool = False
    autocast: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.latent_size < 1 or self.steps < 1:
            raise UsageError("--latent-size and --steps must be at least 1")
        if self.depth < 1:
            raise UsageError(f"--trunk-layers {self.depth}: must be at least 1")
        if self.prefix_length < 1 or self.lora_rank < 0:
            raise UsageError("--prefix-length must be at least 1 and --lora-rank at least 0")
        if self.responses_per_prompt < 2:
            raise UsageError("stage 1 needs at least 2 answers per prompt: raise --samples")


@dataclass
class Trained:
    """What stage 1 ends with; the encoder's raw means are not normalised yet."""

    encoder: Encoder
    adapter: Adapter
    history: list[dict[str, float]]
    lora: Lora | None = None


def pretrain(
    base: Base,
    groups: Sequence[Group],
    config: PretrainConfig,
    progress: Progress | None = None,
    *,
    checkpoint: Path | None = None,
    workers: Workers = ALONE,
) -> Trained:
    """Run stage 1 over groups of answers.

    Args:
        base: The base; it moves only by its LoRA, if one is asked for.
        groups: Prompts and answers, the same for every worker.
        config: The settings.
        progress: Told the terms of the loss at each step.
        checkpoint: File to go on from if it is there, and to keep up to date.
        workers: The processes that train together.

    Raises:
        UsageError: the base has fewer layers than the encoder is to read.
        DataError: the loss stopped being a number, or the checkpoint is of another training.
    """
    if config.depth > base.layer_count:
        raise UsageError(f"--trunk-layers {config.depth}: the base has {base.layer_count} layers")
    state = _State(base, groups, config, workers)
    if found := workers.first_does(lambda: checkpoints.read(checkpoint) if checkpoint else None):
        state.load(found)
    saved, cost = time.monotonic(), 0.0  # when a checkpoint was written, and how long it took
    with ExitStack() as stack:
        stack.enter_context(base.moved())
        if config.checkpointing:
            stack.enter_context(base.checkpointing())
        for step in range(len(state.history), config.steps):
            batch = draw(groups, config, step)
            generator = torch.Generator().manual_seed(
                random.Random(f"{config.seed}:{step}").getrandbits(48)
            )
            noise = torch.randn(len(batch.responses), config.latent_size, generator=generator)
            terms = backward(
                base,
                state.trained.encoder,
                state.trained.adapter,
                batch,
                config.weights,
                noise,
                tokens_per_pass=config.tokens_per_pass,
                autocast=config.autocast,
                scale=state.scale(),
                workers=workers,
            )
            if not all(map(math.isfinite, terms.values())):
                raise DataError(f"stage 1 diverged at step {step}: try a lower learning rate")
            state.update(step, workers)
            state.history.append({name: round(term, 4) for name, term in terms.items()})
            if progress:
                progress(_told(state.history[-20:]), step + 1, config.steps)
            now = time.monotonic()
            due = now - saved >= max(CHECKPOINT_SECONDS, CHECKPOINT_SHARE * cost)
            if checkpoint and workers.first and (due or step + 1 == config.steps):
                checkpoints.write(checkpoint, state.dump())
                saved = time.monotonic()
                cost = saved - now
    state.trained.encoder.eval()
    state.trained.adapter.eval()
    return state.trained


def draw(groups: Sequence[Group], config: PretrainConfig, step: int) -> Batch:
    """The prompts and answers of a step: all prompts once, in random order, then all again."""
    count = min(config.prompts_per_step, len(groups))
    rng = random.Random(f"{config.seed}/{step}")
    prompts: list[Sequence[int]] = []
    responses: list[Sequence[int]] = []
    sizes = []
    for place in range(step * count, (step + 1) * count):
        epoch, index = divmod(place, len(groups))
        order = random.Random(f"{config.seed} {epoch}").sample(range(len(groups)), len(groups))
        group = groups[order[index]]
        size = min(config.responses_per_prompt, len(group.responses))
        responses += rng.sample(group.responses, size)
        prompts += [group.prompt] * size
        sizes.append(size)
    return Batch(prompts, responses, sizes)


class _State:
    """Models and optimiser, as far as the history goes."""

    def __init__(
        self, base: Base, groups: Sequence[Group], config: PretrainConfig, workers: Workers
    ) -> None:
        torch.manual_seed(config.seed)
        size, depth = config.latent_size, config.depth
        encoder = Encoder(EncoderConfig(base.hidden_size, size, depth=depth, bag=config.principal))
        if config.principal:
            axes = principal_axes(base, groups, depth, size, config.seed)
            start_on(encoder, workers.agree(axes))  # machines may differ in an axis's sign
        shape = base.prefix_shape
        sizes = AdapterConfig(
            config.latent_size,
            shape.layers,
            shape.heads,
            shape.head_dim,
            config.prefix_length,
            kind=config.adapter,
            hidden_size=base.hidden_size,
        )
        adapter = Adapter(sizes, start=_first_tokens(base, groups, sizes))
        lora = attach(base, config.lora_rank, config.depth) if config.lora_rank else None
        encoder.to(base.device).train()
        adapter.to(base.device).train()
        self.config = config
        self.trained = Trained(encoder, adapter, [], lora)
        rate = config.learning_rate
        self._parts = [
            (list(encoder.parameters()), config.encoder_pace * rate),
            (list(adapter.parameters()), rate),
        ]
        if lora:
            self._parts.append((list(lora.parameters.values()), LORA_PACE * rate))
        self.optimizer = torch.optim.AdamW(
            [{"params": part, "lr": rate} for part, rate in self._parts], weight_decay=0.01
        )
        # Gradients through a base in float16 would vanish unscaled.
        self.scaler = torch.amp.GradScaler(base.device.type, enabled=base.dtype is torch.float16)

    @property
    def history(self) -> list[dict[str, float]]:
        """The terms of the loss at each step that was made."""
        return self.trained.history

    def scale(self) -> float:
        """Factor on all gradients, 1 unless the base is in float16."""
        one = torch.ones((), device=next(self.trained.adapter.parameters()).device)
        return float(self.scaler.scale(one))

    def update(self, step: int, workers: Workers) -> None:
        """Make one step of the optimiser from the gradients that lie ready."""
        for (_, rate), group in zip(self._parts, self.optimizer.param_groups, strict=True):
            group["lr"] = rate * _pace(step, self.config.steps)
        gradients = [w.grad for part, _ in self._parts for w in part if w.grad is not None]
        workers.add_up(gradients)
        self.scaler.unscale_(self.optimizer)
        for part, _ in self._parts:
            torch.nn.utils.clip_grad_norm_(part, 5.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()

    def dump(self) -> dict[str, Any]:
        """Everything that changes from step to step."""
        trained = self.trained
        return {
            "config": asdict(self.config),
            "encoder": trained.encoder.state_dict(),
            "adapter": trained.adapter.state_dict(),
            "lora": trained.lora.state() if trained.lora else {},
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "history": self.history,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go back to what `dump` gave.

        Raises:
            DataError: it is of a training with other settings.
        """
        if state["config"] != asdict(self.config):
            raise DataError(
                "the checkpoint is of a training with other settings: give the same, or begin anew"
            )
        self.trained.encoder.load_state_dict(state["encoder"])
        self.trained.adapter.load_state_dict(state["adapter"])
        if self.trained.lora:
            self.trained.lora.load(state["lora"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        self.history[:] = state["history"]


def _pace(step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine down to a twentieth."""
    warmup = max(1, min(50, steps // 10))
    return min((step + 1) / warmup, 0.05 + 0.475 * (1 + math.cos(math.pi * step / steps)))


def _told(recent: Sequence[Mapping[str, float]]) -> str:
    nll = sum(row["reconstruction"] for row in recent) / len(recent)
    contrast = sum(row["contrastive"] for row in recent) / len(recent)
    return f"space, nll {nll:.1f}, contrastive {contrast:.3f}"


def _first_tokens(base: Base, groups: Sequence[Group], sizes: AdapterConfig) -> Tensor:
    """What the base makes of the first tokens of a prompt, of the adapter's shape."""
    length = sizes.prefix_length
    longest = max(groups, key=lambda group: len(group.prompt))
    ids = list(longest.prompt[:length])
    ids += [base.pad_id] * (length - len(ids))
    with torch.no_grad():
        embeddings = base.model.get_input_embeddings()(torch.tensor([ids], device=base.device))
        return (embeddings if sizes.kind == "soft" else base.read(embeddings))[0].float()
