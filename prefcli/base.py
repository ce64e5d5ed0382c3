"""A base: a frozen causal language model with its tokenizer, and what a prefix does to it.

Everything above this module speaks in prompts (turns) and responses (text); everything below it
in token ids and tensors. A prefix is a stack of attention keys and values, one pair per layer,
handed to the model as if `prefix` tokens had already been read; the first real token stands at
position `prefix`. Training, scoring and generation all use that one convention.

Letters: B batch, T time, V vocabulary, D hidden size, L layers, H key/value heads, P prefix
length, E head size.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prefcli.errors import DataError
from prefcli.families import (
    PrefixShape,
    check_config,
    end_marks,
    layer_stack,
    probe,
    text_config,
    windows,
)
from prefcli.memory import fixed_cache, growing_cache

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from prefcli.feedback.records import Prompt

SPEAKERS = {"system": "System", "user": "Human", "assistant": "Assistant", "tool": "Tool"}


class Base:
    """A loaded base.

    Args:
        model: Any decoder whose cache is plain keys and values; frozen here.
        tokenizer: Its tokenizer; a chat template, where there is one, frames the prompts.
        source: Hugging Face id or directory.
        exact: Its fingerprint, where loading rounded the weights too coarsely to take it here.

    Raises:
        PrefcliError: the model keeps something other than full-length keys and values, or has no
            end mark.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        source: str,
        exact: str | None = None,
    ) -> None:
        from transformers import GenerationConfig

        check_config(model.config)
        self.model: Any = model.eval().requires_grad_(False)
        self.tokenizer: Any = tokenizer
        self.source = source
        self.device: torch.device = self.model.device
        self.dtype: torch.dtype = self.model.dtype
        self.stop_ids = end_marks(model, tokenizer)
        pad = tokenizer.pad_token_id
        self.pad_id = int(self.stop_ids[0] if pad is None else pad)
        # What a base comes with (a repetition penalty, beams, forced tokens) would make its
        # answers another distribution than the one that is trained and scored here.
        self.model.generation_config = GenerationConfig()
        self.prefix_shape: PrefixShape = probe(self.model, self.pad_id)
        self.windows = windows(model.config)
        layer_stack(model, self.layer_count)
        self._skips_logits = "logits_to_keep" in inspect.signature(model.forward).parameters
        self.sharded = False  # whether other processes hold parts of it: see `sharding`
        self._fingerprint = exact
        self._lora: str | None = None
        self._lora_layers: list[Any] = []

    @property
    def config(self) -> Any:
        """The model's own configuration, of the text where it knows more than text."""
        return text_config(self.model.config)

    @property
    def context(self) -> int:
        """Longest input in tokens."""
        names = ("max_position_embeddings", "max_seq_len")
        return int(next((n for n in (getattr(self.config, k, None) for k in names) if n), 2048))

    @property
    def hidden_size(self) -> int:
        """D."""
        return int(self.config.hidden_size)

    @property
    def layer_count(self) -> int:
        """L."""
        return int(self.config.num_hidden_layers)

    def fingerprint(self) -> str:
        """16 hex digits that name the weights, whatever precision they were loaded in."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint(self.model)
        return self._fingerprint

    @property
    def lora(self) -> str | None:
        """Name of the LoRA that acts wherever a prefix stands."""
        return self._lora

    def moves_with(self, lora: str | None) -> None:
        """Let the attached LoRA of this name act wherever a prefix stands; None for none."""
        self._lora = lora
        if lora is not None:
            from peft.tuners.tuners_utils import BaseTunerLayer

            self._lora_layers = [m for m in self.model.modules() if isinstance(m, BaseTunerLayer)]
            for layer in self._lora_layers:
                layer.enable_adapters(False)

    @contextmanager
    def moved(self, under_prefix: bool = True) -> Iterator[None]:
        """The base as it answers under a prefix; without a LoRA it is the base itself."""
        usual = [layer.disable_adapters for layer in self._lora_layers]
        acts = under_prefix and self._lora is not None
        for layer in self._lora_layers:
            layer.enable_adapters(acts)
            if acts:
                layer.set_adapter(self._lora)
        try:
            yield
        finally:
            for layer, was_off in zip(self._lora_layers, usual, strict=True):
                layer.enable_adapters(not was_off)

    @contextmanager
    def plain_attention(self) -> Iterator[None]:
        """On a CPU, attention without the fused kernel, whose backward pass is slower there."""
        usual = self.config._attn_implementation
        if self.device.type == "cpu":
            self.model.set_attn_implementation("eager")
        try:
            yield
        finally:
            self.model.set_attn_implementation(usual)

    @contextmanager
    def checkpointing(self) -> Iterator[None]:
        """Keep each layer's input alone, and compute the rest of it anew in the backward pass."""
        from torch.utils.checkpoint import checkpoint

        layers = layer_stack(self.model, self.layer_count)
        for layer in layers:
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
        try:
            yield
        finally:
            for layer in layers:
                del layer.forward  # which uncovers the class's own

    # -- text to tokens ---------------------------------------------------------------------

    def prompt_ids(self, prompt: Prompt, limit: int | None = None) -> list[int]:
        """Token ids of a prompt, ready for the answer to follow.

        A chat template frames it where the tokenizer has one; without one a single user turn is
        plain text to be continued, and a conversation becomes a transcript. Beyond `limit` tokens
        the beginning is dropped, since what the answer replies to stands at the end; only a
        beginning-of-text token stays, on which rotary bases lean. Never empty.
        """
        if self.tokenizer.chat_template:
            turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
            text = self._chat_text(turns)
            ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        elif len(prompt) == 1 and prompt[0].role == "user":
            ids = self.tokenizer(prompt[0].content)["input_ids"]
        else:
            lines = [f"{SPEAKERS[turn.role]}: {turn.content}" for turn in prompt]
            ids = self.tokenizer("\n\n".join([*lines, "Assistant:"]))["input_ids"]
        start = self.tokenizer.bos_token_id
        ids = list(ids) or [self.pad_id if start is None else start]
        if not limit or len(ids) <= limit:
            return ids
        first = ids[:1] if ids[0] == start and limit > 1 else []
        return first + ids[len(first) - limit :]

    def response_ids(self, response: str, limit: int | None = None) -> tuple[list[int], bool]:
        """Token ids of an answer with its end mark, and whether `limit` cut its text short.

        An answer of exactly `limit` tokens is whole, and only its end mark is left out.
        """
        ids = list(self.tokenizer(response, add_special_tokens=False)["input_ids"])
        cut = limit is not None and len(ids) > limit
        return [*ids, self.stop_ids[0]][:limit], cut

    def text(self, ids: Sequence[int]) -> str:
        """The text of an answer's token ids, to the character: nothing is tidied up."""
        decoded = self.tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return str(decoded)

    def _chat_text(self, turns: list[dict[str, str]]) -> str:
        from jinja2 import TemplateError

        try:
            text = self.tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True
            )
        except TemplateError as error:
            reason = " ".join(str(error).split())
            raise DataError(
                f"the chat template of base {self.source} refuses this prompt: {reason}"
            ) from error
        return str(text)

    # -- the model --------------------------------------------------------------------------

    def pad(self, rows: Sequence[Sequence[int]], left: bool = False) -> tuple[Tensor, Tensor]:
        """Padded ids and their mask, both (B, T)."""
        width = max(len(row) for row in rows)
        ids = torch.full((len(rows), width), self.pad_id)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for i, row in enumerate(rows):
            span = slice(width - len(row), width) if left else slice(0, len(row))
            ids[i, span] = torch.tensor(row)
            mask[i, span] = 1
        return ids.to(self.device), mask.to(self.device)

    def negative_log_likelihood(
        self,
        prompts: Sequence[Sequence[int]],
        responses: Sequence[Sequence[int]],
        prefix: Tensor | None = None,
    ) -> Tensor:
        """Summed NLL of each response given its prompt, in nats, (B,).

        Differentiable in `prefix` (B, L, 2, H, P, E).
        """
        rows = [[*p, *r] for p, r in zip(prompts, responses, strict=True)]
        ids, mask = self.pad(rows)  # (B, T)
        arguments: dict[str, Any] = {}
        if prefix is not None:
            before = prefix.shape[4]
            positions = torch.arange(before, before + ids.shape[1], device=self.device)
            arguments["past_key_values"] = fixed_cache(prefix.to(self.dtype))
            arguments["position_ids"] = positions.expand(len(rows), -1)
        first = min(len(p) for p in prompts)  # before it no row has an answer
        if self._skips_logits:
            arguments["logits_to_keep"] = ids.shape[1] - first + 1
        # Padding is on the right, where causal attention never looks: no mask is needed.
        with self.moved(prefix is not None):
            logits = self.model(input_ids=ids, use_cache=prefix is not None, **arguments).logits
        logits = logits[:, first - 1 - ids.shape[1] : -1]  # (B, T - first, V)
        start = torch.tensor([len(p) for p in prompts], device=self.device)
        column = torch.arange(first, ids.shape[1], device=self.device)
        answer = (column >= start[:, None]) & (mask[:, first:] == 1)  # (B, T - first)
        row, _ = answer.nonzero(as_tuple=True)
        losses = F.cross_entropy(
            logits[answer].float(), ids[:, first:][answer], reduction="none"
        )  # (answer tokens,)
        return losses.new_zeros(len(rows)).index_add(0, row, losses)

    def surprise(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """Bits that the least expected token of each row costs, the first one aside."""
        ids, mask = self.pad(rows)  # (B, T)
        with torch.no_grad():
            logits = self.model(input_ids=ids).logits[:, :-1]  # (B, T - 1, V)
        losses = F.cross_entropy(logits.transpose(1, 2).float(), ids[:, 1:], reduction="none")
        most: list[float] = (losses * mask[:, 1:]).amax(1).tolist()
        return [nats / math.log(2) for nats in most]

    def read(self, embeddings: Tensor) -> Tensor:
        """Keys and values of input embeddings (B, P, D) read as tokens, (B, L, 2, H, P, E).

        Differentiable.
        """
        with self.moved():
            read = self.model(
                inputs_embeds=embeddings.to(self.dtype),
                past_key_values=growing_cache(),
                use_cache=True,
            )
        cache = read.past_key_values
        if self.sharded and embeddings.requires_grad:
            # Gradients come into a layer by its keys and values, where FSDP expects none, and find
            # it cut up.
            stack: Any = layer_stack(self.model, self.layer_count)
            for layer, module in zip(cache.layers, stack, strict=True):
                for tensor in (layer.keys, layer.values):
                    tensor.register_hook(lambda _, module=module: module.unshard())
        layers = [torch.stack([layer.keys, layer.values], dim=1) for layer in cache.layers]
        return torch.stack(layers, dim=1)

    def hidden_states(self, ids: Tensor, depth: int) -> Tensor:
        """What the lowest `depth` layers make of right-padded ids; higher layers never run.

        Args:
            ids: (B, T).
            depth: 1 to `layer_count`.

        Returns:
            (B, T, D)
        """
        stack = layer_stack(self.model, self.layer_count)
        captured: list[Tensor] = []

        def stop(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
            captured.append(output[0] if isinstance(output, tuple) else output)
            raise _Reached

        handle = stack[depth - 1].register_forward_hook(stop)
        try:
            with torch.no_grad():
                self.model(input_ids=ids, use_cache=False)
        except _Reached:
            pass
        finally:
            handle.remove()
        return captured[0]


class _Reached(Exception):  # noqa: N818 (nothing went wrong)
    """Ends a forward pass at the layer that was asked for."""


def fingerprint(model: PreTrainedModel) -> str:
    """16 hex digits over names, shapes and a sample of every weight.

    Weights are compared in bfloat16, so that a base loaded in another precision is the same.
    """
    digest = hashlib.sha256(model.config.model_type.encode())
    for name, weight in sorted(model.state_dict().items()):
        sample = weight.flatten()[:256].to("cpu", torch.float32).to(torch.bfloat16)
        digest.update(f"{name}{tuple(weight.shape)}".encode())
        digest.update(sample.view(torch.int16).numpy().tobytes())
    return digest.hexdigest()[:16]
