"""Stage 1 on real text: `python -m benchmarks.space --data DIRECTORY`.

For each corpus of `corpora` a base is trained from scratch (`bases`), answers prompts from
documents that it was not trained on, and gets a space, whose own report on prompts kept out of
everything is what is measured. Bases and answers are kept in `--work`, so that a variation, given
as `--vary trunk_layers=1,2,3`, differs from the rest in nothing else.

The table goes to stdout, progress to stderr, everything measured to a JSON file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from benchmarks import bases
from benchmarks.corpora import CORPORA, Corpus
from benchmarks.machine import machine, versions
from prefcli.base import Base
from prefcli.errors import PrefcliError
from prefcli.latent.pretrain import PretrainConfig
from prefcli.latent.step import Weights
from prefcli.latent.train import Questions, Sampling, draw_answers, finish, learn
from prefcli.loading import load_base
from prefcli.output import Column, Output
from prefcli.precision import bfloat16_pays
from prefcli.progress import Progress

AIMS = {"contrastive_accuracy": 0.9, "consistency": 0.7, "directions": 8, "prior": 1.03}
PROMPTS, HELD_OUT = 1000, 48
STEPS = 1200
WEIGHTS = {field.name for field in fields(Weights)}
COLUMNS = (
    Column("corpus", "CORPUS"),
    Column("variation", "VARIATION", shrinks=True),
    Column("contrastive_accuracy", "AMONG 8", lambda v: f"{v:.3f}", right=True),
    Column("directions", "DIRECTIONS", str, right=True),
    Column("faithful", "AT 0.7", str, right=True),
    Column("consistency", "ROUND TRIP", lambda v: f"{v[0]:.2f} .. {v[-1]:.2f}"),
    Column("nll", "NLL", lambda v: " ".join(f"{v[k]:.3f}" for k in ("base", "own_z", "prior_z"))),
    Column("seconds", "SECONDS", lambda v: f"{v['train']:.0f}", right=True),
)


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.space",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="where the corpora lie")
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--work", type=Path, default=Path("build/space"), help="kept between runs")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/space.json"))
    parser.add_argument("--base-steps", type=int, default=bases.Size().steps)
    parser.add_argument("--steps", type=int, default=STEPS, help="of stage 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="SETTING=VALUE,...",
        help="a setting of stage 1 or of sampling, and what else it is to be; several together "
        "with +: steps=600+depth=2",
    )
    arguments = parser.parse_args()
    with Output() as output:
        try:
            rows = []
            for name in arguments.corpora:
                for variation in variations(arguments.vary):
                    rows.append(measure(CORPORA[name], variation, arguments, output.progress))
                    save(arguments.output, arguments, rows)
        except PrefcliError as error:
            output.error(error.message, error.details)
            raise SystemExit(error.exit_code) from error
        output.table(COLUMNS, rows)


def variations(words: Sequence[str]) -> list[dict[str, Any]]:
    """What differs from the usual settings, run by run: `a=1,2` is two runs, `a=1+b=2` is one."""
    found = []
    for word in words:
        name, _, values = word.partition("=")
        if "+" in word:
            found.append({k: _value(v) for k, _, v in (p.partition("=") for p in word.split("+"))})
        else:
            found += [{name: _value(value)} for value in values.split(",")]
    return found or [{}]


def measure(
    corpus: Corpus, variation: dict[str, Any], arguments: argparse.Namespace, progress: Progress
) -> dict[str, Any]:
    """One space, with what its report says and what it took."""
    base, documents = trained_base(corpus, arguments, progress)
    prompts = corpus.prompts(documents, PROMPTS + HELD_OUT, arguments.seed)
    questions = Questions(prompts[HELD_OUT:], prompts[:HELD_OUT])
    config, sampling = settings(corpus, base, variation, arguments)

    work = arguments.work / corpus.name / "-".join(f"{v}" for v in asdict(sampling).values())
    work.mkdir(parents=True, exist_ok=True)
    seconds = {}
    started = time.perf_counter()
    groups, unseen = draw_answers(base, questions, sampling, config.seed, work, progress=progress)
    seconds["sample"] = time.perf_counter() - started
    started = time.perf_counter()
    unfinished = work / (_name(variation) or "usual")
    unfinished.mkdir(exist_ok=True)
    trained = learn(base, groups, config, unfinished, progress=progress)
    seconds["train"] = time.perf_counter() - started
    started = time.perf_counter()
    space = finish(
        base, trained, groups, unseen, config, sampling, corpus.name, {}, progress=progress
    )
    seconds["report"] = time.perf_counter() - started
    report = space.config.report
    space.save(arguments.work / corpus.name / "spaces" / (_name(variation) or "usual"))
    return {
        "corpus": corpus.name,
        "variation": _name(variation),
        "prompts": len(questions.prompts),
        "parameters": sum(w.numel() for w in base.model.parameters()),
        "contrastive_accuracy": report["contrastive_accuracy"],
        "directions": report["directions"],
        "faithful": sum(c >= AIMS["consistency"] for c in report["consistency"]),
        "consistency": sorted(report["consistency"], reverse=True),
        "nll": report["nll"],
        "rho": space.config.rho,
        "report": report,
        "history": space.config.history,
        "config": asdict(config),
        "sampling": asdict(sampling),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }


def trained_base(
    corpus: Corpus, arguments: argparse.Namespace, progress: Progress
) -> tuple[Base, list[list[str]]]:
    """The base of a corpus, trained unless it is there, and the documents it has not seen."""
    documents, kept = corpus.split(arguments.data, arguments.seed)
    directory = arguments.work / corpus.name / "base"
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = directory.with_name("base.partial")
        size = replace(bases.Size(), steps=arguments.base_steps)
        bases.train(corpus, documents, size, partial, arguments.seed, progress)
        partial.rename(directory)
    return load_base(directory), kept


def settings(
    corpus: Corpus, base: Base, variation: dict[str, Any], arguments: argparse.Namespace
) -> tuple[PretrainConfig, Sampling]:
    """Stage 1's settings and the sampling's, with the variation."""
    of_sampling = {field.name for field in fields(Sampling)}
    sampling = replace(
        Sampling(samples=8, max_new_tokens=corpus.answer_tokens),
        **{name: value for name, value in variation.items() if name in of_sampling},
    )
    weights = {name: value for name, value in variation.items() if name in WEIGHTS}
    rest = {k: v for k, v in variation.items() if k not in of_sampling and k not in WEIGHTS}
    # Real text wants a slow encoder: docs/decisions.md has the figures.
    usual: dict[str, Any] = {
        "steps": arguments.steps,
        "seed": arguments.seed,
        "encoder_pace": 0.05,
        "principal": True,
        "learning_rate": 6e-3,
    }
    config = PretrainConfig(
        **{**usual, **rest}, weights=Weights(**weights), autocast=bfloat16_pays(base.device)
    )
    return config, sampling


def save(path: Path, arguments: argparse.Namespace, rows: Sequence[dict[str, Any]]) -> None:
    """Write what is measured so far."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": machine(),
        "versions": versions(),
        "aims": AIMS,
        "seed": arguments.seed,
        "rows": rows,
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _name(variation: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in variation.items())


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
