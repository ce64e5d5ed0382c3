"""Where the encoder may start: on the axes in which a base's answers to a prompt differ most.

A head with random weights gives z that says little at first, and what it then learns to say are
marks of the answers that it has seen. The mean of an answer's states is a rough word count; its
principal axes within prompts are features that hold for any answer, and the adapter has something
to follow from the first step. What they miss, the head, which starts silent beside them, adds.

Letters: N answers, D hidden size of the base, Z latent size.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from prefcli.latent.encoder import Encoder, mean_state
from prefcli.latent.moments import within_covariance

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.responses import Group

PROMPTS = 150  # whose answers tell the axes


def principal_axes(
    base: Base, groups: Sequence[Group], depth: int, count: int, seed: int = 0
) -> Tensor:
    """The axes of most variance of the answers' mean states within prompts, each scaled to one.

    Returns:
        (Z, D); rows of zeros where Z is more than D.
    """
    features, sizes = [], []
    for group in random.Random(seed).sample(list(groups), min(PROMPTS, len(groups))):
        rows = [[*group.prompt, *response] for response in group.responses]
        ids, mask = base.pad(rows)
        answer = mask == 1
        answer[:, : len(group.prompt)] = False
        with torch.no_grad():
            features.append(mean_state(base.hidden_states(ids, depth), answer))
        sizes.append(len(rows))
    covariance = within_covariance(torch.cat(features).double(), sizes)  # (D, D)
    values, vectors = torch.linalg.eigh(covariance)  # ascending
    kept = min(count, len(values))
    scale = values.flip(0)[:kept].clamp_min(1e-8 * float(values[-1])).rsqrt()
    axes = torch.zeros(count, len(values), dtype=torch.float32)
    axes[:kept] = (vectors.flip(1)[:, :kept] * scale).T.float().cpu()
    return axes


def start_on(encoder: Encoder, axes: Tensor) -> None:
    """Let the encoder's mean be the axes (Z, D) and nothing else, until it learns."""
    with torch.no_grad():
        encoder.bag.weight.copy_(axes)
        encoder.bag.bias.zero_()
        encoder.mean.weight.zero_()
        encoder.mean.bias.zero_()
