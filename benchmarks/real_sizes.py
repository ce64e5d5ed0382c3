"""What a user costs at real sizes: `python -m benchmarks sizes --shape 0.5b`.

Random weights of a real model's shape, an untrained space over a quarter of its layers, and pairs
of random tokens: what they say changes no second. prefcli's fit and one pass of LoRA-DPO over the
same pairs, by turns, medians over the rounds; seconds are the clock's, since a GPU knows no others.
Peak memory is the GPU's.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.answers import Model
from benchmarks.judges import Pair
from benchmarks.machine import machine, versions
from benchmarks.peers.base import Job
from benchmarks.peers.latent import prefcli
from benchmarks.peers.tuning import lora_dpo
from benchmarks.run import RESULTS
from benchmarks.space_cost import SHAPES, random_base
from benchmarks.tasks.base import Arena, Taste, each
from prefcli.base import Base
from prefcli.latent.adapter import Adapter, AdapterConfig
from prefcli.latent.encoder import Encoder, EncoderConfig
from prefcli.latent.round_trip import Prior
from prefcli.latent.space import Space, SpaceConfig
from prefcli.output import Output

PAIRS, TOKENS, PROMPT_TOKENS = 200, 256, 32
LATENT, WIDTH = 16, 192


def main(words: Sequence[str]) -> None:
    """Parse the arguments, measure, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks sizes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--tokens", type=int, default=TOKENS, help="of each answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args(words)
    with Output() as output:
        base = random_base(arguments.shape)
        found = measure(base, arguments.pairs, arguments.tokens, arguments.rounds)
        record = {"benchmark": "sizes", "shape": arguments.shape, **found}
        path = arguments.output / f"sizes-{arguments.shape}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        output.text(json.dumps(record["seconds"]))


def measure(base: Base, pairs: int, tokens: int, rounds: int) -> dict[str, Any]:
    """Median seconds of both, ready for JSON."""
    rng = random.Random(0)

    def text(length: int) -> str:  # tokens are bytes
        return "".join(rng.choice("abcdefgh ") for _ in range(length))

    job = Job(
        _arena(base, tokens),
        "somebody",
        Taste(each(len), each(len)),
        [Pair(text(PROMPT_TOKENS), text(tokens), text(tokens)) for _ in range(pairs)],
        seed=0,
        setting={"rate": 1e-4, "epochs": 1},
    )
    ways: dict[str, Callable[[], object]] = {
        "prefcli": lambda: prefcli(job),
        "lora_dpo": lambda: lora_dpo(job),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    memory: dict[str, int | None] = dict.fromkeys(ways)
    gpu = base.device.type == "cuda"
    for turn in range(rounds + 1):  # the first one only warms up
        for name, way in ways.items():
            if gpu:
                torch.cuda.reset_peak_memory_stats()
                torch.cuda.synchronize()
            started = time.perf_counter()
            way()
            if gpu:
                torch.cuda.synchronize()
                memory[name] = torch.cuda.max_memory_allocated()
            if turn or rounds == 0:
                seconds[name].append(time.perf_counter() - started)
    return {
        "machine": {**machine(), "device": torch.cuda.get_device_name() if gpu else "cpu"},
        "versions": versions(),
        "parameters": sum(w.numel() for w in base.model.parameters()),
        "dtype": str(base.dtype).removeprefix("torch."),
        "pairs": pairs,
        "tokens": tokens,
        "seconds": {name: round(statistics.median(all_), 4) for name, all_ in seconds.items()},
        "memory_bytes": memory,
    }


def _arena(base: Base, tokens: int) -> Arena:
    """A task of nothing but a base and a space that was never trained."""
    shape = base.prefix_shape
    depth = max(1, base.layer_count // 4)
    encoder = Encoder(EncoderConfig(base.hidden_size, latent_size=LATENT, width=WIDTH, depth=depth))
    encoder.whiten, encoder.centre = torch.eye(LATENT), torch.zeros(LATENT)
    sizes = AdapterConfig(LATENT, shape.layers, shape.heads, shape.head_dim)
    config = SpaceConfig(
        base=base.source,
        base_fingerprint=base.fingerprint(),
        encoder=encoder.config,
        adapter=sizes,
        latent_size=LATENT,
        max_prompt_tokens=PROMPT_TOKENS,
        max_response_tokens=tokens,
        rho=2.5,
        own_bits_per_byte=(1.0, 2.0),
    )
    prior = Prior(torch.zeros(1, LATENT), torch.zeros(1, LATENT))
    space = Space(config, encoder, Adapter(sizes), prior)
    space.attach(base)
    return Arena(
        name="sizes",
        model=Model(base, space, lambda *_: None, tokens),
        users={},
        tuning={},
        feedback_prompts=(),
        search_prompts=(),
        test_prompts=(),
        neutral_prompts=(),
        on_topic=lambda prompts, _: [0.0] * len(prompts),
        other=("nothing", each(len)),
    )
