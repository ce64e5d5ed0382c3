"""Bases trained from scratch on real text, as large as the machine's patience allows.

A rotary decoder of today's usual parts (RMSNorm, gated MLP, grouped heads, tied embeddings) with a
byte-level BPE of its own; conversations go through a chat template, other texts are plain.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from benchmarks.corpora import Corpus, speakers
from prefcli.tiny.language_model import CHAT_TEMPLATE, END, PAD, ROLES, optimise, save_base

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from prefcli.progress import Progress

CONTEXT = 512  # tokens


@dataclass(frozen=True)
class Size:
    """How large a base, and how long it learns."""

    hidden: int = 192
    layers: int = 6
    heads: int = 4
    vocabulary: int = 4096
    row: int = 160  # tokens of a training text
    batch: int = 24
    steps: int = 1500


def train(
    corpus: Corpus,
    documents: list[list[str]],
    size: Size,
    directory: Path,
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Train tokenizer and base on a corpus and write the Hugging Face directory."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer(corpus, documents, size, seed)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=size.hidden,
            intermediate_size=size.hidden * 8 // 3 // 32 * 32,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=max(1, size.heads // 2),
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    batches = _batches(corpus, documents, tokenizer, size, random.Random(seed))
    pad = tokenizer.pad_token_id
    optimise(model, batches, size.steps, pad_id=pad, progress=progress)
    save_base(model, tokenizer, directory)


def _tokenizer(
    corpus: Corpus, documents: list[list[str]], size: Size, seed: int
) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size.vocabulary,
        special_tokens=[PAD, END, *ROLES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    some = random.Random(seed).sample(documents, min(20_000, len(documents)))
    tokenizer.train_from_iterator((" ".join(document) for document in some), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE if corpus.chat else None,
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
    )


def _batches(
    corpus: Corpus,
    documents: list[list[str]],
    tokenizer: PreTrainedTokenizerFast,
    size: Size,
    rng: random.Random,
) -> Iterator[torch.Tensor]:
    """Rows of one document each, from its start or from anywhere, cut at the row's length."""
    while True:
        rows = []
        for document in rng.choices(documents, k=50 * size.batch):
            ids = _ids(corpus, document, tokenizer, rng)
            if not corpus.chat and len(ids) > size.row and rng.random() < 0.5:
                ids = ids[rng.randrange(len(ids) - size.row // 2) :]
            rows.append(ids[: size.row])
        rows.sort(key=len)
        batches = []
        for start in range(0, len(rows), size.batch):
            chunk = rows[start : start + size.batch]
            width = max(map(len, chunk))
            pad = tokenizer.pad_token_id
            batches.append(torch.tensor([row + [pad] * (width - len(row)) for row in chunk]))
        rng.shuffle(batches)
        yield from batches


def _ids(
    corpus: Corpus, document: list[str], tokenizer: PreTrainedTokenizerFast, rng: random.Random
) -> list[int]:
    if not corpus.chat:
        ids: list[int] = tokenizer(document[0] + END, add_special_tokens=False)["input_ids"]
        return ids
    turns = speakers(document[: len(document) - rng.randrange(2)])
    # The roles' order is by the last turn, which is the assistant's here.
    last, roles = len(turns) - 1, ("assistant", "user")
    messages = [{"role": roles[(last - i) % 2], "content": t.content} for i, t in enumerate(turns)]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return found
