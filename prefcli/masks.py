"""Attention masks that count positions, for layers that look only so far back.

A prefix is ordinary positions: P tokens that were read before the prompt. So a layer with a sliding
window loses sight of it, as of any token, once the window has passed, while layers that see
everything keep seeing it; this holds alike in scoring, encoding and generation, and in a serving
engine that reads a soft prefix as embeddings.

The library's masks count slots of the memory. The two are the same wherever padding stands on the
right, as in scoring and encoding. In a left-padded row the padding stands between the prefix and
the prompt, and would use up the window: there the masks come from here. Every layer keeps all its
keys and values; only the mask knows about windows.

Letters: B batch, Q queries, S slots of the memory (the queries' own are the last).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

CHUNKED = "chunked_attention"


@contextmanager
def counting_positions(model: nn.Module, windows: Mapping[str, int | None]) -> Iterator[None]:
    """Let a model that is handed a mask of its slots (B, S) see by position.

    Args:
        model: The model, called with `input_ids` and `attention_mask` by name.
        windows: How far each kind of its layers looks, None for everything.
    """

    def prepare(
        _: nn.Module, args: tuple[Any, ...], arguments: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        seen: Tensor = arguments["attention_mask"]
        masks = position_masks(seen, arguments["input_ids"].shape[1], windows)
        given = {kind: _as_attended(model, mask) for kind, mask in masks.items()}
        # A family of which all layers are alike takes one mask, one that mixes them a dictionary.
        mask = given if len(given) > 1 else next(iter(given.values()))
        return args, {**arguments, "attention_mask": mask}

    handle = model.register_forward_pre_hook(prepare, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def position_masks(
    seen: Tensor, queries: int, windows: Mapping[str, int | None]
) -> dict[str, Tensor]:
    """What each query may look at, for each kind of layers: True in (B, 1, Q, S).

    Args:
        seen: 1 for slots that count, (B, S).
        queries: Q.
        windows: As in `counting_positions`.
    """
    position = seen.cumsum(-1) - 1  # (B, S)
    slot = torch.arange(seen.shape[1], device=seen.device)
    own, query, key = slot[-queries:, None], position[:, -queries:, None], position[:, None]
    causal = (seen[:, None] == 1) & (slot <= own)  # (B, Q, S)
    masks = {}
    for kind, window in windows.items():
        near = causal
        if window is not None and kind == CHUNKED:
            near = causal & (query // window == key // window)
        elif window is not None:
            near = causal & (query - key < window)
        # Padding looks at itself, since a query that sees nothing gives no number.
        masks[kind] = (near | (slot == own))[:, None]
    return masks


def _as_attended(model: Any, mask: Tensor) -> Tensor:
    """The mask in the form that the model's attention takes: True and False, or what to add."""
    if model.config._attn_implementation != "eager":
        return mask
    added = torch.zeros(mask.shape, dtype=model.dtype, device=mask.device)
    return added.masked_fill(~mask, torch.finfo(model.dtype).min)
