"""Sampling from a base, each row of a batch under its own prefix and its own random stream.

The randomness of a row is a column of uniform numbers drawn from the row's seed alone, one per
token; the token is found by inverting the cumulative distribution. So a row gives the same tokens
alone or in any batch, as far as the model's own arithmetic is the same (exact in float32 on a
CPU). Prompts are padded on the left; a row without a prefix does not see the prefix slots, and its
positions start at zero, as in the plain base.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from prefcli.errors import DataError
from prefcli.masks import counting_positions
from prefcli.memory import roomy_cache
from prefcli.stopping import BROKEN, RowEnds, cut, settled

if TYPE_CHECKING:
    from prefcli.base import Base

# Below this temperature logits that differ at all differ by more than float32 can hold, or chance
# can tell: the likeliest token is taken.
COLDEST = 1e-4
_BYTE = re.compile("<0x[0-9A-F]{2}>")


def sample(
    base: Base,
    prompts: Sequence[Sequence[int]],
    *,
    seeds: Sequence[int],
    prefixes: Sequence[Tensor | None] | None = None,
    max_new_tokens: int = 128,
    temperature: float = 1.0,
    top_p: float = 1.0,
    stops: Sequence[Sequence[str]] | None = None,
    on_text: Callable[[str], None] | None = None,
) -> list[str]:
    """Answer a batch of prompts.

    Args:
        base: The base.
        prompts: B rows of token ids.
        seeds: B seeds; the same seed gives the same stream.
        prefixes: B prefixes (L, 2, H, P, E), or None for the plain base.
        max_new_tokens: Upper bound on each answer; what its prompt and prefix leave of the base's
            context bounds it too.
        temperature: Divides the logits; 0, as anything below `COLDEST`, takes the likeliest token.
        top_p: Keeps the smallest set of tokens of at least this probability.
        stops: B lists of strings before which an answer ends.
        on_text: Called with each piece of the answer as it comes; for a batch of one.

    Returns:
        B answers, without the end mark.

    Raises:
        DataError: a prompt fills the base's context, or a logit is not a finite number.
    """
    from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList
    from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

    ids, mask = base.pad(prompts, left=True)  # (B, T)
    given = [None] * len(prompts) if prefixes is None else list(prefixes)
    sizes = [0 if p is None else p.shape[3] for p in given]
    before = max(sizes)
    # Each row has the room that it has alone.
    rooms = [base.context - len(p) - size for p, size in zip(prompts, sizes, strict=True)]
    if min(rooms) < 1:
        raise DataError(
            f"a prompt of {ids.shape[1]} tokens does not fit into the {base.context} tokens of "
            f"base {base.source}: shorten it"
        )
    budgets = [min(max_new_tokens, room) for room in rooms]
    budget = max(budgets)
    wanted = [()] * len(prompts) if stops is None else list(stops)
    ends = RowEnds(base, ids.shape[1], budgets, wanted)
    prefix = None
    span = before + ids.shape[1] + budget
    if before:
        stacked, seen = _stack(given, before)
        mask = torch.cat([seen.to(mask), mask], dim=1)  # (B, P + T)
        prefix = stacked.to(base.device, base.dtype)
    arguments: dict[str, Any] = {
        "past_key_values": roomy_cache(base.prefix_shape.layers, span, prefix)
    }

    chain: list[Any] = [_check_logits]
    if temperature >= COLDEST:
        if temperature != 1.0:
            chain.append(TemperatureLogitsWarper(temperature))
        if top_p < 1.0:
            chain.append(TopPLogitsWarper(top_p))
        chain.append(_RowSampler(seeds, budget))
    if base.sharded:  # all go on until the last one has ended
        arguments["synced_gpus"] = True
    if on_text is not None:
        arguments["streamer"] = _Stream(base, on_text, wanted[0])
    if any(wanted) or min(budgets) < budget:
        arguments["stopping_criteria"] = StoppingCriteriaList([ends])
    with (
        torch.no_grad(),
        base.moved(prefix is not None),
        _windows_kept(base, mask, span),
        _inside_context(base) if min(rooms) < budget else nullcontext(),
    ):
        output = base.model.generate(
            input_ids=ids,
            attention_mask=mask,
            logits_processor=LogitsProcessorList(chain),
            generation_config=GenerationConfig(
                do_sample=False,
                max_new_tokens=budget,
                eos_token_id=list(base.stop_ids),
                pad_token_id=base.pad_id,
            ),
            **arguments,
        )
    answers = []
    for row, most, stop in zip(output[:, ids.shape[1] :].tolist(), ends.ends, wanted, strict=True):
        end = next((i for i, token in enumerate(row[:most]) if token in base.stop_ids), most)
        answers.append(cut(base.text(row[:end]), stop)[0])
    return answers


def _check_logits(_: Tensor, scores: Tensor) -> Tensor:
    """A logits processor that stops where the model's arithmetic broke down.

    A logit of minus infinity is one that the model rules out; a row of nothing else is broken.

    Raises:
        DataError: a row holds NaN, plus infinity, or minus infinity alone.
    """
    if not scores.amax(-1).isfinite().all():  # (B, V) to (B,); NaN is the largest of all
        raise DataError(
            "the base computes numbers that are not finite: lower --strength, or register the "
            "base again with --dtype float32"
        )
    return scores


def _windows_kept(base: Base, mask: Tensor, span: int) -> AbstractContextManager[None]:
    """What makes windows count positions, where padding (0 in `mask`) might use them up."""
    narrow = any(window is not None and window < span for window in base.windows.values())
    if narrow and not mask.all():
        return counting_positions(base.model, base.windows)
    return nullcontext()


@contextmanager
def _inside_context(base: Base) -> Iterator[None]:
    """Keep a row that has ended, while others go on, from positions that the base does not have."""

    def clamp(_: Any, args: Any, words: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        if words.get("position_ids") is not None:
            words["position_ids"] = words["position_ids"].clamp(max=base.context - 1)
        return args, words

    handle = base.model.register_forward_pre_hook(clamp, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


class _RowSampler:
    """A logits processor that leaves one token per row: the one that the row's stream picks."""

    def __init__(self, seeds: Sequence[int], steps: int) -> None:
        rows = [torch.rand(steps, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        self.uniform = torch.stack(rows)  # (B, steps)
        self.step = 0

    def __call__(self, _: Tensor, scores: Tensor) -> Tensor:
        wide = torch.float32 if scores.device.type == "mps" else torch.float64
        mass = scores.to(wide).softmax(-1).cumsum(-1)  # (B, V)
        target = self.uniform[:, self.step, None].to(mass) * mass[:, -1:]  # (B, 1)
        token = torch.searchsorted(mass, target, right=True)
        token = token.clamp(max=scores.shape[-1] - 1)
        self.step += 1
        return torch.full_like(scores, -torch.inf).scatter(-1, token, 0.0)


def _stack(prefixes: Sequence[Tensor | None], length: int) -> tuple[Tensor, Tensor]:
    """All prefixes, padded on the left to one length, and which of their slots count.

    Returns:
        (B, L, 2, H, P, E) and (B, P).
    """
    like = next(p for p in prefixes if p is not None)
    layers, pair, heads, _, size = like.shape
    memory = like.new_zeros(len(prefixes), layers, pair, heads, length, size)
    seen = torch.zeros(len(prefixes), length, dtype=torch.long)
    for row, prefix in enumerate(prefixes):
        if prefix is not None:
            memory[row, ..., length - prefix.shape[3] :, :] = prefix
            seen[row, length - prefix.shape[3] :] = 1
    return memory, seen


class _Stream:
    """A transformers streamer: hands on the answer as it grows, and never takes anything back."""

    def __init__(self, base: Base, on_text: Callable[[str], None], stops: Sequence[str]) -> None:
        self.base = base
        self.on_text = on_text
        self.stops = stops
        self.ids: list[int] = []
        self.given = 0
        self.prompt_seen = False

    def put(self, tokens: Tensor) -> None:
        if not self.prompt_seen:
            self.prompt_seen = True
            return
        token = int(tokens.flatten()[-1])
        if token in self.base.stop_ids:
            return
        self.ids.append(token)
        # A character may take several tokens. Byte tokens of a SentencePiece vocabulary count
        # only as a run: one bad byte turns all of them into replacement characters.
        if not _BYTE.fullmatch(str(self.base.tokenizer.convert_ids_to_tokens(token))):
            text = self.base.text(self.ids)
            if not text.endswith(BROKEN):
                text, stopped = cut(text, self.stops)
                self._hand_on(text if stopped else text[: settled(text, self.stops)])

    def end(self) -> None:
        self._hand_on(cut(self.base.text(self.ids), self.stops)[0])

    def _hand_on(self, text: str) -> None:
        if piece := text[self.given :]:
            self.given = len(text)
            self.on_text(piece)
