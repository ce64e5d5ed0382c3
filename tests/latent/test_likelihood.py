"""Likelihoods: the order and size of batches change nothing; the mixture over z is a mixture."""

from __future__ import annotations

import math
import random

import pytest
import torch

from prefcli.base import Base
from prefcli.latent.likelihood import marginal_nll, nll
from prefcli.latent.round_trip import Pair, Prior
from tests.random_spaces import random_space
from tests.tiny_bases import tiny_base


@pytest.fixture(scope="module")
def base() -> Base:
    return tiny_base("gpt2")


def some_pairs(count: int) -> list[Pair]:
    rng = random.Random(0)
    return [
        (rng.randbytes(rng.randint(2, 8)), rng.randbytes(rng.randint(2, 20))) for _ in range(count)
    ]


def test_each_answer_s_likelihood_is_its_own_in_whatever_batch(base: Base) -> None:
    space, pairs = random_space(base), some_pairs(7)
    z = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    alone = torch.cat(
        [nll(base, [pair], space.adapter, z[i : i + 1]) for i, pair in enumerate(pairs)]
    )
    torch.testing.assert_close(nll(base, pairs, space.adapter, z, batch_size=3), alone)
    plain = torch.cat([nll(base, [pair]) for pair in pairs])
    torch.testing.assert_close(nll(base, pairs, batch_size=4), plain)
    assert (plain - alone).abs().min() > 1e-3


def sharp(count: int) -> Prior:
    """A prior of `count` points."""
    generator = torch.Generator().manual_seed(1)
    return Prior(torch.randn(count, 3, generator=generator), torch.full((count, 3), -40.0))


def test_where_every_reference_is_drawn_the_mixture_is_exact(base: Base) -> None:
    space, pairs, prior = random_space(base), some_pairs(3), sharp(6)
    each = torch.stack([nll(base, pairs, space.adapter, z.expand(3, -1)) for z in prior.mean])
    exact = math.log(6) - (-each).logsumexp(0)
    found = marginal_nll(base, space.adapter, prior, pairs, torch.zeros(3, 3), draws=16)
    torch.testing.assert_close(found, exact)


def test_the_likelihood_of_the_mixture_is_estimated_without_bias(base: Base) -> None:
    space, pairs, prior = random_space(base), some_pairs(2), sharp(12)
    each = torch.stack([nll(base, pairs, space.adapter, z.expand(2, -1)) for z in prior.mean])
    exact = math.log(12) - (-each).logsumexp(0)
    many = torch.stack(
        [
            marginal_nll(base, space.adapter, prior, pairs, torch.zeros(2, 3), draws=4, seed=seed)
            for seed in range(60)
        ]
    )
    estimates = (exact - many).exp()  # (seeds, answers), 1 in the mean
    error = estimates.std(0) / 60**0.5
    assert (error > 0).all()
    assert ((estimates.mean(0) - 1).abs() < 4 * error + 1e-4).all()
