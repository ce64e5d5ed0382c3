"""Latent DPO: where the policy starts, which way it goes, and what it learns from."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from prefcli.errors import DataError, UsageError
from prefcli.solvers.latent_dpo import (
    JudgedPairs,
    LatentDpoConfig,
    PolicyHead,
    compare_samples,
    draw,
    latent_dpo_loss,
    log_density,
    sample_scores,
    train_policy,
)

SIZE, FEATURES = 4, 6
TASTE = torch.tensor([1.0, -1.0, 0.5, 0.0])


def judged(
    count: int = 60, seed: int = 0, taste: Tensor = TASTE, by_prompt: bool = False
) -> JudgedPairs:
    """Pairs of which the answer that lies further along `taste` was chosen.

    With `by_prompt`, the first feature of the prompt says which way along it.
    """
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(count, FEATURES, generator=random)
    features[:, 0] = features[:, 0].sign()
    means = torch.randn(2, count, SIZE, generator=random)
    liked = means @ taste * (features[:, 0] if by_prompt else 1.0)  # (2, count)
    better = liked.argmax(0)
    each = torch.arange(count)
    log_var = torch.full((count, SIZE), -2.0)
    return JudgedPairs(
        features=features,
        chosen=torch.stack([means[better, each], log_var], 1),
        rejected=torch.stack([means[1 - better, each], log_var], 1),
        weight=torch.ones(count),
    )


def swapped(pairs: JudgedPairs) -> JudgedPairs:
    return JudgedPairs(pairs.features, pairs.rejected, pairs.chosen, pairs.weight)


def mean_of(head: PolicyHead, pairs: JudgedPairs) -> Tensor:
    return head(pairs.features)[0].mean(0)


def cosine(a: Tensor, b: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


QUICK = LatentDpoConfig(learning_rate=0.02, fewest_steps=60)


def test_an_untrained_policy_is_the_prior() -> None:
    mean, log_var = PolicyHead(FEATURES, SIZE)(torch.randn(3, FEATURES))
    assert not mean.any()
    assert not log_var.any()
    untouched, losses = train_policy(judged(), LatentDpoConfig(epochs=0, fewest_steps=0))
    assert losses == []
    assert not mean_of(untouched, judged()).any()


def test_at_the_prior_the_loss_is_log_two() -> None:
    loss = latent_dpo_loss(
        PolicyHead(FEATURES, SIZE), judged(), LatentDpoConfig(), torch.Generator().manual_seed(0)
    )
    assert float(loss.detach()) == pytest.approx(math.log(2), rel=1e-6)


def test_the_loss_falls_and_the_mean_goes_where_the_chosen_answers_lie() -> None:
    pairs = judged()
    head, losses = train_policy(pairs, QUICK)
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.05
    assert cosine(mean_of(head, pairs), TASTE) > 0.9


def test_swapping_chosen_and_rejected_turns_the_policy_round() -> None:
    pairs = judged()
    one, other = train_policy(pairs, QUICK)[0], train_policy(swapped(pairs), QUICK)[0]
    assert cosine(mean_of(one, pairs), mean_of(other, pairs)) < -0.9


def test_a_taste_that_depends_on_the_prompt_is_learned() -> None:
    pairs = judged(400, by_prompt=True)
    head, _ = train_policy(pairs, LatentDpoConfig(learning_rate=0.02, fewest_steps=200))
    other = judged(200, seed=1, by_prompt=True)
    mean, _ = head(other.features)
    assert float(((mean @ TASTE).sign() == other.features[:, 0]).float().mean()) > 0.9


def test_the_same_seed_gives_the_same_policy_and_another_seed_another() -> None:
    pairs = judged()
    first, again, other = (
        train_policy(pairs, LatentDpoConfig(fewest_steps=5, seed=seed))[0] for seed in (1, 1, 2)
    )
    assert torch.equal(first.linear.weight, again.linear.weight)
    assert not torch.equal(first.linear.weight, other.linear.weight)


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_the_policy_is_trained_where_the_pairs_are(device: str) -> None:
    if device != "cpu" and not getattr(torch, device).is_available():
        pytest.skip(f"no {device} here")
    pairs = judged().to(torch.device(device))
    head, _ = train_policy(pairs, QUICK)
    assert head.linear.weight.device.type == device
    expected = mean_of(train_policy(judged(), QUICK)[0], judged())
    torch.testing.assert_close(mean_of(head, pairs).cpu(), expected, rtol=1e-2, atol=1e-2)


def test_a_pair_of_weight_zero_has_no_say() -> None:
    pairs = judged()
    half = pairs.take(torch.arange(30))
    muted = JudgedPairs(
        pairs.features, pairs.chosen, pairs.rejected, (torch.arange(60) < 30).float()
    )
    one, other = train_policy(half, QUICK)[0], train_policy(muted, QUICK)[0]
    assert torch.equal(one.linear.weight, other.linear.weight)
    nothing, losses = train_policy(half.take(torch.arange(0)), QUICK)
    assert losses == []
    assert not nothing.linear.weight.any()


def test_a_pair_weighs_in_the_loss_by_its_weight() -> None:
    pairs = judged(2)
    head = PolicyHead(FEATURES, SIZE)
    torch.nn.init.normal_(head.linear.weight, std=0.3)

    def loss(weight: list[float]) -> float:
        weighted = JudgedPairs(pairs.features, pairs.chosen, pairs.rejected, torch.tensor(weight))
        return float(
            latent_dpo_loss(
                head, weighted, LatentDpoConfig(), torch.Generator().manual_seed(3)
            ).detach()
        )

    first, second = loss([1.0, 0.0]), loss([0.0, 1.0])
    assert first != second
    assert loss([3.0, 1.0]) == pytest.approx((3 * first + second) / 4, rel=1e-5)


def test_the_gradient_is_that_of_finite_differences() -> None:
    head = PolicyHead(FEATURES, SIZE).double()
    torch.nn.init.normal_(head.linear.weight, std=0.2)
    single = judged(8)
    pairs = JudgedPairs(*(getattr(single, n).double() for n in vars(single)))

    def loss() -> Tensor:
        return latent_dpo_loss(
            head, pairs, LatentDpoConfig(beta=0.7), torch.Generator().manual_seed(5)
        )

    loss().backward()
    weight, found = head.linear.weight, head.linear.weight.grad
    assert found is not None
    for place in ((0, 0), (3, 2), (5, 1), (7, 5)):
        around = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                weight[place] += step
                around.append(float(loss().detach()))
                weight[place] -= step
        assert float(found[place]) == pytest.approx((around[0] - around[1]) / 2e-5, abs=1e-7)


def test_a_third_of_the_samples_each_comes_from_prior_and_posteriors() -> None:
    pairs = judged(1)
    z = draw(pairs, 4000, torch.Generator().manual_seed(0))[0].unflatten(0, (3, 4000))
    means = torch.stack([torch.zeros(SIZE), pairs.chosen[0, 0], pairs.rejected[0, 0]])
    torch.testing.assert_close(z.mean(1), means, rtol=0, atol=0.08)
    deviations = torch.tensor([1.0, math.exp(-1), math.exp(-1)])[:, None].expand(3, SIZE)
    torch.testing.assert_close(z.std(1), deviations, rtol=0.05, atol=0)


def test_a_score_is_the_probability_that_the_sample_belongs_to_the_chosen_answer() -> None:
    pairs = judged(5)
    z = draw(pairs, 3, torch.Generator().manual_seed(0))
    density = [log_density(z, *side.unbind(1)).exp() for side in (pairs.chosen, pairs.rejected)]
    torch.testing.assert_close(sample_scores(pairs, z), density[0] / (density[0] + density[1]))


def test_the_density_is_that_of_torch_distributions() -> None:
    z, mean, log_var = torch.randn(5, 7, SIZE), torch.randn(5, SIZE), torch.randn(5, SIZE)
    normal = torch.distributions.Normal(mean[:, None], (0.5 * log_var).exp()[:, None])
    torch.testing.assert_close(log_density(z, mean, log_var), normal.log_prob(z).sum(-1))


def test_the_quarter_of_largest_gaps_is_compared() -> None:
    scores = torch.rand(3, 12, generator=torch.Generator().manual_seed(0))
    better, worse, counts = compare_samples(scores, 0.25)
    assert better.shape == (3, 36)
    assert counts.all()
    for row, i, j in zip(scores, better, worse, strict=True):
        kept = (row[i] - row[j]).sort(descending=True).values
        every = (row[:, None] - row[None]).flatten().sort(descending=True).values
        torch.testing.assert_close(kept, every[:36])
        assert all(a >= b > 0 for a, b in pairwise(kept.tolist()))


def test_samples_of_equal_score_order_nothing() -> None:
    _, _, counts = compare_samples(torch.full((2, 6), 0.5), 0.25)
    assert not counts.any()
    alike = judged(3)
    same = JudgedPairs(alike.features, alike.chosen, alike.chosen, alike.weight)
    head, losses = train_policy(same, QUICK)
    assert set(losses) == {0.0}
    assert not head.linear.weight.any()


def test_few_pairs_make_the_fewest_steps_and_many_make_a_pass() -> None:
    config = LatentDpoConfig()
    assert config.steps(50) == config.fewest_steps
    assert config.steps(64 * 1000 + 1) == 1001


@pytest.mark.parametrize(
    "wrong",
    [
        {"beta": 0.0},
        {"learning_rate": math.inf},
        {"samples": 0},
        {"batch_size": 0},
        {"epochs": -1},
        {"share": 0.6},
        {"warmup": 1.1},
    ],
)
def test_a_setting_out_of_its_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        LatentDpoConfig(**wrong)  # type: ignore[arg-type]


def test_pairs_that_do_not_fit_together_are_refused() -> None:
    good = judged(3)
    with pytest.raises(DataError, match="expected"):
        JudgedPairs(good.features, good.chosen[:, :1], good.rejected, good.weight)
    with pytest.raises(DataError, match="weight has shape"):
        JudgedPairs(good.features, good.chosen, good.rejected, good.weight[:2])
    with pytest.raises(DataError, match="not finite"):
        JudgedPairs(good.features * math.nan, good.chosen, good.rejected, good.weight)
