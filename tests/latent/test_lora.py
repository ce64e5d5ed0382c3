"""A LoRA sits on the attention above the trunk, whatever a family calls it, and only there."""

from __future__ import annotations

import pytest
import torch

from prefcli.base import Base
from tests.tiny_bases import FAMILIES, tiny_base

pytest.importorskip("peft")
from prefcli.latent.lora import attach

PROMPT, ANSWER = [3, 1, 4, 1, 5], [9, 2, 6, 5, 35, 89, 79]


def prefix_of(base: Base) -> torch.Tensor:
    shape = base.prefix_shape
    sizes = (1, shape.layers, 2, shape.heads, 4, shape.head_dim)
    return torch.randn(sizes, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_lora_moves_what_stands_under_a_prefix_and_nothing_else(family: str) -> None:
    base = tiny_base(family)
    prefix, ids = prefix_of(base), torch.tensor([PROMPT])

    def found(prefix: torch.Tensor | None) -> torch.Tensor:
        return base.negative_log_likelihood([PROMPT], [ANSWER], prefix)

    under, plain, states = found(prefix), found(None), base.hidden_states(ids, 1)
    lora = attach(base, 2, 1)
    assert torch.equal(found(prefix), under)  # at first it changes nothing
    with base.moved():
        found(prefix).sum().backward()
    layers = {name.partition(".self_attn.")[0].partition(".attn.")[0] for name in lora.parameters}
    assert {int(path.rpartition(".")[2]) for path in layers} == {1, 2}
    gradients = [w.grad for name, w in lora.parameters.items() if ".lora_B." in name]
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)
    with torch.no_grad():
        for weight in lora.parameters.values():
            weight.add_(0.1)
    assert abs(found(prefix) - under) > 0.01
    assert torch.equal(found(None), plain)
    assert torch.equal(base.hidden_states(ids, 1), states)
