"""How well the starter profiles serve those who judge like them: `python -m benchmarks.starters`.

Each profile in `profiles/` answers questions about topics that are in no feedback and in no prompt
of stage 1; the utility that made its feedback tells how often its answer beats the base's own.
Beside the win rate stands the most that any answer could get: where half of the base's answers are
as wished already, nothing wins more than three times in four.

All of them and the base then answer one question from one seed. Both go into
`benchmarks/results/starters.json`, and from there into `profiles/README.md`; `--page` writes that
page alone, from what was measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.answers import Model, Request, embedded_model, questions, stream
from benchmarks.judges import TopicJudge, win_rate
from benchmarks.machine import machine, versions
from prefcli import pref_file
from prefcli.errors import PrefcliError
from prefcli.latent.space import Space
from prefcli.output import Output
from prefcli.profile import Profile
from prefcli.tiny import corpus, space_directory
from prefcli.tiny.styles import STYLES
from prefcli.tiny.tastes import Utility

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "profiles"
RESULTS = ROOT / "benchmarks" / "results" / "starters.json"
PAGE = FOLDER / "README.md"
START, END = "<!-- by python -m benchmarks.starters -->", "<!-- end -->"

QUESTIONS = 48  # a multiple of 3
RIVALS = 4  # the base's answers to each of them
SHOWN, SHOWN_SEED = "How do I cook rice?", 0


def main() -> None:
    """Parse the arguments, measure, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.starters",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", action="store_true", help="only write the page")
    arguments = parser.parse_args()
    with Output() as output:
        try:
            if not arguments.page:
                found = measure(embedded_model(output.progress), arguments.seed)
                text = json.dumps(found, indent=1, ensure_ascii=False)
                RESULTS.write_text(text + "\n", encoding="utf-8")
            results = json.loads(RESULTS.read_text(encoding="utf-8"))
            PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
        except PrefcliError as error:
            output.error(error.message, error.details)
            raise SystemExit(error.exit_code) from error
        output.text(table(results))


def profiles() -> dict[str, bytes]:
    """The files of the starter profiles, by name."""
    return {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.pref"))}


def stamp() -> dict[str, Any]:
    """What the figures depend on: they are stale where it is another."""
    return {
        "space": Space.load(space_directory()).fingerprint(),
        "profiles": {
            name: hashlib.sha256(content).hexdigest()[:16] for name, content in profiles().items()
        },
    }


def measure(model: Model, seed: int) -> dict[str, Any]:
    """Win rates of all starter profiles, and their answers to one question."""
    points = {
        name: Profile.from_bytes(pref_file.unpack(content, name)[0]).latent(1.0)
        for name, content in profiles().items()
    }
    asked = questions(corpus.held_out_topics(), QUESTIONS, stream(seed, "held out"))
    prompts = [question.prompt for question in asked]
    rivals = model.rivals("base", prompts, RIVALS, stream(seed, "base"))
    judge = TopicJudge(corpus.topics())
    rows = []
    for name, z in points.items():
        requests = [Request(p, stream(seed, name, i), z) for i, p in enumerate(prompts)]
        answers = model.answers(name, requests)
        about = [judge.share(q.topic, a) for q, a in zip(asked, answers, strict=True)]
        rows.append(
            {
                "name": name,
                "win_rate": round(win_rate(STYLES[name].utility, answers, rivals), 3),
                "ceiling": round(ceiling(STYLES[name].utility, rivals), 3),
                "on_topic": round(statistics.fmean(about), 3),
            }
        )
    return {
        "benchmark": "starters",
        "seed": seed,
        "questions": QUESTIONS,
        "base_answers_per_question": RIVALS,
        **stamp(),
        "machine": machine(),
        "versions": versions(),
        "profiles_measured": rows,
        "shown": {"prompt": SHOWN, "seed": SHOWN_SEED, "answers": shown(sorted(points))},
    }


def ceiling(utility: Utility, rivals: Sequence[Sequence[str]]) -> float:
    """The win rate of an answer that is as good as any of the base's ever is."""
    values = [utility(answer) for answers in rivals for answer in answers]
    best = max(values)
    return math.fsum((best > value) + 0.5 * (best == value) for value in values) / len(values)


def shown(names: Sequence[str]) -> dict[str, str]:
    """What `prefcli generate` answers to one question for the base and for starters, by name."""
    import tempfile

    from prefcli.services.batch import generate_batch
    from prefcli.services.profile_files import import_profile
    from prefcli.store import Store

    lines = [
        json.dumps({"prompt": SHOWN, "profile": name, "seed": SHOWN_SEED})
        for name in (None, *names)
    ]
    with (
        tempfile.TemporaryDirectory(prefix="prefcli-starters-") as home,
        Store.open(Path(home)) as store,
    ):
        for name in names:
            import_profile(store, str(FOLDER / f"{name}.pref"))
        answers = list(generate_batch(store, lines))
    return {name: answer["response"] for name, answer in zip(("", *names), answers, strict=True)}


def table(results: Mapping[str, Any]) -> str:
    """The win rates as Markdown."""
    lines = [
        "| profile | likes | beats the base | at most | on topic |",
        "|---|---|---|---|---|",
    ]
    for row in results["profiles_measured"]:
        rates = " | ".join(f"{row[key]:.2f}" for key in ("win_rate", "ceiling", "on_topic"))
        lines.append(f"| `{row['name']}` | {STYLES[row['name']].likes} | {rates} |")
    return "\n".join(lines)


def page(text: str, results: Mapping[str, Any]) -> str:
    """The text of `profiles/README.md` with its part that is measured written anew."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    told = results["shown"]
    parts = [table(results), f"What each answers to “{told['prompt']}” (`--seed {told['seed']}`):"]
    for name, answer in told["answers"].items():
        title = f"`{name}`" if name else "the base"
        quoted = "\n".join(f"> {line}".rstrip() for line in answer.splitlines())
        parts.append(f"**{title}**\n\n{quoted}")
    return f"{before}{START}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}"


if __name__ == "__main__":
    main()
