"""Windows: they count positions, a prefix is positions like any others, padding is none."""

from __future__ import annotations

import pytest
import torch
from transformers.masking_utils import (
    chunked_causal_mask_function,
    sdpa_mask,
    sliding_window_causal_mask_function,
)

from prefcli.base import Base
from prefcli.masks import CHUNKED, position_masks
from tests.tiny_bases import FAMILIES, WINDOW, tiny_base

WINDOWS = {"full_attention": None, "sliding_attention": 3, CHUNKED: 4}


@pytest.fixture(scope="module", params=FAMILIES)
def base(request: pytest.FixtureRequest) -> Base:
    return tiny_base(request.param)


@pytest.mark.parametrize("queries", [1, 5, 9])
def test_without_padding_the_masks_are_those_of_the_library(queries: int) -> None:
    slots = 9
    found = position_masks(torch.ones(1, slots, dtype=torch.long), queries, WINDOWS)
    patterns = {
        "full_attention": {},
        "sliding_attention": {"mask_function": sliding_window_causal_mask_function(3)},
        CHUNKED: {"mask_function": chunked_causal_mask_function(4, torch.zeros(1, dtype=int))},
    }
    for kind, pattern in patterns.items():
        expected = sdpa_mask(
            1, queries, slots, q_offset=slots - queries, allow_is_causal_skip=False, **pattern
        )
        assert torch.equal(found[kind], expected)


def test_what_a_row_sees_is_the_same_with_padding_between_its_slots() -> None:
    seen = torch.tensor([[1, 1, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1, 1, 1]])
    padded = position_masks(seen, 9, WINDOWS)
    for row, counts in zip(range(2), seen.bool(), strict=True):
        alone = position_masks(torch.ones(1, int(counts.sum()), dtype=torch.long), 6 + row, WINDOWS)
        for kind in WINDOWS:
            kept = padded[kind][row, 0][counts]
            assert torch.equal(kept[:, counts], alone[kind][0, 0][-len(kept) :])
            assert not kept[:, ~counts].any()


def test_every_query_sees_something_and_padding_is_seen_by_itself_alone() -> None:
    seen = torch.tensor([[0, 0, 1, 1, 0, 1]])
    for mask in position_masks(seen, 6, WINDOWS).values():
        assert mask.any(-1).all()
        for slot in (0, 1, 4):
            assert mask[0, 0, :, slot].nonzero().flatten().tolist() == [slot]


def test_a_prefix_that_was_read_acts_as_the_embeddings_themselves(base: Base) -> None:
    soft = 0.3 * torch.randn(
        1, WINDOW + 3, base.hidden_size, generator=torch.Generator().manual_seed(1)
    )
    prefix = base.read(soft)
    assert prefix.shape[4] == WINDOW + 3  # all of it, in layers with a window too
    prompt, answer = [3, 1, 4, 1, 5], [9, 2, 6, 5, 35, 89, 79, 3]
    ids = torch.tensor([prompt + answer])
    embeddings = base.model.get_input_embeddings()(ids)
    logits = base.model(inputs_embeds=torch.cat([soft, embeddings], dim=1)).logits[0]
    at = soft.shape[1] + len(prompt) - 1
    log_probs = logits[at:-1].log_softmax(-1)
    expected = -sum(row[token].item() for row, token in zip(log_probs, answer, strict=True))
    found = base.negative_log_likelihood([prompt], [answer], prefix).item()
    assert found == pytest.approx(expected, rel=1e-4)
    assert abs(found - base.negative_log_likelihood([prompt], [answer]).item()) > 0.1


@pytest.mark.parametrize(
    ("family", "kept"), [("mistral-window", False), ("gemma3", True), ("mistral", True)]
)
def test_layers_with_a_window_lose_sight_of_a_prefix_and_full_ones_do_not(
    family: str, kept: bool
) -> None:
    base = tiny_base(family)
    shape = base.prefix_shape
    prefix = torch.randn(
        (1, shape.layers, 2, shape.heads, 4, shape.head_dim),
        generator=torch.Generator().manual_seed(0),
    ).requires_grad_()
    far = list(range(shape.layers * WINDOW + 4))  # each layer hands on what it saw one window back
    base.negative_log_likelihood([far], [[7, 8, 9]], prefix).sum().backward()
    assert prefix.grad is not None
    assert bool((prefix.grad != 0).any()) == kept
