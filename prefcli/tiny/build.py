"""Make the embedded default from the corpus: `python -m prefcli.tiny.build --seed 0`.

Three parts, each of which can be made anew alone: the base, its space, and the starter profiles
with their feedback. Nothing is replaced before its successor is complete.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from pathlib import Path

from prefcli import tiny
from prefcli.feedback.records import Prompt, text_prompt
from prefcli.output import Output
from prefcli.progress import Progress
from prefcli.tiny import corpus

PARTS = ("base", "space", "starters")
REPORT = "report"  # measured anew, the space staying as it is
STARTER_PAIRS = 40


def main() -> None:
    """Parse the arguments and build."""
    parser = argparse.ArgumentParser(prog="python -m prefcli.tiny.build", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", choices=(*PARTS, REPORT), help="make one part, from the others as they are"
    )
    parser.add_argument(
        "--output", type=Path, default=tiny.base_directory().parent, help="default: the package"
    )
    parser.add_argument(
        "--starters",
        type=Path,
        default=Path("profiles"),
        help="where starter profiles and their feedback go; default: profiles/",
    )
    arguments = parser.parse_args()
    parts = [arguments.only] if arguments.only else PARTS
    started = time.monotonic()
    with Output() as output:
        progress = output.progress
        if "base" in parts:
            build_base(arguments.output / "base", arguments.seed, progress)
        if "space" in parts:
            build_space(arguments.output, arguments.seed, progress)
        if "starters" in parts:
            build_starters(arguments.output / "base", arguments.starters, arguments.seed, progress)
        if REPORT in parts:
            build_report(arguments.output, arguments.seed, progress)
        minutes = (time.monotonic() - started) / 60
        output.text(f"built {', '.join(parts)} in {minutes:.1f} minutes")


def build_base(directory: Path, seed: int, progress: Progress | None = None) -> None:
    """Train tokenizer and base, and put them in place."""
    from prefcli.tiny.language_model import save_base, train_base, train_tokenizer

    tokenizer = train_tokenizer(seed)
    model = train_base(tokenizer, seed, progress=progress)
    with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        save_base(model, tokenizer, Path(scratch) / "base")
        _replace(Path(scratch) / "base", directory)


def build_space(parent: Path, seed: int, progress: Progress | None = None) -> None:
    """Train the space on the stage-1 topics, report on the held-out ones."""
    from prefcli.latent.pretrain import PretrainConfig
    from prefcli.latent.train import Questions, train_space
    from prefcli.loading import load_base
    from prefcli.precision import bfloat16_pays

    base = load_base(parent / "base", "cpu", "float32")
    config = PretrainConfig(steps=1400, autocast=bfloat16_pays(base.device), seed=seed)
    questions = Questions(
        _prompts(corpus.stage_one_topics(), seed),
        _prompts(corpus.held_out_topics(), seed)[:48],
        provenance={"source": "prefcli.tiny.corpus"},
    )
    space = train_space(base, questions, config, base_name=tiny.NAME, progress=progress)
    assert space is not None  # this process is the only one
    space.save(parent / "space")


def build_report(parent: Path, seed: int, progress: Progress | None = None) -> None:
    """Measure the space that is there, on the held-out topics, and put the report in place."""
    from prefcli.latent.files import read_description, replace_report
    from prefcli.latent.report import measure
    from prefcli.latent.responses import sample_groups
    from prefcli.latent.space import Space
    from prefcli.latent.train import asked_in_words
    from prefcli.loading import load_base

    base = load_base(parent / "base", "cpu", "float32")
    space = Space.load(parent / "space")
    space.attach(base)
    prompts = _prompts(corpus.held_out_topics(), seed)[:48]
    groups = sample_groups(base, prompts, seed=seed + 1, progress=progress)
    report = measure(
        base,
        space.encoder,
        space.adapter,
        space.prior,
        groups,
        seed=seed,
        asked=asked_in_words(base, prompts),
        progress=progress,
    )
    del report["rho"], report["bits_per_byte"]  # those of the space stay
    directory = parent / "space"
    replace_report(directory, {**read_description(directory)["report"], **report})


def build_starters(
    base_directory: Path, output: Path, seed: int, progress: Progress | None = None
) -> None:
    """Write the feedback of the demo's users and the starter profiles, about stage-1 topics."""
    from prefcli.loading import load_base
    from prefcli.tiny import starters
    from prefcli.tiny.tastes import STARTERS, starter_feedback

    base = load_base(base_directory, "cpu", "float32")
    output.mkdir(exist_ok=True)
    for offset, (name, utility) in enumerate(STARTERS.items()):
        topics = random.Random(seed + offset).sample(corpus.stage_one_topics(), STARTER_PAIRS)
        prompts = [
            corpus.prompts(topic, corpus.PROMPT_KINDS[i % 3])[0] for i, topic in enumerate(topics)
        ]
        lines = starter_feedback(base, prompts, utility, seed + offset, progress)
        (output / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    starters.build(base, output, seed, progress)


def _prompts(topics: tuple[corpus.Topic, ...], seed: int) -> list[Prompt]:
    """One wording of each kind of prompt about each topic, shuffled."""
    rng = random.Random(seed)
    found = [
        text_prompt(rng.choice(corpus.prompts(topic, kind)))
        for topic in topics
        for kind in corpus.PROMPT_KINDS
    ]
    rng.shuffle(found)
    return found


def _replace(new: Path, old: Path) -> None:
    for file in new.iterdir():
        file.chmod(0o644)  # safetensors writes for the owner alone; an installation is for all
    if old.exists():
        shutil.rmtree(old)
    new.rename(old)


if __name__ == "__main__":
    main()
