"""What a profile costs while generating: `python -m benchmarks.generate`.

- `rates`: tokens per second of CPU time, of the plain base, under one profile, and under as many
  profiles as there are rows: with their prefixes kept from an earlier batch, as a run keeps them,
  and met first, where computing them counts too. All are timed by turns, in random order, and a
  ratio is taken within each turn; of the ratios the geometric mean and its lower 95 % bound are
  told.
- `process`: CPU time of a whole `prefcli generate` against a bare script that loads the same base
  with transformers and generates the same tokens.
- `batch`: peak memory of a JSONL file of a thousand prompts and of ten thousand.
- `match`: share of answers that are the same alone and in a batch, by precision.
- `logged`: what encoding an answer when it is logged costs, and what it saves a later fit.

With `--shape 0.5b` the rates are those of a base of half a billion random weights. Every part is
written to the file as soon as it is measured. About three minutes on two idle cores.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from scipy.stats import t as student
from torch import Tensor

from benchmarks.answers import all_prompts
from benchmarks.machine import machine, versions
from prefcli import tiny
from prefcli.base import Base
from prefcli.decoding import sample
from prefcli.feedback.records import text_prompt
from prefcli.latent.space import Space
from prefcli.loading import load_base
from prefcli.output import Output
from prefcli.services.demo import starter_directory
from prefcli.services.feedback_encodings import FeedbackEncoder
from prefcli.services.fit import fit
from prefcli.services.generate import generate
from prefcli.services.ingest import ingest
from prefcli.services.log import rate
from prefcli.store import Store
from prefcli.tiny import corpus

ROWS = 32
PROMPT = "How do I cook rice?"
BARE = """
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer
source, prompt, tokens = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(source, dtype="float32")
tokenizer = AutoTokenizer.from_pretrained(source)
inputs = tokenizer.apply_chat_template(
    [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt",
    return_dict=True,
)
output = model.generate(**inputs, do_sample=False, max_new_tokens=int(tokens))
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
"""
PREFCLI = [sys.executable, "-m", "prefcli"]


def main() -> None:
    """Parse the arguments, measure, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.generate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
        "rates": rates, "process": process, "batch": batch, "match": match, "logged": logged,
    }  # fmt: skip
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(parts)}; default all")
    parser.add_argument("--shape", choices=("tiny", "0.5b"), default="tiny")
    parser.add_argument("--turns", type=int, default=30, help="of `rates`; default 30")
    parser.add_argument("--runs", type=int, default=5, help="of `process`; default 5")
    parser.add_argument("--tokens", type=int, default=32, help="per answer; default 32")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/generate.json"))
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    path: Path = arguments.output
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    with Output() as output:
        for part in arguments.parts or parts:
            name = part if arguments.shape == "tiny" else f"{part} {arguments.shape}"
            content[name] = parts[part](arguments)
            content |= {"machine": machine(), "versions": versions()}
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            output.text(f"{name}: {json.dumps(content[name])}")


def rates(arguments: argparse.Namespace) -> dict[str, Any]:
    """Tokens per second of CPU time, and what is left of the plain base's under profiles."""
    base, prefix = _opened(arguments.shape)
    base.stop_ids = (int(base.config.vocab_size),)  # which no token is: all answers are as long
    prompts = [base.prompt_ids(text_prompt(prompt)) for prompt in _prompts(ROWS)]
    kinds: dict[str, Callable[[], list[Tensor | None]]] = {
        "plain": lambda: [None] * ROWS,
        "one profile": lambda: [prefix(0)] * ROWS,
        "32 profiles": lambda: kept,
        "32 profiles met first": lambda: [prefix(row) for row in range(ROWS)],
    }
    kept: list[Tensor | None] = [prefix(row) for row in range(ROWS)]
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    order = random.Random(0)
    for turn in range(arguments.turns + 1):  # the first is not counted
        for kind in order.sample(list(kinds), len(kinds)):
            began = time.process_time()
            sample(
                base,
                prompts,
                seeds=range(ROWS),
                prefixes=kinds[kind](),
                max_new_tokens=arguments.tokens,
                temperature=0.8,
                top_p=0.95,
            )
            if turn:
                seconds[kind].append(time.process_time() - began)
    tokens = ROWS * arguments.tokens
    found: dict[str, Any] = {
        "turns": arguments.turns,
        "rows": ROWS,
        "tokens per row": arguments.tokens,
        "tokens per second": {
            kind: round(tokens / statistics.median(times), 1) for kind, times in seconds.items()
        },
    }
    bound = float(student.ppf(0.95, max(arguments.turns - 1, 1)))
    for kind in list(kinds)[1:]:
        logs = [
            math.log(plain / own)
            for plain, own in zip(seconds["plain"], seconds[kind], strict=True)
        ]
        error = statistics.stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else math.inf
        mean = statistics.fmean(logs)
        found[f"ratio, {kind}"] = {
            "mean": round(math.exp(mean), 4),
            "lower 95 %": round(math.exp(mean - bound * error), 4),
        }
    return found


def process(arguments: argparse.Namespace) -> dict[str, Any]:
    """CPU seconds of a whole process, ours and the bare script's, by turns."""
    ours = [*PREFCLI, "generate", "--temperature", "0", "--max-new-tokens", "60", PROMPT]
    bare = [sys.executable, "-c", BARE, str(tiny.base_directory()), PROMPT, "60"]
    with tempfile.TemporaryDirectory() as home:
        pairs = []
        for turn in range(arguments.runs + 1):  # the first fills the file cache
            (one, first), (two, second) = (_run(words, home) for words in (ours, bare))
            if one.strip() != two.strip():
                raise SystemExit(f"not the same text:\n{one}\n{two}")
            if turn:
                pairs.append((first, second))
    mine, others = (round(statistics.median(each), 3) for each in zip(*pairs, strict=True))
    return {
        "runs": arguments.runs,
        "prefcli": mine,
        "bare script": others,
        "ratio": round(statistics.median(a / b for a, b in pairs), 3),
    }


