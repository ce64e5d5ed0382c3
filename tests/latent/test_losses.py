"""The terms of stage 1 against what they are defined to be."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from prefcli.latent.losses import aggregated_kl, contrastive, decorrelation

STRATA = 400


def evenly_spread(mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Every posterior many times over, with z at its evenly spaced quantiles.

    The aggregate stays the same, and the Monte Carlo average becomes an integral.
    """
    quantiles = (torch.arange(STRATA, dtype=mean.dtype) + 0.5) / STRATA
    z = Normal(mean, (0.5 * log_var).exp()).icdf(quantiles[:, None, None]).flatten(0, 1)
    return mean.repeat(STRATA, 1), log_var.repeat(STRATA, 1), z


def integrated_kl(mean: Tensor, log_var: Tensor) -> float:
    """KL(mixture || N(0, 1)) per dimension on a grid, summed."""
    grid = torch.linspace(-15, 15, 60001, dtype=torch.float64)
    each = Normal(mean.double(), (0.5 * log_var.double()).exp())
    density = each.log_prob(grid[:, None, None]).exp().mean(1)  # (grid, Z)
    prior = Normal(0.0, 1.0).log_prob(grid)[:, None]
    integrand = torch.special.xlogy(density, density) - density * prior
    return float(torch.trapezoid(integrand, grid, dim=0).sum())


@pytest.mark.parametrize(
    ("mean", "log_var"),
    [
        ([[0.7]], [[-0.5]]),
        ([[-1.5], [1.5]], [[-2.0], [-2.0]]),
        ([[-1.0], [0.2], [2.0]], [[-3.0], [0.5], [-1.0]]),
        ([[0.0, 1.0], [1.0, -2.0]], [[-1.0, 0.0], [0.3, -2.0]]),
    ],
)
def test_the_aggregated_kl_is_the_integral(
    mean: list[list[float]], log_var: list[list[float]]
) -> None:
    posterior = torch.tensor(mean), torch.tensor(log_var)
    expected = integrated_kl(*posterior)
    assert aggregated_kl(*evenly_spread(*posterior)).item() == pytest.approx(expected, abs=0.01)


def test_the_aggregated_kl_of_one_gaussian_is_the_closed_form() -> None:
    mean, log_var = torch.tensor([[0.5, -1.0]]), torch.tensor([[-1.0, 0.4]])
    expected = 0.5 * (log_var.exp() + mean.square() - 1 - log_var).sum().item()
    assert integrated_kl(mean, log_var) == pytest.approx(expected, abs=1e-6)
    assert aggregated_kl(*evenly_spread(mean, log_var)).item() == pytest.approx(expected, abs=0.01)


def test_the_aggregated_kl_is_zero_for_a_collapsed_posterior() -> None:
    z = torch.randn(32, 5, generator=torch.Generator().manual_seed(0))
    nothing = torch.zeros(32, 5)
    assert aggregated_kl(nothing, nothing, z).item() == pytest.approx(0.0, abs=1e-5)


def test_the_aggregated_kl_is_zero_for_sharp_posteriors_that_together_are_the_prior() -> None:
    """Where a KL per sample would ask each of them to be the prior."""
    quantiles = (torch.arange(200, dtype=torch.float64) + 0.5) / 200
    mean = 0.9 * Normal(0.0, 1.0).icdf(quantiles)[:, None]
    log_var = torch.full_like(mean, math.log(1 - 0.9**2))
    z = Normal(mean, (0.5 * log_var).exp()).icdf(quantiles[:, None, None]).flatten(0, 1)
    spread = mean.repeat(200, 1), log_var.repeat(200, 1), z
    chosen = torch.randperm(len(z), generator=torch.Generator().manual_seed(0))[:1500]
    together = aggregated_kl(*(part[chosen] for part in spread)).item()
    per_sample = 0.5 * (log_var.exp() + mean.square() - 1 - log_var).mean().item()
    assert together == pytest.approx(0.0, abs=0.03)
    assert per_sample > 0.8


def test_contrastive_is_ln_2_at_chance_and_falls_as_the_own_z_explains_more() -> None:
    nll = torch.tensor([10.0, 37.0, 3.0])
    assert contrastive(nll, nll[None]).tolist() == pytest.approx([math.log(2)] * 3)
    gaps = (-20.0, -1.0, 0.0, 1.0, 20.0)
    losses = [contrastive(nll, nll[None] + gap).mean().item() for gap in gaps]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1e-6
    assert losses[0] == pytest.approx(20.0, abs=1e-3)


def test_contrastive_is_minus_log_sigmoid_of_the_difference_in_likelihood() -> None:
    own, other = torch.tensor([5.0, 8.0]), torch.tensor([6.5, 7.0])
    expected = [-math.log(1 / (1 + math.exp(a - b))) for a, b in ((5.0, 6.5), (8.0, 7.0))]
    assert contrastive(own, other[None]).tolist() == pytest.approx(expected, rel=1e-5)


def test_contrastive_is_minus_log_of_the_share_that_the_own_z_has_among_several() -> None:
    own, others = torch.tensor([5.0]), torch.tensor([[6.5], [4.0], [9.0]])
    share = math.exp(-5) / sum(math.exp(-nll) for nll in (5.0, 6.5, 4.0, 9.0))
    assert contrastive(own, others).item() == pytest.approx(-math.log(share), rel=1e-5)
    assert contrastive(own, own.expand(7, 1)).item() == pytest.approx(math.log(8))


def test_decorrelation_is_zero_for_independent_coordinates() -> None:
    corners = torch.tensor([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1, 1)])
    assert decorrelation(torch.cov(corners.T)).item() == pytest.approx(0.0, abs=1e-10)
    assert decorrelation(torch.diag(torch.tensor([0.5, 1.0, 2.0]))).item() == 0.0


def test_decorrelation_sees_that_two_coordinates_are_the_same_one() -> None:
    one = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0))
    for twin in (one, -one):
        assert decorrelation(torch.cov(torch.cat([one, twin], 1).T)) == pytest.approx(1.0, abs=0.1)
