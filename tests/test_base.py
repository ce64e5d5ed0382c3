"""A base as prefcli sees it: text to tokens, what a prefix does to scores, what is refused."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from prefcli.base import Base
from prefcli.errors import DataError, PrefcliError
from prefcli.feedback.records import Message, text_prompt
from prefcli.loading import load_base
from prefcli.memory import roomy_cache
from tests.stories260k import STORIES, stories_base  # noqa: F401 (a fixture)
from tests.tiny_bases import END, FAMILIES, byte_tokenizer, tiny_base, tiny_model

PROMPT, ANSWER = [3, 1, 4, 1, 5], [9, 2, 6, 5, 35, 89, 79]


@pytest.fixture(scope="module", params=FAMILIES)
def base(request: pytest.FixtureRequest) -> Base:
    return tiny_base(request.param)


def random_prefix(base: Base, *, rows: int = 1, length: int = 4, seed: int = 0) -> torch.Tensor:
    shape = base.prefix_shape
    generator = torch.Generator().manual_seed(seed)
    sizes = (rows, shape.layers, 2, shape.heads, length, shape.head_dim)
    return 0.7 * torch.randn(sizes, generator=generator)


# -- scores -------------------------------------------------------------------------------------


def stepwise_nll(base: Base, prompt: list[int], answer: list[int], prefix: torch.Tensor) -> float:
    """NLL of an answer decoded token by token, as `generate` walks."""
    seen = torch.ones(1, prefix.shape[4] + len(prompt), dtype=torch.long)
    output = base.model(
        input_ids=torch.tensor([prompt]),
        past_key_values=roomy_cache(prefix.shape[1], 64, prefix),
        attention_mask=seen,
        use_cache=True,
    )
    total = 0.0
    for token in answer:
        total -= output.logits[0, -1].log_softmax(-1)[token].item()
        output = base.model(
            input_ids=torch.tensor([[token]]),
            past_key_values=output.past_key_values,
            use_cache=True,
        )
    return total


def test_an_answer_scores_under_a_prefix_as_it_is_decoded_step_by_step(base: Base) -> None:
    prefix = random_prefix(base, seed=2)
    expected = stepwise_nll(base, PROMPT, ANSWER, prefix)
    found = base.negative_log_likelihood([PROMPT], [ANSWER], prefix).item()
    assert found == pytest.approx(expected, rel=1e-4)
    plain = base.negative_log_likelihood([PROMPT], [ANSWER]).item()
    assert abs(found - plain) > 0.1  # or the prefix would not matter and this test prove nothing


def test_the_plain_score_is_the_sum_over_the_answer_alone(base: Base) -> None:
    logits = base.model(input_ids=torch.tensor([PROMPT + ANSWER])).logits[0]
    log_probs = logits.log_softmax(-1)[len(PROMPT) - 1 : -1]
    expected = -sum(row[token].item() for row, token in zip(log_probs, ANSWER, strict=True))
    found = base.negative_log_likelihood([PROMPT], [ANSWER]).item()
    assert found == pytest.approx(expected, rel=1e-5)


def test_padding_a_batch_changes_no_score(base: Base) -> None:
    prompts = [PROMPT, [7], PROMPT[:3]]
    answers = [ANSWER, ANSWER * 3, ANSWER[:1]]
    prefix = random_prefix(base, rows=3)
    for given in (None, prefix):
        together = base.negative_log_likelihood(prompts, answers, given)
        alone = [
            base.negative_log_likelihood([p], [a], None if given is None else given[i : i + 1])
            for i, (p, a) in enumerate(zip(prompts, answers, strict=True))
        ]
        torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-4)


def test_the_score_has_a_gradient_in_the_prefix_and_in_nothing_else(base: Base) -> None:
    prefix = random_prefix(base).requires_grad_()
    base.negative_log_likelihood([PROMPT], [ANSWER], prefix).sum().backward()
    assert prefix.grad is not None
    assert (prefix.grad.abs().sum(dim=(0, 3, 4, 5)) > 0).all()  # keys and values of every layer
    assert all(weight.grad is None for weight in base.model.parameters())


def test_checkpointing_changes_neither_score_nor_gradient(base: Base) -> None:
    def found() -> list[torch.Tensor]:
        prefix = random_prefix(base, rows=2).requires_grad_()
        nll = base.negative_log_likelihood([PROMPT, PROMPT[:2]], [ANSWER, ANSWER[:3]], prefix)
        nll.sum().backward()
        assert prefix.grad is not None
        return [nll.detach(), prefix.grad]

    plain = found()
    with base.checkpointing():
        torch.testing.assert_close(found(), plain)
    torch.testing.assert_close(found(), plain)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_hidden_states_are_those_of_the_whole_model(base: Base, depth: int) -> None:
    ids = torch.tensor([PROMPT, ANSWER[:5]])
    found = base.hidden_states(ids, depth)
    expected = base.model(input_ids=ids, output_hidden_states=True).hidden_states[depth]
    if depth == base.layer_count:  # transformers gives the last ones after the final norm
        norms = {"gpt2": lambda: base.model.transformer.ln_f}
        found = norms.get(base.config.model_type, lambda: base.model.model.norm)()(found)
    torch.testing.assert_close(found, expected)


def test_hidden_states_leave_no_hook_behind(base: Base) -> None:
    before = base.negative_log_likelihood([PROMPT], [ANSWER])
    base.hidden_states(torch.tensor([PROMPT]), 1)
    assert torch.equal(base.negative_log_likelihood([PROMPT], [ANSWER]), before)


def test_the_prefix_shape_is_that_of_keys_and_values_not_of_queries() -> None:
    shape = tiny_base("qwen3").prefix_shape
    assert (shape.layers, shape.heads, shape.head_dim) == (3, 2, 12)


# -- precision ----------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision_scores_reads_and_learns_nearly_as_float32(
    family: str, precision: torch.dtype
) -> None:
    exact = tiny_base(family, scale=0.1)
    half = Base(tiny_model(family, scale=0.1).to(precision), byte_tokenizer(), "half")
    assert half.dtype == precision
    soft = torch.randn(1, 4, exact.hidden_size, generator=torch.Generator().manual_seed(0))

    def found(base: Base) -> list[torch.Tensor]:
        prefix = random_prefix(base).requires_grad_()
        given = soft.clone().requires_grad_()
        for memory in (prefix, base.read(given)):
            base.negative_log_likelihood([PROMPT], [ANSWER], memory).sum().backward()
        assert prefix.grad is not None
        assert given.grad is not None
        nll = base.negative_log_likelihood([PROMPT], [ANSWER], prefix.detach())
        states = base.hidden_states(torch.tensor([PROMPT]), 2).float()
        return [nll, states, prefix.grad, given.grad]

    for near, true in zip(found(half), found(exact), strict=True):
        assert near.isfinite().all()
        assert (near - true).norm() < 0.05 * true.norm()


def test_numbers_too_large_for_float16_are_told_when_the_base_is_opened() -> None:
    loud = tiny_model("gemma3")
    with torch.no_grad():
        loud.get_input_embeddings().weight.mul_(3e4)  # which the model multiplies by sqrt(D) yet
    Base(loud, byte_tokenizer(), "loud")
    assert all(weight.half().isfinite().all() for weight in loud.parameters())
    with pytest.raises(PrefcliError, match="not finite in float16: use --dtype bfloat16"):
        Base(loud.half(), byte_tokenizer(), "loud")


# -- text to tokens -----------------------------------------------------------------------------


def test_a_byte_tokenizer_reads_back_what_it_wrote(base: Base) -> None:
    for text in ("plain", "  two  spaces ", "line\n\nline", "é ñ 中文 🙂", " ,.!? n't 's"):
        ids, cut = base.response_ids(text)
        assert base.text(ids) == text
        assert (ids[-1], cut) == (END, False)


def test_an_answer_is_cut_at_the_limit_and_says_so(base: Base) -> None:
    ids, cut = base.response_ids("abcdef", 4)
    assert (base.text(ids), len(ids), cut) == ("abcd", 4, True)
    assert base.response_ids("abc", 4) == (base.response_ids("abc")[0], False)


def test_a_long_prompt_loses_its_beginning(base: Base) -> None:
    assert base.text(base.prompt_ids(text_prompt("0123456789"), 4)) == "6789"


def test_a_conversation_without_a_template_becomes_a_transcript(base: Base) -> None:
    prompt = (Message("user", "hi"), Message("assistant", "hello"), Message("user", "bye"))
    expected = "Human: hi\n\nAssistant: hello\n\nHuman: bye\n\nAssistant:"
    assert base.text(base.prompt_ids(prompt)) == expected


def test_a_chat_template_frames_the_prompt_and_what_it_refuses_is_bad_data() -> None:
    base = tiny_base("gpt2")
    base.tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no\ntools') }}"
        "{% endif %}[{{ m.role }}] {{ m.content }}\n{% endfor %}[assistant] "
    )
    framed = base.prompt_ids((Message("system", "s"), Message("user", "u")))
    assert base.text(framed) == "[system] s\n[user] u\n[assistant] "
    with pytest.raises(DataError, match="chat template of base tiny-gpt2 refuses") as caught:
        base.prompt_ids((Message("tool", "x"),))
    assert "\n" not in caught.value.message


def test_the_end_mark_is_the_tokenizers_own_among_several() -> None:
    model = tiny_model("llama")
    model.generation_config.eos_token_id = [7, END]
    base = Base(model, byte_tokenizer(), "several")
    assert base.stop_ids == (END, 7)


def test_a_base_without_an_end_mark_is_refused() -> None:
    model, tokenizer = tiny_model("gpt2"), byte_tokenizer()
    model.generation_config.eos_token_id = None
    tokenizer.eos_token = None
    with pytest.raises(PrefcliError, match="no end mark"):
        Base(model, tokenizer, "endless")


# -- the story model ----------------------------------------------------------------------------


def llama2c_encode(text: str) -> list[int]:
    """llama2.c's own tokenizer: join the best-scored neighbours until none can be joined."""
    data, position = (STORIES / "tok512.bin").read_bytes(), 4
    vocabulary: dict[bytes, tuple[int, float]] = {}
    while position < len(data):
        score, size = struct.unpack_from("<fi", data, position)
        position += 8 + size
        vocabulary.setdefault(data[position - size : position], (len(vocabulary), score))
    pieces: list[bytes | int] = []
    for character in " " + text if text else "":
        encoded = character.encode()
        known = encoded in vocabulary
        pieces += [encoded] if known else [byte + 3 for byte in encoded]
    while True:
        joined = [
            (-vocabulary[a + b][1], i)
            for i, (a, b) in enumerate(pairwise(pieces))
            if isinstance(a, bytes) and isinstance(b, bytes) and a + b in vocabulary
        ]
        if not joined:
            return [p if isinstance(p, int) else vocabulary[p][0] for p in pieces]
        _, i = min(joined)
        pieces[i : i + 2] = [pieces[i] + pieces[i + 1]]  # type: ignore[operator]


