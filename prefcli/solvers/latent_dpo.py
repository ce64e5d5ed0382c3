"""Latent DPO, the paper's own way to a user's taste: a policy p(z | x) trained on samples of z.

Zhang et al. 2025, section 3.3 (arXiv 2412.20834). The policy is Gaussian with diagonal covariance
and starts as the prior, N(0, I). For each judged pair (x, y_w, y_l) points z are drawn from the
prior and from both posteriors, q(z | x, y_w) and q(z | x, y_l), and scored by which answer they
rather belong to:

    s(z) = sigmoid(log q(z | x, y_w) - log q(z | x, y_l))

Of all ordered pairs of these points, those whose scores differ most, the top quarter, are what DPO
(Rafailov et al. 2023) learns from:

    loss = -log sigmoid(beta (h(z_i) - h(z_j))),   h(z) = log p(z | x) - log N(z; 0, I),   s_i > s_j

No language model runs: the prompt enters as features that were read off it before. What is trained
is a linear map of them, of which the weights and the bias start at zero, and with them mean and
log-variance.

Letters: N judged pairs, B pairs of a step, S samples of each kind, M = 3 S of them together,
C compared pairs of samples, F features of a prompt, K latent size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prefcli.errors import DataError, UsageError


@dataclass(frozen=True)
class LatentDpoConfig:
    """How the policy is trained; the defaults are the paper's, but for `fewest_steps`.

    Args:
        beta: How much it costs to leave the prior.
        learning_rate: Of Adam.
        samples: S, of each of the three kinds.
        share: Of the ordered pairs of samples, how many are learned from.
        batch_size: B.
        epochs: Passes over the pairs.
        fewest_steps: More passes if they would give fewer steps than this.
        warmup: Share of the steps over which the learning rate rises.
        seed: Order and samples.

    Raises:
        UsageError: a value is out of its range.
    """

    beta: float = 0.1
    learning_rate: float = 1e-4
    samples: int = 16
    share: float = 0.25
    batch_size: int = 64
    epochs: int = 1
    fewest_steps: int = 100
    warmup: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("beta", "learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} is {getattr(self, name)}, expected more than 0")
        for name in ("samples", "batch_size"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}, expected at least 1")
        for name in ("epochs", "fewest_steps"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}, expected at least 0")
        if not 0 < self.share <= 0.5:
            raise UsageError(f"share is {self.share}, expected more than 0, at most 0.5")
        if not 0 <= self.warmup <= 1:
            raise UsageError(f"warmup is {self.warmup}, expected 0 to 1")

    def steps(self, pairs: int) -> int:
        """How many steps so many judged pairs make."""
        return max(self.epochs * math.ceil(pairs / self.batch_size), self.fewest_steps)


@dataclass(frozen=True, eq=False)
class JudgedPairs:
    """What is learned from: N judged pairs with the posteriors of both answers.

    Args:
        features: (N, F) of the prompts.
        chosen, rejected: (N, 2, K) posterior mean and log-variance of each answer.
        weight: (N,) how many judgements each counts for.

    Raises:
        DataError: shapes do not agree, or a value is not finite.
    """

    features: Tensor
    chosen: Tensor
    rejected: Tensor
    weight: Tensor

    def __post_init__(self) -> None:
        count = len(self.features)
        shape = (count, 2, self.chosen.shape[-1])
        if self.features.ndim != 2 or self.chosen.shape != shape or self.rejected.shape != shape:
            raise DataError(
                f"features {tuple(self.features.shape)}, chosen {tuple(self.chosen.shape)} and "
                f"rejected {tuple(self.rejected.shape)}: expected (N, F) and (N, 2, K) twice"
            )
        if self.weight.shape != (count,):
            raise DataError(f"weight has shape {tuple(self.weight.shape)}, expected ({count},)")
        for name in ("features", "chosen", "rejected", "weight"):
            if not getattr(self, name).isfinite().all():
                raise DataError(f"{name} holds a value that is not finite, encode the answers anew")

    def __len__(self) -> int:
        return len(self.features)

    def take(self, index: Tensor) -> JudgedPairs:
        """Some of the pairs, by index or mask."""
        return JudgedPairs(
            self.features[index], self.chosen[index], self.rejected[index], self.weight[index]
        )

    def to(self, device: torch.device) -> JudgedPairs:
        """The same on another device."""
        return JudgedPairs(
            self.features.to(device),
            self.chosen.to(device),
            self.rejected.to(device),
            self.weight.to(device),
        )


class PolicyHead(nn.Module):
    """p(z | x) from the features of x: a linear map that starts at the prior, N(0, I).

    Shapes:
        features (B, F) in; mean and log-variance (B, K) out.
    """

    def __init__(self, features: int, latent_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 2 * latent_size)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, (B, K) each."""
        mean, log_var = self.linear(features).chunk(2, dim=-1)
        return mean, log_var


