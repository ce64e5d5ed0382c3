"""Can this space be trusted? What stage 1 measures about itself, on prompts kept out of it.

Each thing is generated or encoded once: the base's own answers serve the likelihoods, the
contrastive accuracy and the spread of z; the texts from z of the prior serve the round trip and
the cost of text under the prior.

Letters: N answers, K active directions.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from prefcli.latent.describe import PAIRS, describe_directions
from prefcli.latent.geometry import correlation, encode_groups
from prefcli.latent.intervals import correlation_intervals, ratio_interval
from prefcli.latent.likelihood import marginal_nll, nll
from prefcli.latent.losses import aggregated_kl
from prefcli.latent.moments import within_covariance
from prefcli.latent.round_trip import Prior, answer, answers_under, encode_pairs, round_trip

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
# A direction is active if answers differ in it by more than the encoder's own uncertainty.
ACTIVE = 0.5
AMONG = 8  # answers to one prompt that are to be told apart


def generated(directions: int) -> int:
    """How many answers a report on so many directions generates."""
    return 2 * ROUND_TRIPS + CURVE_POINTS * len(RADII) + 2 * PAIRS * directions


def measure(
    base: Base,
    encoder: Encoder,
    adapter: Adapter,
    prior: Prior,
    groups: Sequence[Group],
    *,
    seed: int = 0,
    draws: int = ROUND_TRIPS,
    fluency_draws: int = CURVE_POINTS,
    marginal_answers: int = 192,
    pairs: int = PAIRS,
    asked: Mapping[tuple[int, ...], str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The trust report on held-out groups.

    Args:
        groups: Held-out prompts and the base's own answers to them.
        seed: Everything random.
        draws: z of each round trip.
        fluency_draws: Texts at each radius of the fluency curve.
        marginal_answers: Answers whose likelihood under all z is estimated.
        pairs: Texts at either end of each direction.
        asked: What each prompt's ids say, for people; without it they are decoded.

    Returns:
        `nll`: nats per token of the base's own answers, without a prefix (`base`), under their
        own z, under z drawn from the stored prior (`prior_z`: the mean over z; `prior_marginal`:
        of the mixture over z), and of text made from z of the prior, under the base without a
        prefix (`prior_text`); `contrastive_accuracy`: how often an answer is likeliest under its
        own z among up to 8 to the same prompt; `consistency`: round-trip correlation per direction
        for z from the stored prior, with its 90 % `consistency_interval`, and with `_normal` for
        z from N(0, I); `signal`: share of each direction's variance that tells answers apart;
        `active`: how many directions have more of it than noise; `kl`: DG-KLD per direction;
        `fluency`: radius to NLL per token under the base of what is generated there, relative to
        its own samples; `extent`: how far its own samples go in a direction; `rho`: the reach;
        `bits_per_byte`: median and 99th percentile of the base's own answers; `intervals`: 90 %
        intervals of what is one figure, over prompts or draws; `directions_text`: what each
        direction changes, see `describe_directions`.
    """
    mean, log_var = encode_groups(base, encoder, groups)
    flat = [(group.prompt, response) for group in groups for response in group.responses]
    tokens = torch.tensor([len(r) for _, r in flat], dtype=torch.float32)
    sizes = [len(group.responses) for group in groups]
    generator = torch.Generator().manual_seed(seed)

    plain = nll(base, flat)
    own = nll(base, flat, adapter, mean)
    random_z = nll(base, flat, adapter, prior.draw(len(mean), seed))
    total = float(tokens.sum())
    reference = float(plain.sum()) / total
    some = sorted(random.Random(seed).sample(range(len(flat)), min(marginal_answers, len(flat))))
    mixture = marginal_nll(
        base, adapter, prior, [flat[i] for i in some], mean[some], seed=seed, progress=progress
    )
    hits = told_apart(base, encoder, adapter, groups, progress=progress)
    trials = np.minimum(sizes, AMONG).astype(float)

    z = prior.draw(draws, seed + 1).to(base.device)
    texts = answers_under(base, adapter, groups, z, seed=seed + 1, progress=progress)
    back, _ = encode_pairs(base, encoder, texts)
    cost = nll(base, texts)
    length = np.array([len(response) for _, response in texts], dtype=float)
    normal = torch.randn(z.shape, generator=generator).to(base.device)
    off, _ = round_trip(base, encoder, adapter, groups, normal, seed=seed + 1, progress=progress)

    posterior = mean + torch.randn(mean.shape, generator=generator).to(mean) * (0.5 * log_var).exp()
    kl = float(aggregated_kl(mean, log_var, posterior)) / mean.shape[1]
    signal = within_covariance(mean, sizes).diagonal()
    signal = signal / (signal + log_var.exp().mean(0))
    curve = fluency_curve(
        base, adapter, groups, seed=seed + 2, draws=fluency_draws, progress=progress
    )
    fluent = [radius for radius, value in curve.items() if value <= FLUENCY_TOLERANCE * reference]
    far = extent(prior, seed)
    rho = min(max(fluent, default=MINIMUM_REACH), EXTENT_TOLERANCE * far)
    bits = plain / math.log(2) / torch.tensor([max(1, len(base.text(r).encode())) for _, r in flat])

    # On the answers that were taken, the mixture is beside the base; the ratio holds for all.
    beside = plain[some].double().numpy(), mixture.double().numpy()
    marginal = reference * float(mixture.sum() / plain[some].sum())
    accuracy = np.array(hits, dtype=float)
    intervals = {
        "contrastive_accuracy": ratio_interval(accuracy, trials, seed),
        "prior_marginal": [reference * r for r in ratio_interval(beside[1], beside[0], seed)],
        "prior_text": ratio_interval(cost.double().numpy(), length, seed),
    }
    both = z.double().cpu().numpy(), back.double().cpu().numpy()
    return {
        "prompts": len(groups),
        "answers": len(flat),
        "answer_tokens": round(total / len(flat), 1),
        "nll": {
            "base": round(reference, 4),
            "own_z": round(float(own.sum()) / total, 4),
            "prior_z": round(float(random_z.sum()) / total, 4),
            "prior_marginal": round(marginal, 4),
            "prior_text": round(float(cost.sum()) / float(length.sum()), 4),
        },
        "contrastive_accuracy": round(float(accuracy.sum() / trials.sum()), 4),
        "consistency": [round(c, 3) for c in correlation(z, back).tolist()],
        "consistency_interval": [
            [round(low, 3), round(high, 3)] for low, high in correlation_intervals(*both, seed)
        ],
        "consistency_normal": [round(c, 3) for c in correlation(normal, off).tolist()],
        "signal": [round(share, 3) for share in signal.tolist()],
        "active": int((signal > ACTIVE).sum()),
        "kl": round(kl, 4),
        "fluency": {str(radius): round(value / reference, 4) for radius, value in curve.items()},
        "extent": round(far, 3),
        "rho": round(rho, 2),
        "bits_per_byte": [round(float(bits.quantile(q)), 4) for q in (0.5, 0.99)],
        "intervals": {
            name: [round(low, 4), round(high, 4)] for name, (low, high) in intervals.items()
        },
        "directions_text": describe_directions(
            base, adapter, groups, seed=seed + 3, pairs=pairs, asked=asked, progress=progress
        ),
    }


