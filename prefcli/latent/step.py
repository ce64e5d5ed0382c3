"""One step of stage 1: the loss over several answers each of several prompts, and its gradients.

The statistics (normalisation, DG-KLD, decorrelation) need all answers of the step at once; the
base, whose activations are what fills the memory, need not see them at once. So a step goes in
three parts (Gao et al. 2021, arXiv 2101.06983, do so for contrastive batches):

1. encode this worker's answers, gather everybody's posteriors, normalise, draw z;
2. give z to the base a few answers at a time, and collect the gradients of the reconstruction and
   contrastive terms with respect to z;
3. send those, and the gradients of the terms that are about z alone, back through the encoder.

What comes out is the gradient of the one loss, however many parts and workers there were.

Letters: B answers of the step, Z latent size, K negatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from prefcli.latent.encoder import Encoder, encode_ids
from prefcli.latent.losses import aggregated_kl, contrastive, decorrelation
from prefcli.latent.moments import MEAN_SCALE, normalised, within_covariance
from prefcli.latent.workers import Workers

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.adapter import Adapter

Ids = Sequence[int]


@dataclass(frozen=True)
class Batch:
    """The answers of one step, prompt after prompt.

    Args:
        prompts: One per answer (B).
        responses: (B)
        sizes: Answers to each prompt; they sum to B.
    """

    prompts: Sequence[Ids]
    responses: Sequence[Ids]
    sizes: Sequence[int]

    def rivals(self, count: int) -> list[list[int]]:
        """Indices of other answers to the same prompt, the next ones cyclically, (K, B).

        K is `count`, or less where a prompt has fewer other answers.
        """
        count = min(count, *(size - 1 for size in self.sizes))
        found: list[list[int]] = [[] for _ in range(count)]
        start = 0
        for size in self.sizes:
            for shift in range(count):
                found[shift] += [start + (i + shift + 1) % size for i in range(size)]
            start += size
        return found

    def parts(self, rows: range, tokens: int, copies: int) -> list[list[int]]:
        """`rows` in parts of similar length, each of at most `tokens` tokens with its padding.

        Args:
            rows: Which answers.
            tokens: The bound; a part has at least one answer whatever its length.
            copies: How often each answer goes through the base.
        """
        length = [len(p) + len(r) for p, r in zip(self.prompts, self.responses, strict=True)]
        found: list[list[int]] = []
        for row in sorted(rows, key=lambda i: (length[i], i)):  # the last is the longest
            if not found or (len(found[-1]) + 1) * length[row] * copies > tokens:
                found.append([])
            found[-1].append(row)
        return found


@dataclass(frozen=True)
class Weights:
    """How the terms of the loss are weighted, and how many rivals an answer is told from."""

    kl: float = 1.0
    contrastive: float = 1.0
    decorrelation: float = 1.0
    negatives: int = 1


def backward(
    base: Base,
    encoder: Encoder,
    adapter: Adapter,
    batch: Batch,
    weights: Weights,
    noise: Tensor,
    *,
    tokens_per_pass: int,
    autocast: bool = False,
    scale: float = 1.0,
    workers: Workers,
) -> dict[str, float]:
    """Add the gradients of the step's loss to those of encoder, adapter and the base's LoRA.

    With several workers, each finds its part of them: their sum is the gradient.

    Args:
        base, encoder, adapter: The models.
        batch: All answers of the step, the same for every worker.
        weights: Of the terms.
        noise: (B, Z) standard normal, the same for every worker.
        tokens_per_pass: Bound on what the base reads at once.
        autocast: Run the models in bfloat16.
        scale: Factor on all gradients.
        workers: Who else computes.

    Raises:
        UsageError: there are fewer prompts than workers.

    Returns:
        The terms of the loss, each over all answers of the step.
    """
    device = base.device
    sizes = workers.sizes(batch.sizes, batch.sizes)
    before = [0, *accumulate(sizes)]
    shares = [range(a, b) for a, b in pairwise(before)]
    own = shares[workers.rank]

    def passes(copies: int) -> list[tuple[list[int], bool]]:
        """This worker's answers in parts, and whether each counts."""
        parts = batch.parts(own, tokens_per_pass, copies)
        # A sharded base's passes are all workers' together: who has fewer makes some for nothing.
        most = max(len(batch.parts(share, tokens_per_pass, copies)) for share in shares)
        idle = most - len(parts) if base.sharded else 0
        return [(part, True) for part in parts] + [(parts[0][:1], False)] * idle

    def precision() -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=autocast)

    # 1. Posteriors: everybody's, with gradients to this worker's encoder alone.
    means, log_vars = [], []
    order: list[int] = []
    for part, counts in passes(1):
        with precision():
            mean, log_var = encode_ids(
                base,
                encoder,
                [batch.prompts[i] for i in part],
                [batch.responses[i] for i in part],
                raw=True,
            )
        if counts:
            means.append(mean)
            log_vars.append(log_var)
            order += part
    back = torch.tensor(order, device=device).argsort()  # to the batch's order
    mean = _in_place(torch.cat(means)[back], own, sizes, workers)  # (B, Z)
    log_var = _in_place(torch.cat(log_vars)[back], own, sizes, workers)
    mean = normalised(mean, batch.sizes)
    z = mean + noise.to(mean) * (0.5 * log_var).exp()

    # 2. The base, a few answers at a time; z is a leaf here.
    leaf = z.detach().requires_grad_()
    rivals = batch.rivals(weights.negatives)
    total = {"reconstruction": 0.0, "contrastive": 0.0}
    for part, counts in passes(1 + len(rivals)):
        rows = part + [rival[i] for rival in rivals for i in part]
        with precision():
            nll = base.negative_log_likelihood(
                [batch.prompts[i] for i in part] * (1 + len(rivals)),
                [batch.responses[i] for i in part] * (1 + len(rivals)),
                adapter.prefix(base, leaf[rows]),
            ).view(1 + len(rivals), len(part))
        share = counts / len(z)
        reconstruction = share * nll[0].sum()
        contrast = share * contrastive(nll[0], nll[1:]).sum()
        (scale * (reconstruction + weights.contrastive * contrast)).backward()
        total["reconstruction"] += reconstruction.item()
        total["contrastive"] += contrast.item()

    # 3. Back through the encoder.
    assert leaf.grad is not None
    gradient = workers.gather(leaf.grad[own.start : own.stop], sizes)  # (B, Z)
    kl = aggregated_kl(mean, log_var, z)
    penalty = decorrelation(within_covariance(mean / MEAN_SCALE, batch.sizes))
    about_z = weights.kl * kl + weights.decorrelation * penalty
    (scale * about_z + (z * gradient).sum()).backward()
    terms = torch.tensor(list(total.values()), device=device)
    workers.add_up([terms])
    return {
        **dict(zip(total, terms.tolist(), strict=True)),
        "kl": kl.item(),
        "decorrelation": penalty.item(),
    }


def _in_place(own: Tensor, rows: range, sizes: Sequence[int], workers: Workers) -> Tensor:
    """All workers' rows, this worker's with their gradients."""
    if workers.count == 1:
        return own
    every = workers.gather(own, sizes)
    return torch.cat([every[: rows.start], own, every[rows.stop :]])
