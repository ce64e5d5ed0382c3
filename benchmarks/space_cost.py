"""What a token costs in stage 1, beside plain LoRA: `python -m benchmarks.space_cost --base DIR`.

Both learn from the same batches over the same base: stage 1 as `space train` makes its steps, and
LoRA fine-tuning as PEFT does by itself (rank 8, its own choice of matrices, the loss on the
answers). A token is one of the batch's, prompt or answer, however often a method reads it; an epoch
of LoRA reads each once, so the ratio per token is that of an epoch to an epoch. By turns, so that
what else the machine does weighs on both; medians over the rounds. On a CPU the process's own time
is taken, on a GPU the clock's.

What the tokens say changes no second, so they are random. `--shape 0.5b` takes random weights of
that size (Qwen 2.5's sizes), for machines that can hold them.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import machine, versions
from prefcli.base import Base
from prefcli.latent.pretrain import PretrainConfig
from prefcli.latent.responses import Group
from prefcli.latent.train import learn
from prefcli.loading import load_base
from prefcli.output import Column, Output
from prefcli.precision import bfloat16_pays
from prefcli.progress import Progress

AIM = 2.5
RANK, LORA_RATE = 8, 2e-4
STEPS = 3  # of stage 1 in a round, of which the first is slower and does not count
SHAPES: dict[str, dict[str, int]] = {
    "0.5b": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
    },
    "1.5b": {
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
    },
    "8b": {
        "hidden_size": 4096,
        "intermediate_size": 12_288,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
}
COLUMNS = (
    Column("method", "METHOD"),
    Column("milliseconds", "MS A TOKEN", lambda v: f"{v:.3f}", right=True),
    Column("ratio", "RATIO", lambda v: f"{v:.2f}", right=True),
    Column("memory_bytes", "GPU MEMORY", lambda v: f"{v / 2**30:.1f} GiB", right=True),
)


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.space_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--base", type=Path, help="a base's directory")
    which.add_argument("--shape", choices=SHAPES, help="random weights of this size instead")
    parser.add_argument("--prompts", type=int, default=4, help="of a step")
    parser.add_argument("--answers", type=int, default=8, help="to each prompt")
    parser.add_argument("--prompt-tokens", type=int, default=24)
    parser.add_argument("--answer-tokens", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/space_cost.json"))
    arguments = parser.parse_args()
    with Output() as output:
        base = load_base(arguments.base) if arguments.base else random_base(arguments.shape)
        groups = random_groups(arguments)
        rows = measure(base, groups, arguments.rounds, output.progress)
        content = {
            "machine": {**machine(), "device": _device_name(base)},
            "versions": versions(),
            "aim": AIM,
            "parameters": sum(w.numel() for w in base.model.parameters()),
            "dtype": str(base.dtype).removeprefix("torch."),
            **{k: v for k, v in vars(arguments).items() if k not in ("output", "base")},
            "rows": rows,
        }
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        output.table([c for c in COLUMNS if c.key in rows[0]], rows)


def random_base(shape: str) -> Base:
    """A base of the shape with random weights, in bfloat16 where that pays; tokens are bytes."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from tests.tiny_bases import END, byte_tokenizer

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = Qwen2Config(
        **SHAPES[shape], vocab_size=151_936, tie_word_embeddings=True, eos_token_id=END
    )
    model = Qwen2ForCausalLM(config)
    if bfloat16_pays(device):
        model = model.to(torch.bfloat16)
    return Base(model.to(device), byte_tokenizer(), shape)


def random_groups(arguments: argparse.Namespace) -> list[Group]:
    """One step's prompts and answers, of one length each and of no meaning."""
    rng = random.Random(0)

    def some(count: int) -> tuple[int, ...]:
        return tuple(rng.randrange(250) for _ in range(count))

    return [
        Group(
            some(arguments.prompt_tokens),
            tuple(some(arguments.answer_tokens) for _ in range(arguments.answers)),
        )
        for _ in range(arguments.prompts)
    ]


def measure(
    base: Base, groups: list[Group], rounds: int, progress: Progress
) -> list[dict[str, Any]]:
    """Seconds a token of both methods, and the GPU's memory where there is one."""
    methods = {"stage 1": stage_one, "LoRA": lora_step}
    found: dict[str, list[float]] = {name: [] for name in methods}
    memory: dict[str, int] = {}
    tokens = sum(len(g.prompt) + len(r) for g in groups for r in g.responses)
    for turn in range(rounds):
        for place, (name, seconds) in enumerate(methods.items()):
            if base.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            found[name].append(seconds(base, groups) / tokens)
            if base.device.type == "cuda":
                memory[name] = max(memory.get(name, 0), torch.cuda.max_memory_allocated())
            progress("rounds", len(methods) * turn + place + 1, len(methods) * rounds)
    medians = {name: statistics.median(values) for name, values in found.items()}
    return [
        {
            "method": name,
            "milliseconds": 1000 * medians[name],
            "ratio": medians[name] / medians["LoRA"],
            "every_round": [1000 * value for value in found[name]],
            **({"memory_bytes": memory[name]} if memory else {}),
        }
        for name in methods
    ]


def stage_one(base: Base, groups: list[Group]) -> float:
    """Seconds of a step of stage 1 over all answers of the groups."""
    config = PretrainConfig(
        steps=STEPS,
        prompts_per_step=len(groups),
        responses_per_prompt=len(groups[0].responses),
        depth=max(1, round(base.layer_count / 6)),
        autocast=bfloat16_pays(base.device),
    )
    clock, ends = _clock(base), list[float]()
    learn(base, groups, config, progress=lambda *_: ends.append(clock()))
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def lora_step(base: Base, groups: list[Group]) -> float:
    """Seconds of a step of plain LoRA fine-tuning over the same answers."""
    from peft import LoraConfig, get_peft_model

    rows = [(g.prompt, response) for g in groups for response in g.responses]
    ids, mask = base.pad([[*prompt, *response] for prompt, response in rows])
    labels = ids.masked_fill(mask == 0, -100)
    for i, (prompt, _) in enumerate(rows):
        labels[i, : len(prompt)] = -100
    model = get_peft_model(base.model, LoraConfig(r=RANK, task_type="CAUSAL_LM"))
    try:
        weights = [w for w in model.parameters() if w.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=LORA_RATE)
        clock, ends = _clock(base), list[float]()
        model.train()
        for _ in range(STEPS):
            with torch.autocast(
                base.device.type, torch.bfloat16, enabled=bfloat16_pays(base.device)
            ):
                loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            ends.append(clock())
    finally:
        base.model = model.unload().eval().requires_grad_(False)
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def _clock(base: Base) -> Callable[[], float]:
    if base.device.type != "cuda":
        return time.process_time

    def read() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return read


def _device_name(base: Base) -> str:
    return torch.cuda.get_device_name() if base.device.type == "cuda" else base.device.type


if __name__ == "__main__":
    main()
