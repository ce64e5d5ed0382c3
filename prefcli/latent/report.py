"""Can this space be trusted? What stage 1 measures about itself, on prompts kept out of it.

Letters: N answers, K active directions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prefcli.decoding import sample
from prefcli.latent.geometry import correlation, encode_groups
from prefcli.latent.losses import aggregated_kl
from prefcli.latent.round_trip import Prior, round_trip

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.adapter import Adapter
    from prefcli.latent.encoder import Encoder
    from prefcli.latent.responses import Group
    from prefcli.progress import Progress

RADII = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
# The reach of a space is the largest radius whose text is no more than this much less likely, per
# token under the base, than the base's own samples; and no more than so many times as far as those
# samples themselves go in one direction, since what few answers are like is not seen in a mean.
FLUENCY_TOLERANCE = 1.05
EXTENT_TOLERANCE = 1.2
MINIMUM_REACH = 1.0
ROUND_TRIPS, CURVE_POINTS = 512, 128
GENERATED = 2 * ROUND_TRIPS + CURVE_POINTS * len(RADII)  # answers that a report generates


def measure(
    base: Base,
    encoder: Encoder,
    adapter: Adapter,
    prior: Prior,
    groups: Sequence[Group],
    *,
    seed: int = 0,
    draws: int = ROUND_TRIPS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The trust report on held-out groups.

    Returns:
        `nll`: nats per token of the base's own answers, without a prefix, under their own z, and
        under z drawn from the stored prior; `contrastive_accuracy`: how often an answer is
        likeliest under its own z among up to 8 to the same prompt; `consistency`: round-trip
        correlation per direction for z from the stored prior, and with `_normal` for z from
        N(0, I); `kl`: DG-KLD per direction; `fluency`: radius to NLL per token under the base of
        what is generated there, relative to its own samples; `extent`: how far its own samples
        go in a direction; `rho`: the reach; `bits_per_byte`: median and 99th percentile of the
        base's own answers.
    """
    mean, log_var = encode_groups(base, encoder, groups)
    flat = [(group.prompt, response) for group in groups for response in group.responses]
    tokens = torch.tensor([len(r) for _, r in flat], dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)

    plain = _nll(base, flat, None)
    own = _nll(base, flat, _prefixes(base, adapter, mean))
    random_z = _nll(
        base, flat, _prefixes(base, adapter, prior.draw(len(mean), seed).to(base.device))
    )
    total = float(tokens.sum())
    bytes_each = torch.tensor(
        [max(1, len(base.tokenizer.decode(r, skip_special_tokens=True).encode())) for _, r in flat]
    )
    bits = plain / bytes_each / torch.log(torch.tensor(2.0))

    if progress:
        progress("contrastive accuracy", 0, None)
    accuracy = contrastive_accuracy(base, encoder, adapter, groups)
    z = prior.draw(draws, seed + 1).to(base.device)
    back, _ = round_trip(base, encoder, adapter, groups, z, seed=seed + 1, progress=progress)
    normal = torch.randn(z.shape, generator=generator).to(base.device)
    off, _ = round_trip(base, encoder, adapter, groups, normal, seed=seed + 1, progress=progress)
    posterior = mean + torch.randn(mean.shape, generator=generator).to(mean) * (0.5 * log_var).exp()
    kl = float(aggregated_kl(mean, log_var, posterior)) / mean.shape[1]
    reference = float(plain.sum()) / total
    curve = fluency_curve(base, adapter, groups, seed=seed + 2, progress=progress)
    fluent = [radius for radius, value in curve.items() if value <= FLUENCY_TOLERANCE * reference]
    far = extent(prior, seed)
    rho = min(max(fluent, default=MINIMUM_REACH), EXTENT_TOLERANCE * far)
    return {
        "prompts": len(groups),
        "answers": len(flat),
        "nll": {
            "base": round(reference, 4),
            "own_z": round(float(own.sum()) / total, 4),
            "prior_z": round(float(random_z.sum()) / total, 4),
        },
        "contrastive_accuracy": round(accuracy, 4),
        "consistency": [round(c, 3) for c in correlation(z, back).tolist()],
        "consistency_normal": [round(c, 3) for c in correlation(normal, off).tolist()],
        "kl": round(kl, 4),
        "fluency": {str(radius): round(value / reference, 4) for radius, value in curve.items()},
        "extent": round(far, 3),
        "rho": round(rho, 2),
        "bits_per_byte": [round(float(bits.quantile(q)), 4) for q in (0.5, 0.99)],
    }


