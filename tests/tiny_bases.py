"""Small bases with random weights, one per family, and a tokenizer whose tokens are bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from prefcli.base import Base

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

END = 256
WINDOW = 6  # shorter than nearly all that the tests read, so that it takes effect

SIZES: dict[str, Any] = {
    "vocab_size": END + 1,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": END,
    "eos_token_id": END,
    "pad_token_id": None,
}
MIXED = ["sliding_attention", "full_attention", "sliding_attention"]

# The library's family and what sets its base apart from the others' `SIZES`.
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2", {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 128}),
    "llama": ("llama", {}),
    "mistral": ("mistral", {"sliding_window": None}),
    "mistral-window": ("mistral", {"sliding_window": WINDOW}),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}),
    # Heads of another size than hidden / heads, and fewer of them for keys and values.
    "qwen3": ("qwen3", {"head_dim": 12}),
    "qwen3-window": (
        "qwen3",
        {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1},
    ),
    "phi3": ("phi3", {"sliding_window": WINDOW}),
    "gemma2": (
        "gemma2",
        {"sliding_window": WINDOW, "head_dim": 12, "query_pre_attn_scalar": 12},
    ),
    "gemma3": (
        "gemma3_text",
        {
            "sliding_window": WINDOW,
            "layer_types": MIXED,
            "head_dim": 12,
            "query_pre_attn_scalar": 12,
        },
    ),
}
FAMILIES = tuple(CONFIGS)
WINDOWED = ("mistral-window", "qwen3-window", "phi3", "gemma2", "gemma3")


def tiny_base(family: str, *, seed: int = 0, scale: float = 0.3) -> Base:
    """A base of `family` on the CPU in float32."""
    return Base(tiny_model(family, seed=seed, scale=scale), byte_tokenizer(), f"tiny-{family}")


def tiny_model(family: str, *, seed: int = 0, scale: float = 0.3) -> PreTrainedModel:
    """Random weights, large enough (`scale`) that attention and position matter to the output."""
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, own = CONFIGS[family]
    sizes = {key: SIZES[key] for key in ("vocab_size", "bos_token_id", "eos_token_id")}
    sizes |= {} if kind == "gpt2" else SIZES
    config = AutoConfig.for_model(kind, initializer_range=scale, **{**sizes, **own})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """256 bytes and an end mark; every text has exactly one tokenization."""
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<end>", special=True, normalized=False)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", bos_token="<end>", pad_token=None
    )


def save_tiny(family: str, directory: Path, *, seed: int = 0) -> Path:
    """A tiny base as a Hugging Face directory."""
    tiny_model(family, seed=seed).save_pretrained(directory)
    byte_tokenizer().save_pretrained(directory)
    return directory