def batch(_: argparse.Namespace) -> dict[str, Any]:
    """Peak memory in MB of `generate --batch`, by the number of prompts."""
    found: dict[str, Any] = {"new tokens": 4}
    prompts = all_prompts(list(corpus.held_out_topics()), seed=0)
    with tempfile.TemporaryDirectory() as home:
        for count in (1_000, 10_000):
            path = Path(home) / f"{count}.jsonl"
            path.write_text(
                "".join(
                    json.dumps({"prompt": " ".join([prompts[i % len(prompts)]] * (1 + i % 5))})
                    + "\n"
                    for i in range(count)
                )
            )
            script = (
                "import resource, sys; from prefcli.cli import main\n"
                "try:\n    main()\nfinally:\n"
                "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
            )
            words = ["generate", "--batch", str(path), "--max-new-tokens", "4", "--seed", "0"]
            began = time.process_time()
            ran = subprocess.run(
                [sys.executable, "-c", script, *words],
                check=True,
                capture_output=True,
                text=True,
                env=os.environ | {"PREFCLI_HOME": home},
            )
            assert len(ran.stdout.splitlines()) == count, began
            found[f"peak MB, {count} prompts"] = int(ran.stderr.split()[-1]) // 1024
    return found


def match(_: argparse.Namespace) -> dict[str, Any]:
    """Share of answers that are the same alone and in a batch of 32, half of them under a z."""
    found: dict[str, Any] = {"answers": ROWS, "new tokens": 48}
    for dtype in ("float32", "bfloat16"):
        base = load_base(tiny.base_directory(), "cpu", dtype)
        space = Space.load(tiny.space_directory())
        prompts = [base.prompt_ids(text_prompt(prompt)) for prompt in _prompts(ROWS)]
        prefixes = [
            space.prefix(base, _point(space, row)) if row % 2 else None for row in range(ROWS)
        ]

        def answers(rows: Sequence[int]) -> list[str]:
            return sample(
                base,  # noqa: B023 (called in this turn only)
                [prompts[row] for row in rows],  # noqa: B023
                seeds=rows,
                prefixes=[prefixes[row] for row in rows],  # noqa: B023
                max_new_tokens=48,
                temperature=0.8,
                top_p=0.95,
            )

        together = answers(range(ROWS))
        alone = [answers([row])[0] for row in range(ROWS)]
        same = sum(a == b for a, b in zip(together, alone, strict=True))
        found[dtype] = round(same / ROWS, 4)
    return found


def logged(_: argparse.Namespace) -> dict[str, Any]:
    """What encoding costs while generating, and what it saves: CPU seconds of `fit`."""
    spent: list[float] = []
    usual = FeedbackEncoder.keep

    def timed(self: FeedbackEncoder, *words: Any) -> Any:
        began = time.process_time()
        kept = usual(self, *words)
        spent.append(time.process_time() - began)
        return kept

    def nothing(self: FeedbackEncoder, *words: Any) -> None:
        """Leaves the encoding to the fit."""

    shares, seconds = [], {}
    for name, keep in (("there", timed), ("not there", nothing)):
        with (
            tempfile.TemporaryDirectory() as home,
            mock.patch.object(FeedbackEncoder, "keep", keep),
        ):
            with Store.open(Path(home)) as store:
                ingest(store, [str(starter_directory() / "alice.jsonl")], user="alice")
                fit(store, "alice")
                for seed in range(8):
                    began = time.process_time()
                    answer = generate(store, PROMPT, profile="alice", seed=seed, log=True)
                    whole = time.process_time() - began
                    assert answer.log_id is not None
                    rate(store, answer.log_id, up=seed % 2 == 0)
                    if keep is timed:
                        shares.append(spent[-1] / (whole - spent[-1]))
            _, seconds[name] = _run([*PREFCLI, "fit", "--user", "alice"], home)
    return {
        "encoding, CPU seconds": round(statistics.median(spent), 4),
        "share of generate with its loading": round(statistics.median(shares), 4),
        "fit, CPU seconds": {name: round(value, 2) for name, value in seconds.items()},
    }


def _run(words: Sequence[str], home: str) -> tuple[str, float]:
    """What a process prints, and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(
        list(words),
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PREFCLI_HOME": home},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ran.stdout, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _prompts(count: int) -> list[str]:
    return all_prompts(list(corpus.held_out_topics()), seed=0)[:count]


def _point(space: Space, row: int) -> Tensor:
    """A point at the space's reach, another one for each row."""
    drawn = torch.randn(space.size, generator=torch.Generator().manual_seed(row))
    return drawn * space.config.rho / drawn.norm()


def _opened(shape: str) -> tuple[Base, Callable[[int], Tensor]]:
    """A base, and what makes the prefix of the profile of each number."""
    if shape == "tiny":
        base = load_base(tiny.base_directory(), "cpu", "float32")
        space = Space.load(tiny.space_directory())
        return base, lambda row: space.prefix(base, _point(space, row))
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    config = AutoConfig.for_model(
        "qwen2", vocab_size=151_936, hidden_size=896, intermediate_size=4864,
        num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2,
        tie_word_embeddings=True, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    base = Base(model, AutoTokenizer.from_pretrained(tiny.base_directory()), "0.5b, random")
    sizes = base.prefix_shape

    def drawn(row: int) -> Tensor:
        generator = torch.Generator().manual_seed(row)
        return torch.randn(sizes.layers, 2, sizes.heads, 4, sizes.head_dim, generator=generator)

    return base, drawn


if __name__ == "__main__":
    main()
