"""Small bases with random weights, one per family, and a tokenizer whose tokens are bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from prefcli.base import Base

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

FAMILIES = ("gpt2", "llama", "qwen3")
END = 256


def tiny_base(family: str, *, seed: int = 0, scale: float = 0.3) -> Base:
    """A base of `family` on the CPU in float32."""
    return Base(tiny_model(family, seed=seed, scale=scale), byte_tokenizer(), f"tiny-{family}")


def tiny_model(family: str, *, seed: int = 0, scale: float = 0.3) -> PreTrainedModel:
    """Random weights, large enough (`scale`) that attention and position matter to the output."""
    from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, Qwen3Config

    common = {"vocab_size": END + 1, "bos_token_id": END, "eos_token_id": END}
    common |= {"initializer_range": scale}
    rotary = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
    }
    config = {
        "gpt2": lambda: GPT2Config(n_embd=32, n_layer=3, n_head=4, n_positions=128, **common),
        "llama": lambda: LlamaConfig(**rotary, **common),
        # Heads of another size than hidden / heads, and fewer of them for keys and values.
        "qwen3": lambda: Qwen3Config(head_dim=12, **rotary, **common),
    }[family]()
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
