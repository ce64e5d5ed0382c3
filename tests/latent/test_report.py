"""The trust report: how much it generates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from prefcli.latent import round_trip
from prefcli.latent.adapter import Adapter, AdapterConfig
from prefcli.latent.encoder import Encoder, EncoderConfig
from prefcli.latent.report import generated, measure
from prefcli.latent.responses import Group
from prefcli.latent.round_trip import Prior
from tests.tiny_bases import tiny_base

DIRECTIONS = 3


def test_a_report_generates_as_many_answers_as_is_foretold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = tiny_base("gpt2")
    shape = base.prefix_shape
    sizes = AdapterConfig(DIRECTIONS, shape.layers, shape.heads, shape.head_dim, 2, width=8)
    encoder = Encoder(EncoderConfig(base.hidden_size, DIRECTIONS, width=16)).eval()
    prior = Prior(torch.randn(8, DIRECTIONS), torch.zeros(8, DIRECTIONS))
    made = 0

    def sample(_: Any, prompts: Sequence[Any], **__: Any) -> list[str]:
        nonlocal made
        made += len(prompts)
        return [f"{i % 7} ab" for i in range(len(prompts))]

    monkeypatch.setattr(round_trip, "sample", sample)
    groups = [Group((i, 65, 66), ((67, 68), (69, 70, i))) for i in range(4)]
    measure(base, encoder, Adapter(sizes), prior, groups)
    assert made == generated(DIRECTIONS)
