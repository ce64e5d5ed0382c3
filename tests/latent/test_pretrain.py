"""Stage 1 in small: a random base, and answers in two styles that only z can tell apart."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from prefcli.base import Base
from prefcli.errors import DataError, UsageError
from prefcli.latent.encoder import encode_ids
from prefcli.latent.moments import within_covariance, within_deviation
from prefcli.latent.pretrain import PretrainConfig, Trained, pretrain
from prefcli.latent.responses import Group
from tests.tiny_bases import END, tiny_base

STYLES = ((65, 66, 67), (120, 121, 122))
SETTINGS = {"latent_size": 4, "prompts_per_step": 2, "responses_per_prompt": 4, "seed": 3}


def two_styles(prompts: int = 6, answers: int = 6, length: int = 8) -> list[Group]:
    """Answers by turns of the first and the second style's letters, all of one length."""
    rng = random.Random(0)
    return [
        Group(
            tuple(rng.choices(range(30), k=3)),
            tuple(
                (*rng.choices(STYLES[i % 2], k=length), END)  # even: first style
                for i in range(answers)
            ),
        )
        for _ in range(prompts)
    ]


@pytest.fixture(scope="module")
def base() -> Base:
    return tiny_base("gpt2", scale=0.1)


@pytest.fixture(scope="module")
def trained(base: Base) -> Trained:
    return pretrain(base, two_styles(), PretrainConfig(steps=80, learning_rate=1e-2, **SETTINGS))


def mean_of(trained: Trained, term: str, steps: slice) -> float:
    values = [row[term] for row in trained.history[steps]]
    return sum(values) / len(values)


def test_reconstruction_and_contrastive_fall(trained: Trained) -> None:
    assert len(trained.history) == 80
    first, last = slice(0, 5), slice(-10, None)
    before, after = (mean_of(trained, "reconstruction", steps) for steps in (first, last))
    assert after < 0.8 * before
    assert mean_of(trained, "contrastive", first) > 0.5
    assert mean_of(trained, "contrastive", last) < 0.4


def test_an_answer_is_likelier_under_the_z_of_its_own_style(base: Base, trained: Trained) -> None:
    unseen = two_styles(prompts=8, answers=2)[6:]
    prompts = [group.prompt for group in unseen for _ in group.responses]
    answers = [answer for group in unseen for answer in group.responses]
    with torch.no_grad():
        mean, _ = encode_ids(base, trained.encoder, prompts, answers, raw=True)
        own = base.negative_log_likelihood(prompts, answers, trained.adapter(mean))
        swapped = mean.view(-1, 2, 4).flip(1).reshape(-1, 4)
        other = base.negative_log_likelihood(prompts, answers, trained.adapter(swapped))
    assert (own < other).all()


def test_a_seed_fixes_everything_and_another_one_does_not(base: Base) -> None:
    groups = two_styles()
    runs = [
        pretrain(base, groups, PretrainConfig(steps=4, **{**SETTINGS, "seed": seed}))
        for seed in (1, 1, 2)
    ]
    assert runs[0].history == runs[1].history != runs[2].history
    for part in ("encoder", "adapter"):
        first, same, different = (getattr(run, part).state_dict() for run in runs)
        assert all(torch.equal(first[name], same[name]) for name in first)
        assert any(not torch.equal(first[name], different[name]) for name in first)


def test_the_base_stays_as_it_was(base: Base) -> None:
    before = base.fingerprint()
    pretrain(base, two_styles(), PretrainConfig(steps=2, **SETTINGS))
    assert tiny_base("gpt2", scale=0.1).fingerprint() == before
    fresh = tiny_base("gpt2", scale=0.1).model.state_dict()
    assert all(torch.equal(weight, fresh[name]) for name, weight in base.model.state_dict().items())
    assert all(weight.grad is None for weight in base.model.parameters())


def test_the_prefix_starts_from_what_the_base_makes_of_real_tokens(base: Base) -> None:
    groups = two_styles()
    [first] = pretrain(base, groups, PretrainConfig(steps=1, **SETTINGS)).history
    plain = [
        base.negative_log_likelihood([group.prompt] * 6, group.responses).mean().item()
        for group in groups
    ]
    # Nothing is learned yet: a start that the base does not know would cost far more than this.
    assert first["reconstruction"] < 1.3 * sum(plain) / len(plain)


