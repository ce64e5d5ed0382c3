"""The losses of stage 1 (Zhang et al. 2025, section 3.2, and what a decorrelated z needs).

Letters: B batch, Z latent size.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def aggregated_kl(mean: Tensor, log_var: Tensor, z: Tensor) -> Tensor:
    """KL of the batch's aggregated posterior to N(0, 1), one dimension at a time, summed over Z.

    DG-KLD: `KL(1/B sum_j q(z_d | x_j, y_j) || N(0, 1))`, by Monte Carlo with the one z that each
    posterior drew. A KL per sample would pull every answer to the prior and collapse z; this one
    asks only that all answers together look like the prior. The batch over which it aggregates is
    the step's: several answers each of several prompts.

    Args:
        mean, log_var, z: (B, Z).

    Returns:
        A scalar, in nats.
    """
    gap = z[:, None, :] - mean[None, :, :]  # (B samples, B posteriors, Z)
    log_each = -0.5 * (gap.square() / log_var.exp() + log_var + math.log(2 * math.pi))
    log_aggregate = log_each.logsumexp(1) - math.log(len(mean))  # (B, Z)
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi))
    return (log_aggregate - log_prior).mean(0).sum()


def contrastive(own: Tensor, others: Tensor) -> Tensor:
    """How surely each answer is likelier under its own z than under those of other answers.

    `-log p(y | x, z_own) / (p(y | x, z_own) + sum_k p(y | x, z_k))`, ln(1 + K) at chance; the other
    z belong to other answers to the same prompt. With one of them it is the paper's
    `-log sigmoid(log p(y | x, z_own) - log p(y | x, z_other))`.

    Args:
        own: (B,) summed NLL in nats.
        others: (K, B), the same under K other z.

    Returns:
        (B,)
    """
    return torch.cat([torch.zeros_like(own)[None], own - others]).logsumexp(0)


def decorrelation(covariance: Tensor) -> Tensor:
    """Sum of squared off-diagonal correlations of the posterior means, per dimension.

    Normalisation and a per-dimension KL cannot see that two coordinates are the same one;
    z drawn from N(0, I) would then lie where no answer ever was (Bardes et al. 2022, arXiv
    2105.04906, covariance term).

    Args:
        covariance: (Z, Z) of the batch's means, normalised to about unit variance per dimension.
    """
    off_diagonal = covariance - torch.diag(covariance.diagonal())
    return off_diagonal.square().sum() / len(covariance)
