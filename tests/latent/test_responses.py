"""The answers that stage 1 learns from."""

from __future__ import annotations

import pytest

from prefcli.base import Base
from prefcli.errors import DataError, UsageError
from prefcli.feedback.records import text_prompt
from prefcli.latent.responses import prompt_limit, sample_groups
from tests.tiny_bases import END, tiny_base

PROMPTS = [text_prompt(text) for text in ("one", "another", "a third, longer")]


@pytest.fixture(scope="module")
def base() -> Base:
    return tiny_base("llama", scale=0.05)


def test_every_prompt_gets_different_answers_that_end_or_are_cut(base: Base) -> None:
    groups = sample_groups(base, PROMPTS, samples=5, max_new_tokens=8)
    assert [base.text(group.prompt) for group in groups] == ["one", "another", "a third, longer"]
    for group in groups:
        assert 2 <= len(group.responses) <= 5
        assert len(set(group.responses)) == len(group.responses)
        assert all(answer[-1] == END or len(answer) == 8 for answer in group.responses)


def test_the_same_seed_samples_the_same_answers(base: Base) -> None:
    runs = [
        sample_groups(base, PROMPTS, samples=3, max_new_tokens=8, seed=seed) for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_a_base_that_always_says_the_same_is_bad_data(base: Base) -> None:
    with pytest.raises(DataError, match="no two different answers"):
        sample_groups(base, PROMPTS, samples=1, max_new_tokens=4)


def test_long_prompts_are_cut_so_that_answer_and_prefix_fit(base: Base) -> None:
    assert prompt_limit(base) == 64
    [group] = sample_groups(base, [text_prompt("x" * 500)], samples=3, max_new_tokens=48)
    assert len(group.prompt) == 64
    with pytest.raises(UsageError, match="--max-new-tokens 49: stage 1 takes at most 48"):
        sample_groups(base, PROMPTS, max_new_tokens=49)
