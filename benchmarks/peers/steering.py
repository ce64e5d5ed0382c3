"""Steering of hidden states by a direction per layer, as repeng does (control vectors).

For every layer the states of chosen and rejected answers are read, at the last token (as repeng
does) or as the mean over the answer; the direction is the first principal component of their
differences, turned so that chosen answers lie on its positive side. While the base speaks, the
direction, a share of the states' own length long, is added to what each of the middle layers puts
out, at every position. The share and the reading are what the search looks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.answers import LIKELIHOOD_BATCH, Model
from benchmarks.peers.base import Clock, Job, Lesson, Setting, Voice
from prefcli.families import layer_stack
from prefcli.feedback.records import text_prompt

GRID: tuple[Setting, ...] = tuple(
    {"share": share, "reading": reading}
    for share in (0.1, 0.2, 0.4, 0.8)
    for reading in ("last", "mean")
)
FLOAT = 4  # bytes


def steering_hidden(job: Job) -> Lesson:
    """Control vectors for the middle half of the layers."""
    model, clock = job.arena.model, Clock()
    count = model.base.layer_count
    layers = range(count // 4, max(count // 4 + 1, count - count // 4))
    with clock.part("encode"):
        texts = [(p.prompt, text) for p in job.pairs for text in (p.better, p.worse)]
        states = _states(model, texts, layers, job.setting["reading"])
    with clock.part("train"):
        steps = {
            layer: torch.from_numpy(
                direction(each) * np.linalg.norm(each, axis=1).mean() * job.setting["share"]
            ).float()
            for layer, each in states.items()
        }
    voice = Voice(model.base, model.max_new_tokens, held=_steered(model, steps))
    kept = FLOAT * len(steps) * model.base.hidden_size
    return Lesson(voice, clock.whole(), kept)


def direction(states: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The first principal component of the differences, of length 1, towards the chosen.

    Args:
        states: (2 n, D), chosen and rejected by turns.
    """
    differences = states[::2] - states[1::2]
    # About zero, not about their mean: the mean difference is what is looked for.
    _, _, components = np.linalg.svd(differences, full_matrices=False)
    found = components[0]
    return found if (differences @ found).mean() >= 0 else -found


def _states(
    model: Model, texts: Sequence[tuple[str, str]], layers: Sequence[int], reading: str
) -> dict[int, np.ndarray[Any, Any]]:
    """What each layer puts out for each answer, (n, D) in float64."""
    found: dict[int, list[Tensor]] = {layer: [] for layer in layers}
    base = model.base
    stack = layer_stack(base.model, base.layer_count)
    for start in range(0, len(texts), LIKELIHOOD_BATCH):
        chunk = texts[start : start + LIKELIHOOD_BATCH]
        prompts = [base.prompt_ids(text_prompt(p)) for p, _ in chunk]
        ends = [base.response_ids(a, model.max_new_tokens)[0] for _, a in chunk]
        ids, mask = base.pad([[*p, *e] for p, e in zip(prompts, ends, strict=True)])
        column = torch.arange(ids.shape[1])
        first = torch.tensor([len(p) for p in prompts])[:, None]
        size = mask.sum(1, keepdim=True)
        read = (column >= first if reading == "mean" else column == size - 1) & (column < size)
        weight = read.float() / read.sum(1, keepdim=True)  # (B, T)
        seen: dict[int, Tensor] = {}
        handles = [stack[layer].register_forward_hook(_keep(seen, layer)) for layer in layers]
        try:
            with torch.no_grad():
                base.model(input_ids=ids, use_cache=False)
        finally:
            for handle in handles:
                handle.remove()
        for layer in layers:
            found[layer].append(torch.einsum("bt,btd->bd", weight, seen[layer].float()))
    return {layer: torch.cat(each).double().numpy() for layer, each in found.items()}


def _keep(seen: dict[int, Tensor], layer: int) -> Callable[..., None]:
    def hook(_: object, __: object, output: Any) -> None:
        seen[layer] = output[0] if isinstance(output, tuple) else output

    return hook


def _steered(
    model: Model, steps: Mapping[int, Tensor]
) -> Callable[[], AbstractContextManager[None]]:
    @contextmanager
    def held() -> Iterator[None]:
        stack = layer_stack(model.base.model, model.base.layer_count)
        handles = [stack[layer].register_forward_hook(_add(step)) for layer, step in steps.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    return held


def _add(step: Tensor) -> Callable[..., Any]:
    def hook(_: object, __: object, output: Any) -> Any:
        if isinstance(output, tuple):
            return (output[0] + step, *output[1:])
        return output + step

    return hook