def contrastive_accuracy(
    base: Base, encoder: Encoder, adapter: Adapter, groups: Sequence[Group], among: int = 8
) -> float:
    """Share of answers that are likeliest under their own z, among those to one prompt.

    The first `among` answers to a prompt count, or all of them where there are fewer.
    """
    hits, count = 0, 0
    for group in groups:
        responses = group.responses[:among]
        size = len(responses)
        mean, _ = encode_groups(base, encoder, [group])
        prefixes = _prefixes(base, adapter, mean[:size])
        pairs = [(group.prompt, response) for response in responses for _ in range(size)]
        nll = _nll(base, pairs, prefixes.repeat(size, *[1] * (prefixes.dim() - 1)))
        best = nll.view(size, size).argmin(1)  # (answers,), index of the z
        hits += int((best == torch.arange(size)).sum())
        count += size
    return hits / count


def extent(prior: Prior, seed: int = 0, directions: int = 256) -> float:
    """How far the base's own answers go in one direction, in standard deviations.

    The 99th percentile of their projections, median over random directions.
    """
    generator = torch.Generator().manual_seed(seed)
    z = prior.draw(4096, seed).cpu()
    direction = torch.randn(z.shape[1], directions, generator=generator)
    projected = z @ (direction / direction.norm(dim=0))  # (draws, directions)
    return float(projected.quantile(0.99, dim=0).median())


def fluency_curve(
    base: Base,
    adapter: Adapter,
    groups: Sequence[Group],
    *,
    seed: int = 0,
    draws: int = CURVE_POINTS,
    progress: Progress | None = None,
) -> dict[float, float]:
    """NLL per token under the plain base of text generated at each radius, in nats.

    Directions are uniform on the sphere; the same prompts and streams serve every radius.
    """
    generator = torch.Generator().manual_seed(seed)
    size = adapter.inner.weight.shape[1]
    direction = torch.randn(draws, size, generator=generator)
    direction = (direction / direction.norm(dim=1, keepdim=True)).to(base.device)
    prompts = random.Random(seed).choices([list(group.prompt) for group in groups], k=draws)
    longest = max(len(r) for group in groups for r in group.responses)
    curve = {}
    for step, radius in enumerate(RADII):
        texts = sample(
            base,
            prompts,
            seeds=range(seed, seed + draws),
            prefixes=list(_prefixes(base, adapter, radius * direction)),
            max_new_tokens=longest,
        )
        pairs = [
            (prompt, base.response_ids(text, longest)[0])
            for prompt, text in zip(prompts, texts, strict=True)
        ]
        curve[radius] = float(_nll(base, pairs, None).sum()) / sum(len(r) for _, r in pairs)
        if progress:
            progress("fluency curve", step + 1, len(RADII))
    return curve


def _prefixes(base: Base, adapter: Adapter, z: Tensor) -> Tensor:
    with torch.no_grad():
        return adapter.prefix(base, z)


def _nll(
    base: Base,
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
    prefixes: Tensor | None,
    batch_size: int = 64,
) -> Tensor:
    parts = []
    for start in range(0, len(pairs), batch_size):
        chunk = pairs[start : start + batch_size]
        prefix = None if prefixes is None else prefixes[start : start + batch_size]
        with torch.no_grad():
            nll = base.negative_log_likelihood([p for p, _ in chunk], [r for _, r in chunk], prefix)
        parts.append(nll.float().cpu())
    return torch.cat(parts)
