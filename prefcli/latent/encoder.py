"""q(z | x, y): where in the space an answer lies.

The base's own lower layers, frozen, read prompt and answer; a small trained head pools what they
made of the answer's tokens. The paper (Zhang et al. 2025, section 3.2) trains a copy of the
embeddings and two blocks instead; reading the base's own states needs far fewer weights, and costs
only the layers that are read.

Letters: B batch, T time, D hidden size of the base, W width of the head, Z latent size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from prefcli.base import Base


@dataclass(frozen=True)
class EncoderConfig:
    """Size of the head.

    Args:
        hidden_size: D, of the base.
        latent_size: Z.
        width: W, of the pooling block.
        heads: Attention heads of the block.
        queries: Learned tokens that pool the answer.
        depth: Layers of the base that are read.
        bag: Whether a linear reading of the answer's mean state is added to the head's mean.
    """

    hidden_size: int
    latent_size: int
    width: int = 192
    heads: int = 4
    queries: int = 4
    depth: int = 1
    bag: bool = False


class Encoder(nn.Module):
    """Trained head over frozen hidden states.

    Shapes:
        states (B, T, D) and answer mask (B, T) in; mean and log-variance (B, K) out, K <= Z the
        directions that were found active once training was over.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        width, self.depth = config.width, config.depth
        self.norm = nn.LayerNorm(config.hidden_size)
        self.project = nn.Linear(config.hidden_size, width)
        self.query = nn.Parameter(torch.randn(config.queries, width) * width**-0.5)
        self.attend = nn.MultiheadAttention(width, config.heads, batch_first=True)
        self.between = nn.LayerNorm(config.queries * width)
        self.pool = nn.Sequential(
            nn.Linear(config.queries * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.mean = nn.Linear(width, config.latent_size)
        self.log_var = nn.Linear(width, config.latent_size)
        if config.bag:
            self.bag = nn.Linear(config.hidden_size, config.latent_size)
        # Starting sharp instead of at the prior makes z informative within the first steps.
        nn.init.zeros_(self.log_var.weight)
        nn.init.constant_(self.log_var.bias, -3.0)
        self.register_buffer("whiten", torch.eye(config.latent_size))  # (K, Z)
        self.register_buffer("centre", torch.zeros(config.latent_size))  # (Z,)
        self.whiten: Tensor
        self.centre: Tensor

    def forward(self, states: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and log-variance in the space's own coordinates, (B, K) each."""
        return self.whitened(*self.raw(states, answer))

    def whitened(self, mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
        """What `raw` gave, centred and whitened, (B, K) each."""
        variance = log_var.exp() @ self.whiten.T.square()
        return (mean - self.centre) @ self.whiten.T, variance.log()

    def raw(self, states: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
        """The same before centring and whitening, (B, Z) each: what training sees."""
        features = self.features(states, answer)
        mean, log_var = self.mean(features), self.log_var(features)
        if self.config.bag:
            mean = mean + self.bag(mean_state(states, answer))
        return mean, log_var

    def features(self, states: Tensor, read: Tensor) -> Tensor:
        """What the head makes of the tokens under a mask (B, T) before it places them, (B, W)."""
        memory = self.project(self.norm(states.float()))  # (B, T, W)
        query = self.query.expand(len(states), -1, -1)  # (B, Q, W)
        pooled, _ = self.attend(query, memory, memory, key_padding_mask=read == 0)
        features: Tensor = self.pool(self.between(pooled.flatten(1)))
        return features


def mean_state(states: Tensor, answer: Tensor) -> Tensor:
    """The mean over an answer's tokens (B, T) of their normalised states (B, T, D), (B, D)."""
    normalised = nn.functional.layer_norm(states.float(), states.shape[-1:])
    weight = answer.float()
    total = weight.sum(1, keepdim=True).clamp_min(1)
    mean: Tensor = (normalised * weight[..., None]).sum(1) / total
    return mean


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


def prompt_features(base: Base, encoder: Encoder, prompts: Sequence[Sequence[int]]) -> Tensor:
    """What the encoder sees in each prompt alone, of mean 0 and variance 1 within a row, (B, W)."""
    ids, mask = base.pad(prompts)
    found = encoder.features(base.hidden_states(ids, encoder.depth), mask)
    return F.layer_norm(found.float(), found.shape[-1:])
