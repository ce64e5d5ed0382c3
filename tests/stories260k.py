"""Karpathy's 260 thousand parameter story model, turned from llama2.c's format into Hugging Face's.

It is the smallest real Llama there is, and comes with the text that another implementation makes
of it: `run stories260K.bin -t 0 -n 200`. What differs between the two formats:

- llama2.c rotates neighbouring pairs of a query or key, Hugging Face the two halves of a head, so
  the rows of both projections are put in the other order.
- tok512.bin holds scores and no merges; a merge is any pair of tokens whose concatenation is a
  token, ranked by that token's score, as SentencePiece's BPE means it.
- Text starts with a dummy space, and characters without a token of their own become bytes.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
from torch import Tensor

STORIES = Path(__file__).resolve().parents[2] / "shared" / "data" / "lm_stories260K"
UNKNOWN, BOS, EOS = "<unk>", "<s>", "</s>"


@pytest.fixture(scope="session")
def stories_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story model as a Hugging Face directory."""
    if not (STORIES / "stories260K.bin").is_file():
        pytest.skip("stories260K is not beside this checkout (../shared/data/lm_stories260K)")
    return convert(STORIES, tmp_path_factory.mktemp("stories260K"))


def convert(source: Path, target: Path) -> Path:
    """Write config, weights and tokenizer of `source` to `target`, and return `target`."""
    config, weights = read_checkpoint((source / "stories260K.bin").read_bytes())
    (target / "config.json").write_text(json.dumps(config))
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    read_tokenizer((source / "tok512.bin").read_bytes()).save(str(target / "tokenizer.json"))
    # A story ends where the next one would begin: BOS is the end mark too.
    special = {"unk_token": UNKNOWN, "bos_token": BOS, "eos_token": BOS}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    (target / "tokenizer_config.json").write_text(json.dumps({**special, **kind}))
    return target


def read_checkpoint(data: bytes) -> tuple[dict[str, object], dict[str, Tensor]]:
    """Configuration and weights of a llama2.c checkpoint of the first version, tied embeddings."""
    dim, hidden, layers, heads, kv_heads, vocabulary, context = struct.unpack_from("<7i", data)
    values = torch.frombuffer(bytearray(data[28:]), dtype=torch.float32)
    position = 0

    def take(*shape: int) -> Tensor:
        nonlocal position
        size = torch.Size(shape).numel()
        position += size
        return values[position - size : position].view(shape)

    kv_dim = dim // heads * kv_heads
    embeddings = take(vocabulary, dim)
    stacks = {
        "input_layernorm": take(layers, dim),
        "self_attn.q_proj": take(layers, dim, dim),
        "self_attn.k_proj": take(layers, kv_dim, dim),
        "self_attn.v_proj": take(layers, kv_dim, dim),
        "self_attn.o_proj": take(layers, dim, dim),
        "post_attention_layernorm": take(layers, dim),
        "mlp.gate_proj": take(layers, hidden, dim),
        "mlp.down_proj": take(layers, dim, hidden),
        "mlp.up_proj": take(layers, hidden, dim),
    }
    final_norm = take(dim)
    take(context, dim // heads)  # cosines and sines of the rotation, which follow from theta
    assert position == len(values)

    weights = {"model.embed_tokens.weight": embeddings, "model.norm.weight": final_norm}
    for name, stack in stacks.items():
        for layer, weight in enumerate(stack):
            rotated = name.endswith(("q_proj", "k_proj"))
            ordered = halves(weight, dim // heads) if rotated else weight
            weights[f"model.layers.{layer}.{name}.weight"] = ordered
    config: dict[str, object] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": dim,
        "intermediate_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 1,
    }
    return config, {name: weight.clone() for name, weight in weights.items()}


def halves(weight: Tensor, head_dim: int) -> Tensor:
    """Rows (0, 1, 2, 3, ...) of each head in the order (0, 2, ..., 1, 3, ...)."""
    pairs = weight.view(-1, head_dim // 2, 2, weight.shape[-1])
    return pairs.transpose(1, 2).reshape(weight.shape)


def read_tokenizer(data: bytes) -> Tokenizer:
    """The tokenizer of a llama2.c vocabulary: float score, int length, bytes per token."""
    tokens: list[tuple[float, str]] = []
    position = 4  # after the longest token's length
    while position < len(data):
        score, size = struct.unpack_from("<fi", data, position)
        position += 8 + size
        tokens.append((score, data[position - size : position].decode().replace(" ", "▁")))
    vocabulary = {token: i for i, (_, token) in enumerate(tokens)}
    vocabulary = {UNKNOWN: 0, BOS: 1, EOS: 2} | {t: i for t, i in vocabulary.items() if i > 2}
    ranked = sorted(tokens[3:], key=lambda token: -token[0])
    merges = [
        (token[:cut], token[cut:])
        for _, token in ranked
        for cut in range(1, len(token))
        if token[:cut] in vocabulary and token[cut:] in vocabulary
    ]
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary, merges=merges, unk_token=UNKNOWN, fuse_unk=True, byte_fallback=True
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, 1)]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in (UNKNOWN, BOS, EOS)]
    )
    return tokenizer
