"""Untrained spaces of tiny bases."""

from __future__ import annotations

import torch
from torch import Tensor

from prefcli.base import Base
from prefcli.latent.adapter import Adapter, AdapterConfig
from prefcli.latent.encoder import Encoder, EncoderConfig
from prefcli.latent.geometry import half_precision
from prefcli.latent.round_trip import Prior
from prefcli.latent.space import Space, SpaceConfig


def random_space(base: Base, seed: int = 0) -> Space:
    """A space of 3 active directions out of 5, untrained."""
    torch.manual_seed(seed)
    shape = base.prefix_shape
    encoder = Encoder(EncoderConfig(base.hidden_size, latent_size=5, width=16, depth=1))
    encoder.whiten = torch.randn(3, 5)
    encoder.centre = torch.randn(5)
    sizes = AdapterConfig(3, shape.layers, shape.heads, shape.head_dim, prefix_length=2, width=8)
    adapter = Adapter(sizes)
    half_precision(encoder, adapter)
    config = SpaceConfig(
        base="somewhere",
        base_fingerprint=base.fingerprint(),
        encoder=encoder.config,
        adapter=sizes,
        latent_size=3,
        max_prompt_tokens=40,
        max_response_tokens=30,
        rho=3.0,
        own_bits_per_byte=(1.0, 2.0),
        report={"contrastive_accuracy": 0.5},
    )
    return Space(config, encoder, adapter, Prior(torch.randn(4, 3), torch.randn(4, 3)))


def random_taste(base: Base, kind: str) -> tuple[AdapterConfig, Tensor, Tensor]:
    """An untrained adapter's sizes, what it makes of some z, and the prefix that this is."""
    shape = base.prefix_shape
    config = AdapterConfig(
        *(3, shape.layers, shape.heads, shape.head_dim),
        prefix_length=4,
        width=8,
        kind=kind,
        hidden_size=base.hidden_size,
    )
    torch.manual_seed(0)
    adapter = Adapter(config)
    torch.nn.init.normal_(adapter.outer.weight, std=1.0)  # such that it matters
    z = torch.randn(1, 3)
    with torch.no_grad():
        made, prefix = adapter(z)[0], adapter.prefix(base, z)[0]
    return config, made, prefix