def train_policy(
    pairs: JudgedPairs,
    config: LatentDpoConfig | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> tuple[PolicyHead, list[float]]:
    """Train a policy, on the device where the pairs are; the same seed gives the same policy.

    Args:
        pairs: What was judged.
        config: How to train.
        on_step: Told the step and their number.

    Returns:
        The trained head, and the loss of every step. Without pairs it stays at the prior.
    """
    config = config or LatentDpoConfig()
    device = pairs.features.device
    head = PolicyHead(pairs.features.shape[1], pairs.chosen.shape[-1]).to(device)
    kept = (pairs.weight > 0).nonzero()[:, 0]
    if not len(kept):
        return head.requires_grad_(False), []
    pairs = pairs.take(kept)
    total = config.steps(len(pairs))
    optimizer = torch.optim.Adam(head.parameters(), lr=config.learning_rate, betas=(0.9, 0.95))
    rising = max(1, round(config.warmup * total))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: min(1.0, (n + 1) / rising))
    # On the CPU, so that every device sees the same samples.
    random = torch.Generator().manual_seed(config.seed)
    batches = _batches(len(pairs), config.batch_size, random)
    losses = []
    for step in range(total):
        batch = pairs.take(next(batches).to(device))
        loss = latent_dpo_loss(head, batch, config, random)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if on_step:
            on_step(step + 1, total)
    return head.requires_grad_(False), losses


def latent_dpo_loss(
    head: PolicyHead, pairs: JudgedPairs, config: LatentDpoConfig, random: torch.Generator
) -> Tensor:
    """The loss of one batch, a number."""
    z = draw(pairs, config.samples, random)  # (B, M, K)
    better, worse, counts = compare_samples(sample_scores(pairs, z), config.share)  # (B, C)
    mean, log_var = head(pairs.features)
    gain = log_density(z, mean, log_var) - log_density(
        z, torch.zeros_like(mean), torch.zeros_like(log_var)
    )  # h(z), (B, M)
    margin = config.beta * (gain.gather(1, better) - gain.gather(1, worse))  # (B, C)
    weight = counts * pairs.weight[:, None]
    return (-F.logsigmoid(margin) * weight).sum() / weight.sum().clamp_min(1e-12)


def draw(pairs: JudgedPairs, samples: int, random: torch.Generator) -> Tensor:
    """`samples` points each of the prior, of q(z | x, y_w) and of q(z | x, y_l), (B, M, K)."""
    batch, _, size = pairs.chosen.shape
    noise = torch.randn(3, batch, samples, size, generator=random).to(pairs.chosen.device)
    posteriors = torch.stack([pairs.chosen, pairs.rejected])  # (2, B, 2, K)
    mean, log_var = posteriors[:, :, None, 0], posteriors[:, :, None, 1]  # (2, B, 1, K)
    noise[1:] = mean + noise[1:] * (0.5 * log_var).exp()
    return noise.transpose(0, 1).flatten(1, 2)


def sample_scores(pairs: JudgedPairs, z: Tensor) -> Tensor:
    """s(z) = sigmoid(log q(z | x, y_w) - log q(z | x, y_l)) of points (B, M, K), (B, M)."""
    chosen = log_density(z, *pairs.chosen.unbind(1))
    rejected = log_density(z, *pairs.rejected.unbind(1))
    return (chosen - rejected).sigmoid()


def compare_samples(scores: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """The ordered pairs of samples whose scores differ most.

    Args:
        scores: (B, M).
        share: Of all M x M ordered pairs, how many.

    Returns:
        Index of the better and of the worse one, and whether the pair counts: one whose scores
        are equal orders nothing. (B, C) each.
    """
    samples = scores.shape[1]
    gaps = (scores[:, :, None] - scores[:, None, :]).flatten(1)  # (B, M * M)
    gap, index = gaps.topk(max(1, int(share * samples * samples)), dim=1, sorted=False)
    return index // samples, index % samples, (gap > 0).to(scores.dtype)


def log_density(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Log-density of points (B, M, K) under a diagonal Gaussian (B, K), (B, M)."""
    mean, log_var = mean[:, None], log_var[:, None]
    terms = log_var + (z - mean).square() * (-log_var).exp() + math.log(2 * math.pi)
    return -0.5 * terms.sum(-1)


def _batches(count: int, size: int, random: torch.Generator) -> Iterator[Tensor]:
    """Indices of batches, each pair once a pass, without end."""
    while True:
        yield from torch.randperm(count, generator=random).split(size)
