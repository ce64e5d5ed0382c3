"""Sampling: what a row gives does not depend on its company, and is what the model means."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from prefcli.base import Base
from prefcli.decoding import _check_logits, _RowSampler, sample
from prefcli.errors import DataError
from prefcli.feedback.records import text_prompt
from prefcli.loading import load_base
from prefcli.memory import fixed_cache
from tests.stories260k import STORIES, stories_base  # noqa: F401 (a fixture)
from tests.tiny_bases import END, FAMILIES, WINDOWED, byte_tokenizer, tiny_base, tiny_model

PROMPTS = [[1, 2, 3], [5] * 12, [7, 8, 9, 10, 3], [100], [4, 4, 100, 7]]
SEEDS = [11, 12, 13, 11, 15]


@pytest.fixture(scope="module", params=FAMILIES)
def base(request: pytest.FixtureRequest) -> Base:
    return tiny_base(request.param)


def random_prefix(base: Base, seed: int, length: int = 4) -> Tensor:
    shape = base.prefix_shape
    generator = torch.Generator().manual_seed(seed)
    return 0.7 * torch.randn(
        shape.layers, 2, shape.heads, length, shape.head_dim, generator=generator
    )


def reference(
    base: Base,
    prompt: list[int],
    seed: int,
    *,
    prefix: Tensor | None = None,
    steps: int = 24,
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> tuple[str, bool]:
    """One row by the book: whole forward passes, a sorted nucleus; also whether it ended itself."""
    uniform = torch.rand(steps, generator=torch.Generator().manual_seed(seed)).double()
    answer: list[int] = []
    for u in uniform:
        cache = None if prefix is None else fixed_cache(prefix[None])
        ids = torch.tensor([prompt + answer])
        with torch.no_grad():
            logits = base.model(input_ids=ids, past_key_values=cache).logits[0, -1].double()
        if temperature == 0:
            token = int(logits.argmax())
        else:
            probs = (logits / temperature).softmax(-1)
            ordered, order = probs.sort(descending=True)
            kept = order[: int((ordered.cumsum(0) < top_p).sum()) + 1]
            nucleus = torch.zeros_like(probs)
            nucleus[kept] = probs[kept]
            mass = nucleus.cumsum(0)
            token = int(torch.searchsorted(mass, u * mass[-1:], right=True))
        if token in base.stop_ids:
            return base.text(answer), True
        answer.append(token)
    return base.text(answer), False


# -- the story model ----------------------------------------------------------------------------


def test_the_story_model_tells_the_story_that_llama2c_tells(stories_base: Path) -> None:  # noqa: F811
    base = load_base(stories_base, "cpu", "float32")
    pieces: list[str] = []
    [story] = sample(
        base,
        [base.prompt_ids(text_prompt(""))],
        seeds=[0],
        max_new_tokens=200,
        temperature=0,
        on_text=pieces.append,
    )
    assert story.encode() == (STORIES / "expected_greedy_200_steps.txt").read_bytes()
    assert "".join(pieces) == story
    assert len(pieces) > 100  # token by token, not all at the end


# -- rows and their company ---------------------------------------------------------------------


def test_a_batch_gives_each_row_what_it_gives_alone(base: Base) -> None:
    prefixes = [random_prefix(base, 1), None, random_prefix(base, 2), None, random_prefix(base, 3)]
    together = sample(base, PROMPTS, seeds=SEEDS, prefixes=prefixes, max_new_tokens=20)
    alone = [
        sample(base, [prompt], seeds=[seed], prefixes=[prefix], max_new_tokens=20)[0]
        for prompt, seed, prefix in zip(PROMPTS, SEEDS, prefixes, strict=True)
    ]
    assert together == alone
    assert len(set(together)) == len(together)


def test_prefixes_of_different_lengths_share_a_batch(base: Base) -> None:
    prefixes = [random_prefix(base, i, length) for i, length in enumerate((1, 7, 4))]
    together = sample(base, PROMPTS[:3], seeds=SEEDS[:3], prefixes=prefixes, max_new_tokens=24)
    alone = [
        sample(base, [prompt], seeds=[seed], prefixes=[prefix], max_new_tokens=24)[0]
        for prompt, seed, prefix in zip(PROMPTS, SEEDS, prefixes, strict=False)
    ]
    assert together == alone


def test_a_row_without_prefix_is_the_plain_base(base: Base) -> None:
    for temperature in (0.0, 1.0):
        mixed = sample(
            base,
            PROMPTS[:3],
            seeds=SEEDS[:3],
            prefixes=[random_prefix(base, 1), None, random_prefix(base, 2)],
            max_new_tokens=24,
            temperature=temperature,
        )
        plain = reference(base, PROMPTS[1], SEEDS[1], temperature=temperature)
        assert mixed[1] == plain[0]


@pytest.mark.parametrize("family", WINDOWED)
def test_padding_between_prefix_and_prompt_uses_up_no_window(family: str) -> None:
    base = tiny_base(family)
    prompts, prefixes = [PROMPTS[0], PROMPTS[1] * 2], [random_prefix(base, 1), None]

    def answers(rows: slice) -> list[str]:
        return sample(
            base, prompts[rows], seeds=SEEDS[rows], prefixes=prefixes[rows], max_new_tokens=8
        )

    alone = answers(slice(1))
    for attention in ("sdpa", "eager") if base.model._supports_sdpa else ("eager",):
        base.model.set_attn_implementation(attention)
        assert answers(slice(2))[:1] == alone
    base.windows = {}  # as if it had none: the library's masks count slots
    assert answers(slice(2))[:1] != alone


def test_a_prefix_acts_as_in_one_whole_forward_pass(base: Base) -> None:
    prefix = random_prefix(base, 5)
    expected, _ = reference(base, PROMPTS[2], 3, prefix=prefix)
    found = sample(base, [PROMPTS[2]], seeds=[3], prefixes=[prefix], max_new_tokens=24)
    assert found == [expected]
    assert found != sample(base, [PROMPTS[2]], seeds=[3], max_new_tokens=24)


# -- the distribution ---------------------------------------------------------------------------


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.6, 1.0), (1.3, 0.8), (1.0, 0.1)])
def test_tokens_come_from_the_tempered_nucleus(temperature: float, top_p: float) -> None:
    base = tiny_base("llama")
    found = sample(
        base, PROMPTS, seeds=SEEDS, max_new_tokens=24, temperature=temperature, top_p=top_p
    )
    expected = [
        reference(base, prompt, seed, temperature=temperature, top_p=top_p)[0]
        for prompt, seed in zip(PROMPTS, SEEDS, strict=True)
    ]
    assert found == expected


@pytest.mark.parametrize("temperature", [1e-5, 1e-40, 5e-324])
def test_a_tiny_temperature_is_as_good_as_greedy(temperature: float) -> None:
    base = tiny_base("llama")
    greedy, cold = (
        sample(base, PROMPTS, seeds=SEEDS, max_new_tokens=12, temperature=t)
        for t in (0, temperature)
    )
    assert cold == greedy


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_not_finite_become_an_error_and_no_text(temperature: float) -> None:
    base = tiny_base("llama")
    prefix = torch.full_like(random_prefix(base, 1), torch.nan)
    pieces: list[str] = []
    with pytest.raises(DataError, match="not finite: lower --strength"):
        sample(
            base,
            PROMPTS[:1],
            seeds=SEEDS[:1],
            prefixes=[prefix],
            temperature=temperature,
            on_text=pieces.append,
        )
    assert pieces == []


def test_a_logit_of_minus_infinity_rules_a_token_out_and_is_no_fault() -> None:
    ruled_out = torch.tensor([[0.0, -torch.inf]])
    assert _check_logits(torch.zeros(1, 1), ruled_out) is ruled_out


def test_neighbouring_seeds_draw_tokens_as_often_as_they_are_likely() -> None:
    probs, rows = torch.tensor([0.5, 0.0, 0.2, 0.3]), 4000
    sampler = _RowSampler(range(rows), steps=2)
    scores = probs.log().expand(rows, -1)
    for _ in range(2):
        tokens = sampler(torch.zeros(rows, 1, dtype=torch.long), scores).argmax(-1)
        shares = tokens.bincount(minlength=4) / rows
        error = (probs * (1 - probs) / rows).sqrt()
        assert ((shares - probs).abs() <= 4 * error).all()


def test_answers_stop_at_the_end_mark_and_rows_do_not_wait_for_each_other() -> None:
    base = tiny_base("gpt2", scale=0.02)  # nearly uniform over 257 tokens
    base.stop_ids = (END, *range(8))
    seeds = range(6)
    found = sample(base, [[100]] * 6, seeds=seeds, max_new_tokens=24)
    by_the_book = [reference(base, [100], seed) for seed in seeds]
    assert found == [text for text, _ in by_the_book]
    assert {ended for _, ended in by_the_book} == {True, False}


def test_a_longer_answer_begins_with_the_shorter_one() -> None:
    base = tiny_base("llama")
    short = sample(base, PROMPTS, seeds=SEEDS, max_new_tokens=10)
    long = sample(base, PROMPTS, seeds=SEEDS, max_new_tokens=40)
    for a, b in zip(short, long, strict=True):
        assert b.startswith(a.rstrip("\ufffd"))


def test_decoding_defaults_that_come_with_a_base_are_set_aside() -> None:
    model = tiny_model("gpt2")
    model.generation_config.update(repetition_penalty=5.0, num_beams=3, no_repeat_ngram_size=1)
    opinionated = Base(model, byte_tokenizer(), "opinionated")
    for temperature in (0.0, 1.0):
        found, expected = (
            sample(base, PROMPTS, seeds=SEEDS, max_new_tokens=16, temperature=temperature)
            for base in (opinionated, tiny_base("gpt2"))
        )
        assert found == expected


# -- streaming ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_pieces_add_up_to_the_answer(family: str, seed: int) -> None:
    base = tiny_base(family)
    pieces: list[str] = []
    [answer] = sample(
        base,
        [[1, 2]],
        seeds=[seed],
        prefixes=[random_prefix(base, 1)],
        max_new_tokens=40,
        on_text=pieces.append,
    )
    assert "".join(pieces) == answer
    assert "" not in pieces


def test_pieces_of_sentencepiece_text_add_up_however_broken_its_bytes(
    stories_base: Path,  # noqa: F811
) -> None:
    base = load_base(stories_base, "cpu", "float32")
    pieces: list[str] = []
    # So hot that byte tokens, whole characters and lines all mix.
    [answer] = sample(
        base, [[1]], seeds=[7], max_new_tokens=60, temperature=8.0, on_text=pieces.append
    )
    assert "\ufffd" in answer
    assert "".join(pieces) == answer


# -- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_an_answer_ends_where_the_context_does(family: str) -> None:
    base = tiny_base(family)
    room = base.context - 110 - 4
    endless, fitting = (
        sample(base, [[65] * 110], seeds=[0], prefixes=[random_prefix(base, 1)], max_new_tokens=n)
        for n in (1000, room)
    )
    assert endless == fitting


def test_a_prompt_that_fills_the_context_is_bad_data() -> None:
    base = tiny_base("gpt2")
    with pytest.raises(DataError, match="a prompt of 128 tokens does not fit into the 128 tokens"):
        sample(base, [[65] * 128], seeds=[0])