def contrastive_accuracy(
    base: Base, encoder: Encoder, adapter: Adapter, groups: Sequence[Group], among: int = AMONG
) -> float:
    """Share of answers that are likeliest under their own z, among those to one prompt.

    The first `among` answers to a prompt count, or all of them where there are fewer.
    """
    hits = told_apart(base, encoder, adapter, groups, among)
    return sum(hits) / sum(min(among, len(group.responses)) for group in groups)


def told_apart(
    base: Base,
    encoder: Encoder,
    adapter: Adapter,
    groups: Sequence[Group],
    among: int = AMONG,
    progress: Progress | None = None,
) -> list[int]:
    """For each prompt, how many of its first `among` answers are likeliest under their own z."""
    pairs, every_z, sizes = [], [], []
    for group in groups:
        responses = group.responses[:among]
        mean, _ = encode_pairs(base, encoder, [(group.prompt, r) for r in responses])
        sizes.append(len(responses))
        pairs += [(group.prompt, response) for response in responses for _ in responses]
        every_z.append(mean.repeat(len(responses), 1))
    values = nll(
        base, pairs, adapter, torch.cat(every_z), what="contrastive accuracy", progress=progress
    )
    hits = []
    for size, block in zip(sizes, values.split([size * size for size in sizes]), strict=True):
        best = block.view(size, size).argmin(1)  # (answers,), index of the z
        hits.append(int((best == torch.arange(size)).sum()))
    return hits


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
    texts = answer(
        base,
        adapter,
        prompts * len(RADII),
        torch.cat([radius * direction for radius in RADII]),
        seeds=[*range(seed, seed + draws)] * len(RADII),
        longest=longest,
        what="fluency curve",
        progress=progress,
    )
    pairs = [
        (prompt, base.response_ids(text, longest)[0])
        for prompt, text in zip(prompts * len(RADII), texts, strict=True)
    ]
    cost = nll(base, pairs).view(len(RADII), draws).sum(1)
    tokens = Tensor([len(r) for _, r in pairs]).view(len(RADII), draws).sum(1)
    return dict(zip(RADII, (cost / tokens).tolist(), strict=True))
