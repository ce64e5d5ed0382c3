"""z -> attention prefix.

An MLP turns z into what stands before every prompt, in one of two forms:

- `prefix`: keys and values of a few positions that every layer of the base can attend to (Zhang et
  al. 2025, section 3.2, in the form of Li & Liang 2021, arXiv 2101.00190);
- `soft`: as many input embeddings (Lester et al. 2021, arXiv 2104.08691), which the base reads
  like tokens. Serving engines accept such embeddings where they accept no foreign keys and values.

Whatever reads, scores or generates below gets keys and values from both.

Letters: B batch, Z latent size, L layers, H key/value heads, P prefix length, E head size, D hidden
size of the base.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from prefcli.errors import UsageError

if TYPE_CHECKING:
    from prefcli.base import Base

KINDS = ("prefix", "soft")


@dataclass(frozen=True)
class AdapterConfig:
    """Size of the adapter: Z, its hidden width, P, and the base's L, H, E.

    Args:
        kind: One of `KINDS`.
        hidden_size: D, for soft embeddings.

    Raises:
        UsageError: another kind.
    """

    latent_size: int
    layers: int
    heads: int
    head_dim: int
    prefix_length: int = 4
    width: int = 256
    kind: str = "prefix"
    hidden_size: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"--adapter {self.kind!r}: use one of {', '.join(KINDS)}")

    @property
    def shape(self) -> tuple[int, ...]:
        """What one z becomes: (L, 2, H, P, E), keys before values, or (P, D)."""
        if self.kind == "soft":
            return (self.prefix_length, self.hidden_size)
        return (self.layers, 2, self.heads, self.prefix_length, self.head_dim)


class Adapter(nn.Module):
    """(B, Z) in, (B, *shape) out.

    Args:
        config: The sizes.
        start: Of the config's shape, what comes out before anything is learned: the keys and
            values, or the embeddings, of real tokens, which a rotary base needs since its first
            token is an attention sink.
    """

    def __init__(self, config: AdapterConfig, start: Tensor | None = None) -> None:
        super().__init__()
        self.config = config
        self.inner = nn.Linear(config.latent_size, config.width)
        self.outer = nn.Linear(config.width, torch.Size(config.shape).numel())
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
        """What each z becomes, (B, *shape)."""
        hidden = torch.nn.functional.gelu(self.inner(z))
        return self.outer(hidden).view(len(z), *self.config.shape)  # type: ignore[no-any-return]

    def prefix(self, base: Base, z: Tensor) -> Tensor:
        """The keys and values that stand before the prompt for each z, (B, L, 2, H, P, E)."""
        made: Tensor = self(z)
        return made if self.config.kind == "prefix" else base.read(made)
