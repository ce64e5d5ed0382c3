"""The embedded base: a byte-level BPE tokenizer and a small GPT-2, trained on the corpus."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from prefcli.allocator import keep_freed_memory
from prefcli.precision import bfloat16_pays
from prefcli.tiny import corpus
from prefcli.tiny.muon import Muon

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from prefcli.progress import Progress

VOCABULARY = 4096
CONTEXT = 512  # tokens
MAX_SHIFT = 16  # tokens
BATCHES_AT_ONCE = 50
MUON_RATE, ADAMW_RATE = 1e-2, 1.6e-2
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
END, PAD = "<|end|>", "<|pad|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}"
    "{% if message.role == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def train_tokenizer(seed: int, samples: int = 40_000) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer (any text round-trips) with a chat template."""
    rng = random.Random(seed)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, END, *ROLES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (text for _ in range(samples) for text in corpus.draw(rng, corpus.topics()))
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
    )


def train_base(
    tokenizer: PreTrainedTokenizerFast,
    seed: int,
    steps: int = 4800,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> PreTrainedModel:
    """Train the base on `steps * batch_size` freshly drawn (prompt, answer) texts."""
    torch.manual_seed(seed)
    rng = random.Random(seed + 1)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=CONTEXT,
            n_embd=192,
            n_layer=6,
            n_head=4,
            activation_function="gelu_pytorch_tanh",
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    return optimise(
        model,
        _drawn(tokenizer, rng, batch_size),
        steps,
        pad_id=tokenizer.pad_token_id,
        # Texts start anywhere in the first positions. A prefix shifts them, and a base that has
        # only ever read them from position 0 falls apart then (18 nats an answer become 24).
        start=lambda: rng.randrange(MAX_SHIFT + 1),
        progress=progress,
    )


def optimise(
    model: Any,
    batches: Iterator[torch.Tensor],
    steps: int,
    *,
    pad_id: int,
    start: Callable[[], int] = lambda: 0,
    progress: Progress | None = None,
) -> PreTrainedModel:
    """Train a language model from scratch on `steps` batches, and give it back ready to read.

    Muon for the matrices of the blocks, AdamW for everything else; cosine schedule; loss on every
    token; on the device where the model lies, in bfloat16 where that pays.

    Args:
        model: A Hugging Face causal language model with random weights.
        batches: Right-padded token ids, (batch, time) each.
        steps: How many of them.
        pad_id: The token that pads them.
        start: Position of each batch's first token.
        progress: Told the loss at each step.
    """
    keep_freed_memory()
    # On short texts and two cores the plain kernel trains a third faster than the fused one.
    model.set_attn_implementation("eager")
    decoder, head = model.base_model, model.get_output_embeddings()
    blocks = next(m for m in decoder.modules() if isinstance(m, torch.nn.ModuleList))
    matrices = [w for w in blocks.parameters() if w.ndim == 2]
    others = [w for w in model.parameters() if all(w is not m for m in matrices)]
    optimizers = (
        Muon(matrices, lr=MUON_RATE, weight_decay=0.1),
        torch.optim.AdamW(others, lr=ADAMW_RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True),
    )
    warmup = min(100, steps // 5)

    def pace(step: int) -> float:
        return min((step + 1) / warmup, 0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))

    device = next(model.parameters()).device
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, pace) for each in optimizers]
    model.train()
    for step, batch in enumerate(islice(batches, steps)):
        ids = batch.to(device)  # (batch, time)
        first = start()
        positions = torch.arange(first, first + ids.shape[1], device=device)[None]
        targets = ids[:, 1:]
        real = targets != pad_id  # (batch, time - 1)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16_pays(device)):
            # Padding is on the right, where causal attention never looks: no mask is needed.
            states = decoder(input_ids=ids, position_ids=positions).last_hidden_state
            logits = head(states[:, :-1][real])  # (real tokens, vocab)
        loss = F.cross_entropy(logits, targets[real])
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
        if progress:
            progress(f"base, loss {loss.item():.3f}", step + 1, steps)
    model.eval()
    return model  # type: ignore[no-any-return]


def save_base(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, directory: Path) -> None:
    """Write the Hugging Face directory; weights in float16, which halves the package."""
    model.half().save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def _typed(prompt: str, rng: random.Random) -> str:
    """The prompt as people type it: sometimes in lower case, sometimes without its last mark."""
    if rng.random() < 0.15:
        prompt = prompt.lower()
    return prompt[:-1] if rng.random() < 0.15 else prompt


def _drawn(
    tokenizer: PreTrainedTokenizerFast, rng: random.Random, batch_size: int
) -> Iterator[torch.Tensor]:
    """Padded batches of new texts without end, each of similar lengths, in random order."""
    while True:
        texts = []
        for _ in range(BATCHES_AT_ONCE * batch_size):
            told, prompt, answer = corpus.draw(rng, corpus.topics())
            system = f"<|system|>{told}" if told else ""
            texts.append(f"{system}<|user|>{_typed(prompt, rng)}<|assistant|>{answer}{END}")
        rows: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
        rows.sort(key=len)
        batches = []
        for start in range(0, len(rows), batch_size):
            chunk: Any = rows[start : start + batch_size]
            width = max(len(row) for row in chunk)
            padding = [[tokenizer.pad_token_id] * (width - len(row)) for row in chunk]
            batches.append(torch.tensor([a + b for a, b in zip(chunk, padding, strict=True)]))
        rng.shuffle(batches)
        yield from reversed(batches)