def test_the_story_tokenizer_is_that_of_llama2c(stories_base: Path) -> None:  # noqa: F811
    base = load_base(stories_base, "cpu")
    story = (STORIES / "expected_greedy_200_steps.txt").read_text()
    for text in (story, "", "Once", " spaced  out ", "é 中文\n\nend", "Zoë’s “quote” … €5"):
        ids = base.prompt_ids(text_prompt(text))
        assert ids == [1, *llama2c_encode(text)]
        assert base.text(ids) == text
        answer, _ = base.response_ids(text)
        assert answer == [*ids[1:], 1]


def test_a_cut_prompt_keeps_the_beginning_of_text(stories_base: Path) -> None:  # noqa: F811
    base = load_base(stories_base, "cpu")
    whole = base.prompt_ids(text_prompt("Once upon a time there was a dog"))
    assert base.prompt_ids(text_prompt("Once upon a time there was a dog"), 4) == [1, *whole[-3:]]
    assert base.prompt_ids(text_prompt("")) == [1]


# -- what is refused ----------------------------------------------------------------------------


def test_a_model_without_keys_and_values_is_refused() -> None:
    from transformers import BertConfig, BertLMHeadModel

    model = BertLMHeadModel(
        BertConfig(
            vocab_size=END + 1,
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            intermediate_size=8,
        )
    )
    with pytest.raises(PrefcliError, match="bert does not keep keys and values") as caught:
        Base(model, byte_tokenizer(), "bert")
    assert "\n" not in caught.value.message
