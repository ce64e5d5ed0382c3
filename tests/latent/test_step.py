"""The gradient of a step does not depend on how the work is cut up."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from prefcli.base import Base
from prefcli.latent.pretrain import PretrainConfig, _State, draw
from prefcli.latent.step import Batch, Weights, backward
from prefcli.latent.workers import ALONE
from tests.latent.test_pretrain import SETTINGS, two_styles
from tests.tiny_bases import tiny_base

CONFIG = PretrainConfig(steps=4, **SETTINGS)


@pytest.fixture(scope="module")
def base() -> Base:
    return tiny_base("llama", scale=0.1)


def uneven() -> list:
    """Answers of different lengths."""
    groups = two_styles()
    return [
        replace(g, responses=tuple(r[: 3 + i] for i, r in enumerate(g.responses))) for g in groups
    ]


def gradients(
    base: Base,
    *,
    tokens: int = 8192,
    negatives: int = 1,
    scale: float = 1.0,
    adapter: str = "prefix",
) -> tuple[dict[str, float], list[Tensor]]:
    state = _State(base, uneven(), replace(CONFIG, adapter=adapter), ALONE)
    batch = draw(uneven(), CONFIG, 0)
    noise = torch.randn(len(batch.responses), 4, generator=torch.Generator().manual_seed(1))
    trained = state.trained
    terms = backward(
        base,
        trained.encoder,
        trained.adapter,
        batch,
        Weights(negatives=negatives),
        noise,
        tokens_per_pass=tokens,
        scale=scale,
        workers=ALONE,
    )
    weights = [*trained.encoder.parameters(), *trained.adapter.parameters()]
    found = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
    assert sum(g.abs().sum() for g in found) > 0
    return terms, found


@pytest.mark.parametrize("adapter", ["prefix", "soft"])
@pytest.mark.parametrize("negatives", [1, 3])
def test_many_small_passes_give_the_gradient_of_one(
    base: Base, negatives: int, adapter: str
) -> None:
    whole = gradients(base, negatives=negatives, adapter=adapter)
    parts = gradients(base, negatives=negatives, adapter=adapter, tokens=1)
    assert parts[0] == pytest.approx(whole[0], rel=1e-4)
    torch.testing.assert_close(parts[1], whole[1], rtol=1e-3, atol=1e-5)


def test_a_scale_multiplies_every_gradient_and_no_term(base: Base) -> None:
    plain, scaled = gradients(base), gradients(base, scale=64.0)
    assert scaled[0] == pytest.approx(plain[0], rel=1e-5)
    torch.testing.assert_close(scaled[1], [64 * g for g in plain[1]], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("negatives", [1, 3])
def test_the_loss_falls_along_the_gradient_as_fast_as_it_says(base: Base, negatives: int) -> None:
    """The directional derivative, by central differences, is the gradient's squared length."""
    state = _State(base, uneven(), CONFIG, ALONE)
    batch = draw(uneven(), CONFIG, 0)
    noise = torch.randn(len(batch.responses), 4, generator=torch.Generator().manual_seed(1))
    models = (state.trained.encoder, state.trained.adapter)
    weights = [weight for model in models for weight in model.parameters()]

    def loss() -> float:
        for weight in weights:
            weight.grad = None
        terms = backward(
            base,
            *models,
            batch,
            Weights(negatives=negatives),
            noise,
            tokens_per_pass=200,
            workers=ALONE,
        )
        return sum(terms.values())

    loss()
    gradient = [torch.zeros_like(w) if w.grad is None else w.grad.clone() for w in weights]
    squared = sum(float(g.square().sum()) for g in gradient)
    step = 0.002 / squared**0.5
    sides = []
    for shift in (step, -2 * step):
        with torch.no_grad():
            for weight, g in zip(weights, gradient, strict=True):
                weight.add_(shift * g)
        sides.append(loss())
    assert (sides[0] - sides[1]) / (2 * step) == pytest.approx(squared, rel=0.05)


def test_rivals_are_other_answers_to_the_same_prompt() -> None:
    batch = Batch([()] * 7, [()] * 7, [3, 4])
    for shift in batch.rivals(2):
        assert all(i != other for i, other in enumerate(shift))
        assert all((i < 3) == (other < 3) for i, other in enumerate(shift))
    assert len(batch.rivals(5)) == 2  # the first prompt has no more than two others


def test_parts_hold_every_row_once_and_no_more_tokens_than_asked() -> None:
    rng = random.Random(0)
    rows = [[0] * rng.randint(1, 30) for _ in range(50)]
    batch = Batch([[0] * 4] * 50, rows, [50])
    parts = batch.parts(range(10, 40), 100, 2)
    assert sorted(i for part in parts for i in part) == list(range(10, 40))
    for part in parts:
        longest = max(4 + len(rows[i]) for i in part)
        assert len(part) == 1 or 2 * len(part) * longest <= 100
    lengths = [len(rows[i]) for part in parts for i in part]
    assert all(a <= b for a, b in pairwise(lengths))
