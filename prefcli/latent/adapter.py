"""z -> attention prefix.

An MLP turns z into keys and values of a few positions that every layer of the base can attend to
(Zhang et al. 2025, section 3.2, in the form of Li & Liang 2021, arXiv 2101.00190).

Letters: B batch, Z latent size, L layers, H key/value heads, P prefix length, E head size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class AdapterConfig:
    """Size of the adapter: Z, its hidden width, P, and the base's L, H, E."""

    latent_size: int
    layers: int
    heads: int
    head_dim: int
    prefix_length: int = 4
    width: int = 256


class Adapter(nn.Module):
    """(B, Z) in, (B, L, 2, H, P, E) out, keys before values.

    Args:
        config: The sizes.
        start: (L, 2, H, P, E), what the prefix is before anything is learned: the keys and values
            of real tokens, which a rotary base needs since its first token is an attention sink.
    """

    def __init__(self, config: AdapterConfig, start: Tensor | None = None) -> None:
        super().__init__()
        self.config = config
        self.shape = (
            config.layers,
            2,
            config.heads,
            config.prefix_length,
            config.head_dim,
        )
        self.inner = nn.Linear(config.latent_size, config.width)
        self.outer = nn.Linear(config.width, torch.Size(self.shape).numel())
        nn.init.normal_(self.outer.weight, std=0.02)
        if start is None:
            nn.init.zeros_(self.outer.bias)
        else:
            with torch.no_grad():
                self.outer.bias.copy_(start.flatten())

    def config_for(self, latent_size: int) -> AdapterConfig:
        """The sizes once inactive directions are gone."""
        return replace(self.config, latent_size=latent_size)

    def forward(self, z: Tensor) -> Tensor:
        """The prefix of each z."""
        hidden = torch.nn.functional.gelu(self.inner(z))
        return self.outer(hidden).view(len(z), *self.shape)  # type: ignore[no-any-return]
