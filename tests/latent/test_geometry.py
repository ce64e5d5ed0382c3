"""The geometry of z: white over the base's own answers, and only axes that come back are kept."""

from __future__ import annotations

import random

import pytest
import torch

from prefcli.base import Base
from prefcli.errors import PrefcliError
from prefcli.latent.adapter import Adapter, AdapterConfig
from prefcli.latent.encoder import Encoder, EncoderConfig
from prefcli.latent.geometry import correlation, encode_groups, keep_faithful, whiten
from prefcli.latent.moments import within_covariance
from prefcli.latent.pretrain import Trained
from prefcli.latent.report import contrastive_accuracy
from prefcli.latent.responses import Group
from prefcli.latent.round_trip import Prior
from tests.tiny_bases import tiny_base


@pytest.fixture(scope="module")
def base() -> Base:
    return tiny_base("gpt2")


def parts(base: Base, size: int) -> tuple[Encoder, Adapter]:
    torch.manual_seed(0)
    shape = base.prefix_shape
    sizes = AdapterConfig(size, shape.layers, shape.heads, shape.head_dim, 2, width=8)
    return Encoder(EncoderConfig(base.hidden_size, size, width=16)).eval(), Adapter(sizes)


def groups(count: int) -> list[Group]:
    rng = random.Random(0)
    draw = rng.randbytes
    return [
        Group(tuple(draw(6)), tuple(tuple(draw(rng.randint(4, 20))) for _ in range(6)))
        for _ in range(count)
    ]


def test_whitened_answers_have_mean_zero_and_covariance_one_within_prompts(base: Base) -> None:
    encoder, adapter = parts(base, 4)
    found = groups(20)
    spectrum, _ = whiten(base, Trained(encoder, adapter, []), found)
    mean, log_var = encode_groups(base, encoder, found)
    spread = within_covariance(mean, [6] * 20) + torch.diag(log_var.exp().mean(0))
    torch.testing.assert_close(mean.mean(0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(spread.diagonal(), torch.ones(4), atol=0.15, rtol=0)
    assert spectrum == sorted(spectrum, reverse=True)
    assert all(0 <= share <= 1 for share in spectrum)


def test_whitening_does_not_change_what_the_adapter_makes_of_an_answer(base: Base) -> None:
    encoder, adapter = parts(base, 4)
    found = groups(10)
    whiten(base, Trained(encoder, adapter, []), found)
    inverse = torch.linalg.inv(encoder.whiten)
    unwhitened = Adapter(adapter.config)
    unwhitened.load_state_dict(adapter.state_dict())
    with torch.no_grad():
        weight = adapter.inner.weight @ encoder.whiten
        unwhitened.inner.weight.copy_(weight)
        unwhitened.inner.bias.copy_(adapter.inner.bias - weight @ encoder.centre)
        white, _ = encode_groups(base, encoder, found)
        raw, _ = encode_groups(base, encoder, found, raw=True)
        torch.testing.assert_close(white @ inverse.T + encoder.centre, raw, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(adapter(white), unwhitened(raw), atol=1e-4, rtol=1e-4)


def test_axes_that_come_back_are_kept_in_whatever_direction_they_lie(base: Base) -> None:
    encoder, adapter = parts(base, 5)
    torch.manual_seed(1)
    turn = torch.linalg.qr(torch.randn(5, 5))[0]
    z = torch.randn(2000, 5)
    inner = z @ turn
    inner[:, 2:] = torch.randn(2000, 3)  # three axes come back as noise
    back = 0.8 * inner @ turn.T
    before = adapter.inner.weight.detach().clone()
    found = keep_faithful(encoder, adapter, z, back)
    assert len(found) == 2
    assert min(found) > 0.99
    axes = encoder.whiten.T  # (5, 2), since the map was the identity before
    torch.testing.assert_close(axes.T @ turn[:, 2:], torch.zeros(2, 3), atol=0.1, rtol=0)
    torch.testing.assert_close(adapter.inner.weight.detach(), before @ axes)


@pytest.mark.parametrize(
    ("faithful", "kept"),
    [
        ((0.95, 0.9, 0.85, 0.8, 0.6), 4),  # four reach 0.7
        ((0.95, 0.9, 0.6, 0.6, 0.4), 4),  # four reach 0.5
        ((0.95, 0.6, 0.4, 0.4, 0.1), 4),  # four reach 0.25
        ((0.95, 0.4, 0.1, 0.1, 0.1), 2),
    ],
)
def test_how_faithful_an_axis_must_be_depends_on_how_many_are(
    base: Base, faithful: tuple[float, ...], kept: int
) -> None:
    encoder, adapter = parts(base, 5)
    torch.manual_seed(1)
    z, share = torch.randn(4000, 5), torch.tensor(faithful)
    back = share * z + (1 - share.square()).sqrt() * torch.randn(4000, 5)
    found = keep_faithful(encoder, adapter, z, back)
    torch.testing.assert_close(torch.tensor(found), share[:kept], atol=0.1, rtol=0)


def test_a_space_in_which_nothing_comes_back_is_refused(base: Base) -> None:
    encoder, adapter = parts(base, 3)
    torch.manual_seed(2)
    with pytest.raises(PrefcliError, match="no direction of the space survives"):
        keep_faithful(encoder, adapter, torch.randn(500, 3), torch.randn(500, 3))


def test_the_prior_has_the_moments_of_the_aggregated_posterior() -> None:
    torch.manual_seed(3)
    mean, log_var = torch.randn(50, 2), torch.full((50, 2), -1.0)
    drawn = Prior(mean, log_var).draw(20_000, seed=0)
    variance = mean.var(0, correction=0) + torch.exp(torch.tensor(-1.0))
    torch.testing.assert_close(drawn.mean(0), mean.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.var(0), variance, atol=0.05, rtol=0.05)
    assert torch.equal(drawn, Prior(mean, log_var).draw(20_000, seed=0))


def test_answers_are_told_apart_among_as_many_as_there_are(base: Base) -> None:
    encoder, adapter = parts(base, 3)
    few, fewer = groups(4), [Group(g.prompt, g.responses[:2]) for g in groups(4)]
    for found, size in ((few, 6), (fewer, 2)):
        accuracy = contrastive_accuracy(base, encoder, adapter, found)
        assert accuracy * 4 * size == pytest.approx(round(accuracy * 4 * size))
        assert 0 < accuracy < 1  # nothing was learned


def test_correlation_is_pearsons() -> None:
    torch.manual_seed(4)
    a, b = torch.randn(30, 2), torch.randn(30, 2)
    expected = torch.stack([torch.corrcoef(torch.stack([a[:, i], b[:, i]]))[0, 1] for i in (0, 1)])
    torch.testing.assert_close(correlation(a, b), expected)
