"""Attention memory in two forms that transformers does not have.

- With room made in advance, for generating. The library's growing cache copies all keys and values
  at every token, which is 44 % of the time of a batch of 128 short answers on two cores. Here each
  layer writes the new ones into a buffer and hands out a view of what is filled.
- Fixed, for scoring. What is read joins the prefix for the layer that reads it and is not kept, so
  that a layer may be computed twice, as gradient checkpointing does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):
    """Keys and values of one layer; `room` is how many positions it will hold."""

    def __init__(self, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.room = room
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Append (B, H, T, E) keys and values; returns everything so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        filled = self.get_seq_length()
        stop = filled + key_states.shape[-2]
        if self._buffers is None or stop > self.room:
            self.room = max(self.room, stop)
            fresh = tuple(
                new.new_empty(*new.shape[:2], self.room, new.shape[-1])
                for new in (key_states, value_states)
            )
            if self.keys is not None and self.values is not None and filled:
                fresh[0][:, :, :filled], fresh[1][:, :, :filled] = self.keys, self.values
            self._buffers = (fresh[0], fresh[1])
        keys, values = self._buffers
        keys[:, :, filled:stop], values[:, :, filled:stop] = key_states, value_states
        self.keys, self.values = keys[:, :, :stop], values[:, :, :stop]
        return self.keys, self.values


class FixedLayer(DynamicLayer):
    """Keys and values of one layer that later ones see and do not change."""

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """What is here followed by (B, H, T, E) keys and values; they are not kept."""
        assert self.keys is not None
        assert self.values is not None
        return (
            torch.cat([self.keys, key_states], dim=-2),
            torch.cat([self.values, value_states], dim=-2),
        )


def growing_cache() -> DynamicCache:
    """The library's own memory, empty, in which every layer keeps all it has read.

    One that a model makes for itself keeps no more than a layer's window.
    """
    return DynamicCache()


def fixed_cache(prefix: Tensor) -> DynamicCache:
    """A memory of nothing but `prefix` (B, L, 2, H, P, E), whatever is read after it."""
    cache = DynamicCache()
    for layer in prefix.unbind(1):
        fixed = FixedLayer()  # type: ignore[no-untyped-call]
        fixed.lazy_initialization(layer[:, 0], layer[:, 1])
        fixed.keys, fixed.values = layer[:, 0], layer[:, 1]
        cache.layers.append(fixed)
    return cache


def roomy_cache(layers: int, room: int, prefix: Tensor | None = None) -> DynamicCache:
    """An empty memory for `room` positions, or one that begins with `prefix` (B, L, 2, H, P, E)."""
    cache = DynamicCache()
    cache.layers = [RoomyLayer(room) for _ in range(layers)]
    if prefix is not None:
        for index, layer in enumerate(prefix.unbind(1)):
            cache.update(layer[:, 0], layer[:, 1], index)
    return cache
