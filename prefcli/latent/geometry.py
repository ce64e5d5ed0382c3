"""The geometry of z, settled once training is over.

Training leaves coordinates of its own choosing. Here they are made such that the base's own answers
to a prompt have mean 0 and covariance I, and reduced to the directions that survive a round trip:
draw z, generate with it, encode what came. A direction that does not come back says nothing that
a user's reward could steer.

Letters: N answers, Z latent size in training, K active directions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from prefcli.errors import PrefcliError
from prefcli.latent.encoder import encode_ids
from prefcli.latent.moments import MEAN_SCALE, within_covariance, within_deviation
from prefcli.latent.round_trip import Prior, round_trip

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.adapter import Adapter
    from prefcli.latent.encoder import Encoder
    from prefcli.latent.pretrain import Trained
    from prefcli.latent.responses import Group
    from prefcli.progress import Progress

# Round-trip correlation, on the prompts of stage 1, that an axis must reach to be kept: the first
# of these levels that `FEWEST_AXES` axes reach, else the last. On a small base that tells stories
# an axis of 0.3 still steers; the report shows how faithful each one is.
CONSISTENCY_LEVELS = (0.7, 0.5, 0.25)
FEWEST_AXES = 4
ROUND_TRIPS = 1024


@dataclass(frozen=True)
class Geometry:
    """What was found.

    Args:
        spectrum: Eigenvalues of the means' covariance within prompts, in units of the aggregated
            posterior: the share of each direction's variance that tells answers apart (Z),
            descending.
        consistency: Round-trip correlation of each kept direction on stage 1's prompts (K).
        aggregate: Eigenvalues of the aggregated posterior of the base's own answers within
            prompts, in the final coordinates (K); near 1 if they are white.
        prior: The stored prior: encodings of R of the base's own answers.
    """

    spectrum: list[float]
    consistency: list[float]
    aggregate: list[float]
    prior: Prior


def settle(
    base: Base,
    trained: Trained,
    groups: Sequence[Group],
    *,
    seed: int = 0,
    draws: int = ROUND_TRIPS,
    references: int = 256,
    progress: Progress | None = None,
) -> Geometry:
    """Whiten, and keep the directions that survive a round trip.

    Changes `trained.encoder` and `trained.adapter` in place; afterwards `encoder(...)` gives
    whitened coordinates of size K and the adapter takes them.

    Raises:
        PrefcliError: no direction survives.
    """
    encoder, adapter = trained.encoder, trained.adapter
    spectrum, raw = whiten(base, trained, groups, progress)
    with torch.no_grad():
        z = Prior(*encoder.whitened(*raw)).draw(draws, seed)
    back, _ = round_trip(base, encoder, adapter, groups, z, seed=seed, progress=progress)
    consistency = keep_faithful(encoder, adapter, z, back)

    with torch.no_grad():  # what changed is a rotation: nothing needs to be encoded anew
        mean, log_var = encoder.whitened(*raw)
    sizes = [len(group.responses) for group in groups]
    spread = within_covariance(mean, sizes) + torch.diag(log_var.exp().mean(0))
    picked = random.Random(seed).sample(range(len(mean)), min(references, len(mean)))
    aggregate = torch.linalg.eigvalsh(spread).flip(0)
    return Geometry(
        spectrum, consistency, aggregate.tolist(), Prior(mean[picked].cpu(), log_var[picked].cpu())
    )


def whiten(
    base: Base, trained: Trained, groups: Sequence[Group], progress: Progress | None = None
) -> tuple[list[float], tuple[Tensor, Tensor]]:
    """Give z mean 0 and covariance I over the base's own answers.

    Returns:
        The spectrum (Z), and the raw encodings of the answers, (N, Z) each, which whitening
        leaves as they are.

    The aggregated posterior within prompts is the covariance of the means plus the mean of the
    posterior variances; its inverse square root is absorbed into encoder and adapter.
    """
    encoder, adapter = trained.encoder, trained.adapter
    half_precision(encoder, adapter)
    mean, _ = encode_groups(base, encoder, groups, raw=True, progress=progress)
    sizes = [len(group.responses) for group in groups]
    scale = MEAN_SCALE / within_deviation(mean, sizes)  # (Z,)
    with torch.no_grad():
        encoder.mean.weight.mul_(scale[:, None])
        encoder.mean.bias.sub_(mean.mean(0)).mul_(scale)
        if encoder.config.bag:
            encoder.bag.weight.mul_(scale[:, None])
            encoder.bag.bias.mul_(scale)
    half_precision(encoder, adapter)
    mean, log_var = encode_groups(base, encoder, groups, raw=True, progress=progress)

    signal = within_covariance(mean, sizes)  # (Z, Z)
    values, vectors = torch.linalg.eigh(signal + torch.diag(log_var.exp().mean(0)))
    to_white = vectors @ torch.diag(values.rsqrt()) @ vectors.T
    from_white = vectors @ torch.diag(values.sqrt()) @ vectors.T
    encoder.centre = mean.mean(0)
    encoder.whiten = to_white
    with torch.no_grad():
        adapter.inner.bias.add_(adapter.inner.weight @ encoder.centre)
        adapter.inner.weight = torch.nn.Parameter(adapter.inner.weight @ from_white)
    half_precision(encoder, adapter)
    spectrum: list[float] = torch.linalg.eigvalsh(to_white @ signal @ to_white).flip(0).tolist()
    return spectrum, (mean, log_var)


def keep_faithful(encoder: Encoder, adapter: Adapter, z: Tensor, back: Tensor) -> list[float]:
    """Rotate to the most faithful axes and drop those below the consistency level.

    Args:
        encoder, adapter: Changed in place, from size Z to size K.
        z: (N, Z) as drawn from the prior.
        back: (N, Z) as encoded from what was generated.

    Returns:
        The correlation of each kept axis (K).

    Raises:
        PrefcliError: no axis is left.
    """
    cross = (z - z.mean(0)).T @ (back - back.mean(0)) / len(z)  # (Z, Z)
    axes = torch.linalg.eigh((cross + cross.T) / 2)[1].flip(1)  # (Z, Z), most faithful first
    consistency = correlation(z @ axes, back @ axes)
    enough = [x for x in CONSISTENCY_LEVELS if (consistency >= x).sum() >= FEWEST_AXES]
    level = max(enough, default=min(CONSISTENCY_LEVELS))
    if consistency.max() < level:
        raise PrefcliError(
            "no direction of the space survives a round trip (best correlation "
            f"{float(consistency.max()):.2f}): train for more steps, or on more prompts"
        )
    kept = consistency >= level  # (Z,)
    axes = axes[:, kept]  # (Z, K)
    with torch.no_grad():
        encoder.whiten = axes.T @ encoder.whiten
        adapter.inner.weight = torch.nn.Parameter(adapter.inner.weight @ axes)
    found: list[float] = consistency[kept].tolist()
    return found


def encode_groups(
    base: Base,
    encoder: Encoder,
    groups: Sequence[Group],
    *,
    raw: bool = False,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> tuple[Tensor, Tensor]:
    """Means and log-variances of every answer of every group, in order, (N, Z) each."""
    flat = [(group.prompt, response) for group in groups for response in group.responses]
    means, log_vars = [], []
    for start in range(0, len(flat), batch_size):
        chunk = flat[start : start + batch_size]
        with torch.no_grad():
            mean, log_var = encode_ids(
                base, encoder, [p for p, _ in chunk], [r for _, r in chunk], raw=raw
            )
        means.append(mean)
        log_vars.append(log_var)
        if progress:
            progress("encoding answers", start + len(chunk), len(flat))
    return torch.cat(means), torch.cat(log_vars)


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson correlation column by column, (N, K) and (N, K) to (K,)."""
    a, b = a - a.mean(0), b - b.mean(0)
    scale = a.square().sum(0) * b.square().sum(0)
    return (a * b).sum(0) / scale.sqrt().clamp_min(1e-12)


def half_precision(encoder: Encoder, adapter: Adapter) -> None:
    """Round the weights to what the file will hold, so that what is measured is what is saved."""
    with torch.no_grad():
        for module in (encoder, adapter):
            for name, weight in module.named_parameters():
                if name != "inner.weight":
                    weight.copy_(weight.half().float())
