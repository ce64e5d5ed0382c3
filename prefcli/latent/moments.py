"""Means and covariances of z within prompts.

Answers to different prompts differ most in what they are about; what tells answers to one prompt
apart is their spread within it.

Letters: B answers, Z latent size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

MEAN_SCALE = 0.9


def normalised(mean: Tensor, sizes: Sequence[int]) -> Tensor:
    """Means over all answers 0 and standard deviations within prompts `MEAN_SCALE`, (B, Z).

    What 0.9 leaves of the variance is the posteriors' own, so that the aggregate can reach 1.
    """
    return MEAN_SCALE * (mean - mean.mean(0)) / within_deviation(mean, sizes)


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