def test_an_encoding_does_not_depend_on_its_company(base: Base, trained: Trained) -> None:
    prompts, answers = [[1, 2, 3], [9] * 20], [[65, 66, END], [120] * 10]
    with torch.no_grad():
        mean, log_var = encode_ids(base, trained.encoder, prompts, answers)
        for i in range(2):
            alone = encode_ids(base, trained.encoder, prompts[i : i + 1], answers[i : i + 1])
            torch.testing.assert_close(alone[0], mean[i : i + 1], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(alone[1], log_var[i : i + 1], rtol=1e-4, atol=1e-5)


def test_the_spread_within_groups_does_not_see_how_far_apart_groups_lie() -> None:
    spread = torch.randn(3000, 2, generator=torch.Generator().manual_seed(0))
    spread = spread @ torch.tensor([[1.0, 0.5], [0.0, 2.0]])
    sizes = [1000, 1500, 500]
    far = torch.tensor([[0.0, 0.0], [50.0, -9.0], [-70.0, 3.0]])
    mean = spread + far.repeat_interleave(torch.tensor(sizes), 0)
    expected = torch.cov(spread.T)
    torch.testing.assert_close(within_covariance(mean, sizes), expected, rtol=0.02, atol=0.02)
    deviation = expected.diagonal().sqrt()
    torch.testing.assert_close(within_deviation(mean, sizes), deviation, rtol=0.02, atol=0.02)


def test_progress_counts_every_step(base: Base) -> None:
    seen: list[tuple[int, int | None]] = []
    pretrain(
        base,
        two_styles(),
        PretrainConfig(steps=3, **SETTINGS),
        progress=lambda _, done, total: seen.append((done, total)),
    )
    assert seen[-1] == (3, 3)
    assert all(a <= b for a, b in pairwise(seen))


def test_a_loss_that_is_no_number_ends_training(base: Base) -> None:
    config = PretrainConfig(steps=4, learning_rate=float("nan"), **SETTINGS)
    with pytest.raises(DataError, match="diverged at step 1"):
        pretrain(base, two_styles(), config)


def test_settings_that_cannot_work_are_usage_errors(base: Base) -> None:
    with pytest.raises(UsageError, match="--trunk-layers 9: the base has 3 layers"):
        pretrain(base, two_styles(), PretrainConfig(depth=9, steps=1))
    with pytest.raises(UsageError, match="--steps"):
        PretrainConfig(steps=0)
    with pytest.raises(UsageError, match="--samples"):
        PretrainConfig(responses_per_prompt=1)


# -- interrupted, and moved bases -----------------------------------------------------------------


class Killed(Exception):  # noqa: N818 (stands for a signal)
    pass


@pytest.mark.parametrize("lora_rank", [0, 2])
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora_rank: int
) -> None:
    monkeypatch.setattr("prefcli.latent.pretrain.CHECKPOINT_SECONDS", 0.0)
    config = PretrainConfig(steps=6, lora_rank=lora_rank, **SETTINGS)

    def run(file: Path, until: int) -> Trained:
        def progress(_: str, done: int, __: int | None) -> None:
            if done == until:
                raise Killed

        base = tiny_base("gpt2", scale=0.1)
        return pretrain(base, two_styles(), config, progress, checkpoint=file)

    whole = run(tmp_path / "whole", -1)
    for until in (2, 5):
        with pytest.raises(Killed):
            run(tmp_path / "cut", until)
    again = run(tmp_path / "cut", -1)
    assert again.history == whole.history
    for part in ("encoder", "adapter"):
        found, expected = (getattr(each, part).state_dict() for each in (again, whole))
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    if lora_rank:
        assert again.lora is not None
        assert whole.lora is not None
        torch.testing.assert_close(again.lora.state(), whole.lora.state(), rtol=0, atol=0)
    assert [path.name for path in tmp_path.glob(".*")] == []  # no half-written checkpoint


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_refused(
    base: Base, tmp_path: Path
) -> None:
    file = tmp_path / "checkpoint"
    pretrain(base, two_styles(), PretrainConfig(steps=1, **SETTINGS), checkpoint=file)
    other = PretrainConfig(steps=2, **SETTINGS)
    with pytest.raises(DataError, match="of a training with other settings"):
        pretrain(base, two_styles(), other, checkpoint=file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match="damaged: remove it"):
        pretrain(base, two_styles(), other, checkpoint=file)


def test_soft_embeddings_learn_what_a_prefix_learns() -> None:
    base = tiny_base("llama", scale=0.1)
    config = PretrainConfig(steps=80, learning_rate=1e-2, adapter="soft", **SETTINGS)
    trained = pretrain(base, two_styles(), config)
    assert mean_of(trained, "contrastive", slice(-10, None)) < 0.4
    assert trained.adapter(torch.zeros(1, 4)).shape == (1, 4, base.hidden_size)


def test_a_lora_moves_the_base_under_a_prefix_and_never_without_one() -> None:
    base, plain = tiny_base("llama", scale=0.1), tiny_base("llama", scale=0.1)
    config = PretrainConfig(steps=10, learning_rate=1e-2, lora_rank=2, **SETTINGS)
    trained = pretrain(base, two_styles(), config)
    assert trained.lora is not None
    ups = [weight for path, weight in trained.lora.state().items() if "lora_B" in path]
    assert all(weight.abs().max() > 0 for weight in ups)
    assert base.fingerprint() == plain.fingerprint()
    prompts, answers = [[1, 2, 3]], [[65, 66, END]]
    for one in (base, plain):
        scores = one.negative_log_likelihood(prompts, answers)
        assert torch.equal(scores, plain.negative_log_likelihood(prompts, answers))
        states = one.hidden_states(torch.tensor(prompts), 3)
        assert torch.equal(states, plain.hidden_states(torch.tensor(prompts), 3))
    with torch.no_grad():
        prefix = trained.adapter(torch.zeros(1, 4))
        moved = base.negative_log_likelihood(prompts, answers, prefix)
        still = plain.negative_log_likelihood(prompts, answers, prefix)
        base.moves_with(None)
        stopped = base.negative_log_likelihood(prompts, answers, prefix)
    assert (moved - still).abs().max() > 1e-4
    torch.testing.assert_close(stopped, still)


def test_a_lora_leaves_the_trunk_alone_and_so_needs_layers_above_it() -> None:
    base = tiny_base("llama", scale=0.1)
    with pytest.raises(UsageError, match="what it reads must not move: lower --trunk-layers"):
        pretrain(base, two_styles(), PretrainConfig(steps=1, depth=3, lora_rank=2, **SETTINGS))
