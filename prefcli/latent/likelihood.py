"""How likely the base finds answers, without a prefix, under a z each, or under all z there are.

Letters: N answers, K active directions, R reference answers of the prior, S draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.adapter import Adapter
    from prefcli.latent.round_trip import Pair, Prior
    from prefcli.progress import Progress

DRAWS = 16  # z for each answer, in the estimate of its marginal likelihood
NEAR_SHARE = 0.75  # of them from the reference answers that are nearest in the space


def nll(
    base: Base,
    pairs: Sequence[Pair],
    adapter: Adapter | None = None,
    z: Tensor | None = None,
    *,
    batch_size: int = 64,
    what: str = "",
    progress: Progress | None = None,
) -> Tensor:
    """Summed NLL of each answer in nats (N,), each under its own row of z (N, K) or none.

    Answers of similar length share a batch, and a prefix is made when it is needed: in a large
    base the prefixes of a thousand z are gigabytes.
    """
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    found = torch.empty(len(pairs))
    for start in range(0, len(order), batch_size):
        chunk = order[start : start + batch_size]
        prompts, responses = zip(*(pairs[i] for i in chunk), strict=True)
        with torch.no_grad():
            prefix = None
            if adapter is not None and z is not None:
                prefix = adapter.prefix(base, z[chunk].to(base.device))
            values = base.negative_log_likelihood(prompts, responses, prefix)
        found[chunk] = values.float().cpu()
        if progress and what:
            progress(what, start + len(chunk), len(order))
    return found


def marginal_nll(
    base: Base,
    adapter: Adapter,
    prior: Prior,
    pairs: Sequence[Pair],
    mean: Tensor,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    progress: Progress | None = None,
) -> Tensor:
    """NLL of each answer where z is unknown, `-log E p(y | x, z)` over z of the prior (N,).

    A space that tells answers apart makes an answer unlikely under a stranger's z; it is the
    mixture over all z that should be what the base is. The prior is a mixture of R posteriors.
    Of S draws for an answer, most are one from each of the posteriors nearest to its own z, which
    make up nearly all of the sum, and the others are from the rest of the posteriors at random,
    each weighted by how many it stands for:

        p(y | x) = 1/R (sum over near p(y | x, z_r) + (R - near) mean over others p(y | x, z_r))

    That is without bias for p; its logarithm errs to the side of less likely.

    Args:
        mean: The answers' own z (N, K).
    """
    references = len(prior.mean)
    draws = min(draws, references)
    near = draws if draws == references else round(NEAR_SHARE * draws)
    far = draws - near
    centres, log_var = prior.mean.cpu(), prior.log_var.cpu()
    order = torch.cdist(mean.cpu(), centres).argsort(1)  # (N, R), nearest first
    generator = torch.Generator().manual_seed(seed)
    rest = torch.rand(len(mean), references - near, generator=generator).argsort(1)[:, :far]
    index = torch.cat([order[:, :near], order[:, near:].gather(1, rest)], 1)  # (N, S)
    noise = torch.randn(*index.shape, centres.shape[1], generator=generator)
    z = centres[index] + noise * (0.5 * log_var[index]).exp()  # (N, S, K)
    values = nll(
        base,
        [pair for pair in pairs for _ in range(draws)],
        adapter,
        z.flatten(0, 1),
        what="likelihood under all z",
        progress=progress,
    ).view(len(pairs), draws)
    log_weight = torch.full((draws,), -math.log(references))
    if far:
        log_weight[near:] += math.log((references - near) / far)
    return -(log_weight - values).logsumexp(1)
