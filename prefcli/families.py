"""Which families of causal language models can be a base, and where they differ.

A prefix is added to a model's attention memory, so the memory must be plain: keys and values of
one size in every layer, all of them kept and all of them seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from prefcli.errors import PrefcliError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class PrefixShape:
    """The size of a base's attention memory."""

    layers: int
    heads: int
    head_dim: int


def check_config(config: Any) -> None:
    """Refuse, before any weight is read, a family whose memory is not plain.

    Raises:
        PrefcliError: an encoder-decoder, or layers that do not keep all keys and values.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    if getattr(config, "is_encoder_decoder", False):
        raise PrefcliError(f"{config.model_type} is an encoder-decoder: use a decoder-only base")
    kinds = {type(layer).__name__ for layer in DynamicCache(config=config).layers}
    kinds -= {DynamicLayer.__name__}
    if "local" in getattr(config, "attention_layers", ()):  # GPT-Neo keeps all, and masks later
        kinds.add("local attention")
    if (
        config.model_type == "mpt"
    ):  # ALiBi over slots: padding between prefix and prompt would count
        kinds.add("distances that count padding")
    if kinds:
        raise PrefcliError(
            f"{config.model_type} has {', '.join(sorted(kinds))}: prefixes need layers that keep "
            "and see all keys and values (no sliding window or state-space layers)"
        )


def probe(model: PreTrainedModel, token: int) -> PrefixShape:
    """Read the sizes off the memory that one token leaves.

    Raises:
        PrefcliError: there is none, or layers or keys and values differ in size.
    """
    ids = torch.tensor([[token]], device=model.device)
    with torch.no_grad():
        cache = getattr(model(input_ids=ids, use_cache=True), "past_key_values", None)
    layers = getattr(cache, "layers", [])
    shapes = {tuple(kept.shape) for layer in layers for kept in (layer.keys, layer.values)}
    if len(shapes) != 1:
        raise PrefcliError(
            f"{model.config.model_type} does not keep keys and values of one size in every layer: "
            "prefixes cannot be given to it, use another base"
        )
    _, heads, _, head_dim = shapes.pop()
    return PrefixShape(len(layers), heads, head_dim)


def end_marks(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """The tokens that end an answer, first the one with which the tokenizer itself ends texts.

    Raises:
        PrefcliError: there is none.
    """
    own: Any = tokenizer.eos_token_id
    found: Any = getattr(model.generation_config, "eos_token_id", None)
    ids = found if isinstance(found, list) else [own if found is None else found]
    if not ids or None in ids:
        raise PrefcliError(
            "the base has no end mark: set eos_token_id in its generation_config.json"
        )
    return tuple(sorted((int(i) for i in ids), key=lambda i: i != own))


def layer_stack(model: nn.Module, count: int) -> nn.ModuleList:
    """The list of decoder layers, under whatever name the family gives it.

    Raises:
        PrefcliError: no list has `count` layers.
    """
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise PrefcliError(f"{type(model).__name__} has no list of {count} layers: cannot be a base")
