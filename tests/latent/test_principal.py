"""An encoder that starts on the principal axes says from the first step how answers differ."""

from __future__ import annotations

import random

import pytest
import torch

from prefcli.base import Base
from prefcli.latent.adapter import Adapter, AdapterConfig
from prefcli.latent.encoder import Encoder, EncoderConfig, encode_ids
from prefcli.latent.geometry import encode_groups, whiten
from prefcli.latent.moments import within_covariance
from prefcli.latent.pretrain import Trained
from prefcli.latent.principal import principal_axes, start_on
from prefcli.latent.responses import Group
from tests.tiny_bases import tiny_base

SIZE = 4


@pytest.fixture(scope="module")
def base() -> Base:
    return tiny_base("gpt2")


@pytest.fixture
def groups() -> list[Group]:
    rng = random.Random(0)
    draw = rng.randbytes
    return [
        Group(tuple(draw(6)), tuple(tuple(draw(rng.randint(4, 20))) for _ in range(6)))
        for _ in range(20)
    ]


@pytest.fixture
def encoder(base: Base, groups: list[Group]) -> Encoder:
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(base.hidden_size, SIZE, width=16, bag=True)).eval()
    start_on(encoder, principal_axes(base, groups, 1, SIZE))
    return encoder


def test_the_means_start_uncorrelated_and_of_variance_one_within_prompts(
    base: Base, groups: list[Group], encoder: Encoder
) -> None:
    mean, _ = encode_groups(base, encoder, groups, raw=True)
    spread = within_covariance(mean, [6] * len(groups))
    torch.testing.assert_close(spread, torch.eye(SIZE), atol=1e-3, rtol=0)


def test_padding_and_the_prompt_s_own_states_do_not_count(base: Base, encoder: Encoder) -> None:
    alone, _ = encode_ids(base, encoder, [[65, 66]], [[67, 68]], raw=True)
    beside, _ = encode_ids(base, encoder, [[65, 66], [65]], [[67, 68], list(range(30))], raw=True)
    torch.testing.assert_close(alone[0], beside[0], atol=1e-4, rtol=1e-4)


def test_axes_beyond_the_hidden_size_are_silent(base: Base, groups: list[Group]) -> None:
    axes = principal_axes(base, groups, 1, base.hidden_size + 2)
    assert axes[: base.hidden_size - 1].norm(dim=1).min() > 0
    assert not axes[base.hidden_size :].any()


def test_whitening_reaches_what_the_axes_say(
    base: Base, groups: list[Group], encoder: Encoder
) -> None:
    shape = base.prefix_shape
    adapter = Adapter(AdapterConfig(SIZE, shape.layers, shape.heads, shape.head_dim, 2, width=8))
    with torch.no_grad():
        encoder.bag.bias.add_(3.0)
    whiten(base, Trained(encoder, adapter, []), groups)
    mean, log_var = encode_groups(base, encoder, groups)
    spread = within_covariance(mean, [6] * len(groups)) + torch.diag(log_var.exp().mean(0))
    torch.testing.assert_close(spread, torch.eye(SIZE), atol=0.05, rtol=0)
    torch.testing.assert_close(mean.mean(0), torch.zeros(SIZE), atol=1e-3, rtol=0)
