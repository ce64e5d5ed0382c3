"""Draw z, generate with it, encode what came: does the encoder undo the adapter?

z is drawn from the stored prior, the aggregated posterior of the base's own answers: the mean of
some answer to some prompt, plus that answer's posterior noise. N(0, I) has the same mean and
covariance but lies mostly between the answers that exist; in the embedded space, on held-out
prompts, what it generates comes back with correlations of 0.50 to 0.75, against 0.83 to 0.92 from
the aggregated posterior.

Letters: N draws, R reference answers, K latent size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from prefcli.decoding import sample
from prefcli.latent.encoder import encode_ids

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.adapter import Adapter
    from prefcli.latent.encoder import Encoder
    from prefcli.latent.responses import Group
    from prefcli.progress import Progress


@dataclass(frozen=True)
class Prior:
    """The aggregated posterior: means and log-variances of answers, (R, K) each."""

    mean: Tensor
    log_var: Tensor

    def draw(self, count: int, seed: int) -> Tensor:
        """`count` points, (count, K)."""
        generator = torch.Generator().manual_seed(seed)
        index = torch.randint(len(self.mean), (count,), generator=generator)
        noise = torch.randn(count, self.mean.shape[1], generator=generator)
        deviation = (0.5 * self.log_var[index.to(self.mean.device)]).exp()
        return self.mean[index.to(self.mean.device)] + noise.to(self.mean.device) * deviation


def round_trip(
    base: Base,
    encoder: Encoder,
    adapter: Adapter,
    groups: Sequence[Group],
    z: Tensor,
    *,
    seed: int = 0,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> tuple[Tensor, Tensor]:
    """Generate one answer with each z (N, K), prompts in turn, and encode them.

    Returns:
        Posterior means and log-variances of what came, (N, K) each.
    """
    longest = max(len(r) for group in groups for r in group.responses)
    prompts = sorted((list(groups[i % len(groups)].prompt) for i in range(len(z))), key=len)
    parts = []
    for start in range(0, len(z), batch_size):
        chunk = prompts[start : start + batch_size]
        with torch.no_grad():
            prefixes = adapter.prefix(base, z[start : start + batch_size])
        texts = sample(
            base,
            chunk,
            seeds=range(seed + start, seed + start + len(chunk)),
            prefixes=list(prefixes),
            max_new_tokens=longest,
        )
        responses = [base.response_ids(text, longest)[0] for text in texts]
        with torch.no_grad():
            parts.append(encode_ids(base, encoder, chunk, responses))
        if progress:
            progress("round trip", start + len(chunk), len(z))
    means, log_vars = zip(*parts, strict=True)
    return torch.cat(means), torch.cat(log_vars)
