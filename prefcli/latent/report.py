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
# The reach of a space is the largest radius whose text is, against the base's own samples, per
# token no more than this much less likely under the base, and no more than this much less often
# likelier after its own prompt than after another.
FLUENCY_TOLERANCE = 1.05
RELEVANCE_TOLERANCE = 0.02
MINIMUM_REACH = 1.0


def measure(
    base: Base,
    encoder: Encoder,
    adapter: Adapter,
    prior: Prior,
    groups: Sequence[Group],
    *,
    seed: int = 0,
    draws: int = 512,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The trust report on held-out groups.

    Returns:
        `nll`: nats per token of the base's own answers, without a prefix, under their own z, and
        under z drawn from the stored prior; `contrastive_accuracy`: how often an answer is
        likeliest under its own z among 8 to the same prompt; `consistency`: round-trip
        correlation per direction for z from the stored prior, and with `_normal` for z from
        N(0, I); `kl`: DG-KLD per direction; `fluency`: radius to NLL per token under the base of
        what is generated there, relative to its own samples; `relevance`: radius to how often
        that is likelier after its own prompt than after another, and with `_base` the same of
        the base's own samples; `rho`: the reach; `bits_per_byte`: median and 99th percentile of
        the base's own answers.
    """
    mean, log_var = encode_groups(base, encoder, groups)
    flat = [(group.prompt, response) for group in groups for response in group.responses]
    tokens = torch.tensor([len(r) for _, r in flat], dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)

    plain = _nll(base, flat, None)
    own = _nll(base, flat, _prefixes(adapter, mean))
    random_z = _nll(base, flat, _prefixes(adapter, prior.draw(len(mean), seed).to(base.device)))
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
    far, _ = round_trip(base, encoder, adapter, groups, normal, seed=seed + 1, progress=progress)
    posterior = mean + torch.randn(mean.shape, generator=generator).to(mean) * (0.5 * log_var).exp()
    kl = float(aggregated_kl(mean, log_var, posterior)) / mean.shape[1]
    reference = float(plain.sum()) / total
    relevance_base = relevance(base, groups, *zip(*flat, strict=True))
    curve = reach_curve(base, adapter, groups, seed=seed + 2, progress=progress)
    within = [
        radius
        for radius, (nll, relevant) in curve.items()
        if nll <= FLUENCY_TOLERANCE * reference and relevant >= relevance_base - RELEVANCE_TOLERANCE
    ]
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
        "consistency_normal": [round(c, 3) for c in correlation(normal, far).tolist()],
        "kl": round(kl, 4),
        "fluency": {str(radius): round(nll / reference, 4) for radius, (nll, _) in curve.items()},
        "relevance": {str(radius): round(share, 4) for radius, (_, share) in curve.items()},
        "relevance_base": round(relevance_base, 4),
        "rho": max(within, default=MINIMUM_REACH),
        "bits_per_byte": [round(float(bits.quantile(q)), 4) for q in (0.5, 0.99)],
    }


def contrastive_accuracy(
    base: Base, encoder: Encoder, adapter: Adapter, groups: Sequence[Group], among: int = 8
) -> float:
    """Share of answers that are likeliest under their own z, among `among` to one prompt."""
    hits, count = 0, 0
    for group in groups:
        responses = group.responses[:among]
        if len(responses) < among:
            continue
        mean, _ = encode_groups(base, encoder, [group])
        prefixes = _prefixes(adapter, mean[:among])
        pairs = [(group.prompt, response) for response in responses for _ in range(among)]
        nll = _nll(base, pairs, prefixes.repeat(among, *[1] * (prefixes.dim() - 1)))
        best = nll.view(among, among).argmin(1)  # (answers,), index of the z
        hits += int((best == torch.arange(among)).sum())
        count += among
    return hits / count if count else float("nan")


def reach_curve(
    base: Base,
    adapter: Adapter,
    groups: Sequence[Group],
    *,
    seed: int = 0,
    draws: int = 192,
    progress: Progress | None = None,
) -> dict[float, tuple[float, float]]:
    """What text generated at each radius is worth under the plain base.

    Directions are uniform on the sphere; the same prompts and streams serve every radius.

    Returns:
        Radius to NLL per token, in nats, and `relevance`.
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
            prefixes=list(_prefixes(adapter, radius * direction)),
            max_new_tokens=longest,
        )
        responses = [base.response_ids(text, longest)[0] for text in texts]
        nll = _nll(base, list(zip(prompts, responses, strict=True)), None)
        per_token = float(nll.sum()) / sum(map(len, responses))
        curve[radius] = per_token, relevance(base, groups, prompts, responses)
        if progress:
            progress("fluency curve", step + 1, len(RADII))
    return curve


def relevance(
    base: Base,
    groups: Sequence[Group],
    prompts: Sequence[Sequence[int]],
    responses: Sequence[Sequence[int]],
) -> float:
    """Share of answers that are likelier after their own prompt than after the next group's.

    An answer that has lost its topic is as likely after either.
    """
    following = {
        group.prompt: other.prompt
        for group, other in zip(groups, [*groups[1:], *groups[:1]], strict=True)
    }
    others = [following[tuple(prompt)] for prompt in prompts]
    own = _nll(base, list(zip(prompts, responses, strict=True)), None)
    other = _nll(base, list(zip(others, responses, strict=True)), None)
    return float((own < other).float().mean())


def _prefixes(adapter: Adapter, z: Tensor) -> Tensor:
    with torch.no_grad():
        return adapter(z)  # type: ignore[no-any-return]


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
