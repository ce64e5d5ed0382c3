"""Which families of causal language models can be a base, and where they differ.

A prefix is added to a model's attention memory, so the memory must be plain: keys and values of
one size in every layer, all of them the layer's own. How far back a layer looks is free, and so is
how it counts positions, as long as it counts positions and not the slots of the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from prefcli.errors import PrefcliError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

RUNNING = "keeps a running state instead of keys and values (state space, linear attention)"
SHARED = "has layers that use the keys and values of other layers"
LATENT = "compresses its keys and values (multi-head latent attention)"
SLOTS = "measures distance in slots of memory, where padding counts"
SIZES = "keeps keys and values of different sizes"
# What no field of a configuration tells; of those with SLOTS each was seen to give other answers
# in a padded batch than alone.
BY_NAME = {
    **dict.fromkeys(("rwkv", "xlstm"), RUNNING),
    "mpt": f"{SLOTS} (ALiBi)",
    **dict.fromkeys(("git", "moshi", "moss_transcribe_diarize", "trocr"), SLOTS),
}


@dataclass(frozen=True)
class PrefixShape:
    """The size of a base's attention memory."""

    layers: int
    heads: int
    head_dim: int


def text_config(config: Any) -> Any:
    """The part of a configuration that is about text, all of it where there is nothing else."""
    return config.get_text_config(decoder=True)


def check_config(config: Any) -> None:
    """Refuse, before any weight is read, a family whose memory is not plain.

    Raises:
        PrefcliError: an encoder-decoder, or a memory that no prefix can be added to.
    """
    if getattr(config, "is_encoder_decoder", False):
        raise PrefcliError(f"{config.model_type} is an encoder-decoder: use a decoder-only base")
    if reason := _hindrance(text_config(config)):
        raise PrefcliError(
            f"{config.model_type} {reason}: prefixes need keys and values of one size in every "
            "layer, seen by position; use another base"
        )


def _hindrance(config: Any) -> str | None:
    """What keeps a prefix out of the memory, as far as the configuration tells."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    if config.model_type in BY_NAME:
        return BY_NAME[config.model_type]
    if getattr(config, "num_kv_shared_layers", 0):
        return SHARED
    each = _layer_configs(config)
    if any(getattr(layer, "kv_lora_rank", None) for layer in each):
        return LATENT
    if "local" in getattr(config, "attention_layers", ()):  # GPT-Neo
        return f"{SLOTS}, in its local layers"
    if len({getattr(layer, "head_dim", None) for layer in each}) > 1 or any(
        getattr(layer, "v_head_dim", None) not in (None, getattr(layer, "head_dim", None))
        for layer in each
    ):
        return SIZES
    try:
        kinds = {type(layer).__name__ for layer in DynamicCache(config=config).layers}
    except KeyError as error:  # a kind of layers for which the library has no plain memory
        return f"has a memory of its own kind ({error.args[0]})"
    kinds -= {DynamicLayer.__name__, DynamicSlidingWindowLayer.__name__}
    if any("Linear" in kind for kind in kinds):
        return RUNNING
    return f"keeps something else than keys and values ({min(kinds)})" if kinds else None


def _layer_configs(config: Any) -> list[Any]:
    """The configuration of each layer, where the library tells them apart; else the one of all."""
    return list(getattr(config, "per_layer_config", None) or [config])


def windows(config: Any) -> dict[str, int | None]:
    """How many positions back each kind of layers looks, None where it sees everything.

    The kinds are those of the library: full_attention, sliding_attention, chunked_attention.
    """
    from transformers import DynamicCache

    config = text_config(config)
    spans = [getattr(layer, "sliding_window", None) for layer in DynamicCache(config=config).layers]
    kinds = getattr(config, "layer_types", None) or [
        "full_attention" if span is None else "sliding_attention" for span in spans
    ]
    return dict(zip(kinds, spans, strict=True))


def probe(model: PreTrainedModel, token: int) -> PrefixShape:
    """Read the sizes off the memory that one token leaves.

    Raises:
        PrefcliError: there is none, layers or keys and values differ in size, or the model's
            numbers do not fit into its precision.
    """
    ids = torch.tensor([[token]], device=model.device)
    with torch.no_grad():
        output = model(input_ids=ids, use_cache=True)
    layers = getattr(getattr(output, "past_key_values", None), "layers", [])
    kept = [getattr(layer, name, None) for layer in layers for name in ("keys", "values")]
    shapes = {None if tensor is None else tuple(tensor.shape) for tensor in kept}
    shape = shapes.pop() if len(shapes) == 1 else None
    if shape is None:
        raise PrefcliError(
            f"{model.config.model_type} does not keep keys and values of one size in every layer: "
            "prefixes cannot be given to it, use another base"
        )
    if not output.logits.amax().isfinite():  # minus infinity rules a token out and is no fault
        precision = str(model.dtype).removeprefix("torch.")
        raise PrefcliError(
            f"the base computes numbers that are not finite in {precision}: "
            + ("use --dtype bfloat16 or float32" if precision == "float16" else "download it again")
        )
    _, heads, _, head_dim = shape
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


def layer_stack(model: PreTrainedModel, count: int) -> nn.ModuleList:
    """The list of decoder layers, under whatever name the family gives it.

    A model that also sees pictures has a second stack, which is not looked at.

    Raises:
        PrefcliError: no list has `count` layers.
    """
    decoder: nn.Module = model.get_decoder()
    for module in decoder.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise PrefcliError(f"{type(model).__name__} has no list of {count} layers: cannot be a base")
