"""docs/benchmarks.md from the committed results: `python -m benchmarks report`.

The page says nothing that is not in `benchmarks/results/run/` and, for real individuals' votes, in
`benchmarks/results/individuals.json`; a test makes it again and compares.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from benchmarks import aims, statistics, tables, together
from benchmarks.peers.names import LABELS, LEARNERS
from benchmarks.tables import MANY, cells_of

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "run"
PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = {
    "answers": PAGE.with_name("benchmarks-answers.svg"),
    "seconds": PAGE.with_name("benchmarks-seconds.svg"),
}
TASKS = ("styles", "reviews", "dialogue", "summaries")
ABOUT = {
    "styles": "Everyday questions, answered by the built-in base; users whose tastes are functions "
    "of the text (`benchmarks/judges.py`).",
    "reviews": "Film reviews (IMDb) to be continued: praise, blame, or in between. The paper's "
    "first task.",
    "dialogue": "Everyday dialogue (DailyDialog): answers that inform, ask, direct or commit "
    "oneself. The paper's second task.",
    "summaries": "Summaries of posts (TL;DR), the paper's third task. Its data and a base that "
    "could summarise are not to be had on such a machine: `benchmarks/tasks/summaries.py` runs on "
    "a sample in the same format, whose figures would mean nothing.",
}

HEAD = """# What the figures mean for you

Written by `python -m benchmarks report` from `benchmarks/results/run/`; change nothing here by
hand. `python -m benchmarks run` measures anew: `--quick` in minutes, everything in days on a small
machine; it goes on where it was stopped.

"""
MEASURED = """## How it was measured

Every method gets the same pairs of answers, made by the paper's recipe: of 32 answers of the base
to a prompt the user's label sets the best two against the worst two. Every method then answers the
same prompts, which neither feedback nor the space has seen, with the same random streams. A *win
rate* is how often an answer beats one of the base's own six to the same prompt, by the judge; the
base itself has 0.5. Brackets are 95 % intervals by bootstrap over seeds and prompts. *Seconds* are
CPU seconds of one core, which other work on the machine does not change; reading the base and the
libraries from disk is not in them.

- *oracle z* searches the space with the judge in hand: what a space allows. *Best of 16* asks the
  judge about 16 answers: no training, 16 times the cost of every answer.
- *LoRA-DPO*, *prefix-tuning DPO* and *P-tuning DPO* are TRL's `DPOTrainer` over PEFT, batches of 8,
  beta 0.1, LoRA of rank 8 on all linear maps. *Latent DPO* is the paper's, in prefcli's space.
- *Steering of hidden states* adds to the middle layers the first principal component of the
  differences between chosen and rejected answers, as repeng does.
- *Examples in the prompt* makes the chosen answers earlier turns of the conversation; more than
  five do not fit into such small bases' contexts.
- Peers' settings come from a search on other users, other pairs and other prompts; prefcli has
  nothing to set.
- *Nats per token* is what answers cost the plain base; *to best of 16* divides that by what best of
  16's cost. *Broken* answers are empty, do not end, or say the same four words three times.
  *On topic*: styles by the topic's own words; else the share of answers that the base finds
  likelier after their own prompt than after another. *KL, neutral* and *other taste* are the tax,
  on prompts that no feedback is about: nats per token away from the base, and how far a score moved
  that nobody asked for.

"""


def main(words: Sequence[str]) -> None:
    """Write the page and its plots."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks report", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args(words)
    from benchmarks import plots

    found = read(arguments.results)
    arguments.page.write_text(page(found), encoding="utf-8")
    tasks = with_cells(found)
    if tasks:
        plots.by_answers(tasks, arguments.page.with_name(PLOTS["answers"].name))
        plots.by_seconds(tasks, arguments.page.with_name(PLOTS["seconds"].name))


def read(results: Path) -> dict[str, Any]:
    """What was measured, by task; real individuals' votes lie beside the rest."""
    paths = {path.stem: path for path in sorted(results.glob("*.json"))}
    votes = results.parent / "individuals.json"
    if votes.exists():
        paths["arguments"] = votes
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items()}


def with_cells(found: Mapping[str, Any]) -> dict[str, Any]:
    """The tasks that generated something, in the order of the page."""
    return {name: found[name] for name in TASKS if found.get(name, {}).get("cells")}


def page(found: Mapping[str, Any]) -> str:
    """The whole page."""
    tasks = with_cells(found)
    parts = [HEAD.rstrip(), in_words(tasks)]
    if tasks:
        parts += [
            "![Win rate by number of answers given](benchmarks-answers.svg)",
            "![Win rate by seconds spent](benchmarks-seconds.svg)",
            _wrapped(
                "Numbers beside points of the second picture are pairs. A dotted line is best of "
                "16, a dashed one the oracle, the grey one the base."
            ),
            "## What was aimed at",
            aims.table(tasks),
        ]
    parts.append(MEASURED.rstrip())
    for name in TASKS:
        parts.append(f"## {name}\n\n{_wrapped(ABOUT[name])}")
        parts.append(of_task(tasks[name]) if name in tasks else "Not run.")
    parts.append("## Real individuals' votes")
    parts.append(of_votes(found.get("arguments")))
    if tasks:
        parts += [
            "## All tasks together",
            together.ranks(tasks),
            _wrapped(
                f"Stage 1 is paid once per base. With {MANY} pairs per user it has paid for "
                "itself, against LoRA-DPO, after so many users (stage 1 by the clock where the "
                "space was trained by `benchmarks.space` alone):"
            ),
            together.break_even(tasks),
            "32 people's prompts at once, 24 tokens each (CPU seconds of the batch):",
            together.mixed(tasks),
            together.commands(tasks),
            _wrapped(
                "Models of real size, random weights (`python -m benchmarks sizes --shape 0.5b`); "
                "seconds of the clock, LoRA-DPO for one pass over the pairs:"
            ),
            together.real_sizes(found),
        ]
    parts += ["## What was not run", not_run(found)]
    return "\n\n".join(parts) + "\n"


def in_words(tasks: Mapping[str, Any]) -> str:
    """What a user can take from it, sentence by sentence from the results."""
    told = [_sentence(name, found) for name, found in tasks.items()]
    return (
        "\n".join(_wrapped(f"- {text}", "  ") for text in told if text)
        or "Nothing was measured yet."
    )


def _sentence(name: str, found: Mapping[str, Any]) -> str:
    rates = {size: statistics.win_rate(cells_of(found, "prefcli", size)) for size in tables.SIZES}
    there = {size: rate for size, rate in rates.items() if rate is not None}
    if not there:
        return ""
    few, many = min(there), max(there)
    text = (
        f"**{name}**: with a profile from {few} of your choices between two answers, "
        f"{_of_ten(there[few].mean)} of the answers you get suit you better than the base's (5 "
        f"would be chance); from {many}, {_of_ten(there[many].mean)}."
    )
    best = statistics.win_rate(cells_of(found, "best_of_16", 0))
    if best is not None:
        text += f" Choosing among 16 answers anew each time would give {_of_ten(best.mean)}."
    ours = cells_of(found, "prefcli", MANY)
    for method in ("lora_dpo", "steering_z"):
        theirs = cells_of(found, method, MANY)
        gap = statistics.difference(ours, theirs)
        if gap is None:
            continue
        spent = [statistics.seconds(cells, "whole") or 0.0 for cells in (ours, theirs)]
        verdict = (
            "better" if gap.low > 0 else "worse" if gap.high < 0 else "neither better nor worse"
        )
        text += (
            f" At {MANY} pairs a profile serves {verdict} than {LABELS[method]} "
            f"({gap.mean:+.2f} in win rate), for {_plain(spent[0])} of work against "
            f"{_plain(spent[1])}."
        )
    return text + hindsight(found)


def hindsight(found: Mapping[str, Any]) -> str:
    """The best pass of the trainings that were watched, beside profiles from the same pairs."""
    ours = {
        (c["user"], c["size"], c["seed"]): c["win_rate"]
        for c in found["cells"]
        if c["method"] == "prefcli"
    }
    watched = [
        (max(point["win_rate"] for point in c["path"]), ours[c["user"], c["size"], c["seed"]])
        for c in found["cells"]
        if c.get("path") and c["method"] == "lora_dpo" and (c["user"], c["size"], c["seed"]) in ours
    ]
    if not watched:
        return ""
    best, mine = (sum(column) / len(watched) for column in zip(*watched, strict=True))
    return (
        f" With hindsight, stopped at its best pass, LoRA-DPO would have won {_of_ten(best)} for "
        f"the {len(watched)} people whose trainings were watched, a profile {_of_ten(mine)}."
    )


def of_task(found: Mapping[str, Any]) -> str:
    """Everything about one task."""
    host, tools = found["machine"], found["versions"]
    seeds = sorted({c["seed"] for c in found["cells"]})
    parts = [
        _wrapped(
            f"{found['base_parameters'] / 1e6:.1f} million weights, a space of "
            f"{found['directions']} directions. Measured on {host['processor']}, {host['cores']} "
            f"cores, {host['threads']} thread(s), {host['system']}; "
            + ", ".join(f"{name} {version}" for name, version in tools.items())
            + f". Seeds {', '.join(map(str, seeds))}; which methods have fewer is at the end."
        ),
    ]
    if found["accuracies"]:
        parts.append(
            "Right on held-out documents: "
            + ", ".join(f"{name} {value:.3f}" for name, value in found["accuracies"].items())
            + "."
        )
    parts += [
        "Win rate against the base, mean over users:",
        tables.win_rates(found),
        "prefcli's win rate less a peer's, on the cells that both have:",
        tables.differences(found),
        f"By user, at {MANY} pairs:",
        tables.by_user(found),
        f"Quality at {MANY} pairs (the other taste is: {found['other']}):",
        tables.quality(found),
        f"Cost per user at {MANY} pairs, CPU seconds:",
        tables.costs(found),
        _wrapped(
            "Win rate along the trainings of the first seed, on the very prompts that are measured "
            "on: the best of a row is what a training could have had with hindsight. "
            + too_far(found)
        ),
        tables.along(found),
        "Settings, looked for on other users:",
        tables.settings(found),
    ]
    return "\n\n".join(parts)


def too_far(found: Mapping[str, Any]) -> str:
    """Whether settings that were found on fewer pairs train for too long on more."""
    watched = [c["path"] for c in found["cells"] if c.get("path")]
    early = sum(max(p["win_rate"] for p in path[:-1]) > path[-1]["win_rate"] for path in watched)
    if not early:
        return ""
    return (
        f"In {early} of {len(watched)} an earlier pass was better than the last: the setting, "
        "found on fewer pairs, where a pass is fewer steps, goes too far on these, and the peer "
        "could have had more than the tables above give it."
    )


def of_votes(found: Mapping[str, Any] | None) -> str:
    """Accuracy, and what it is worth."""
    text = (
        "UKPConvArg1: which of two arguments convinces a person more, predicted on debates that "
        "the fit has not seen; mean over people. Nothing is generated."
    )
    if found is not None:
        bits, own = found["bits_per_byte"], found["own_bits_per_byte"][1]
        text += (
            f" {found['measured_workers']} people of {found['workers']}. The arguments cost the "
            f"base {bits:.2f} bits per byte, its own answers at most {own:.2f}."
        )
    return f"{_wrapped(text)}\n\n{together.votes(found)}"


def not_run(found: Mapping[str, Any]) -> str:
    """Every hole in the grid, in words."""
    tasks = with_cells(found)
    lines = [f"- {name}: the whole task." for name in TASKS if name not in tasks]
    if "arguments" not in found:
        lines.append("- arguments: the whole task.")
    for name, one in tasks.items():
        for method in LABELS:
            cells = [c for c in one["cells"] if c["method"] == method]
            if not cells:
                lines.append(f"- {name}: {LABELS[method]}, at all.")
                continue
            sizes = [s for s in (0, *tables.SIZES) if cells_of(one, method, s)]
            seeds = min((_seeds(cells_of(one, method, s)) for s in sizes), default=0)
            if method in LEARNERS and method != "in_context":
                missing = [str(s) for s in tables.SIZES if s not in sizes]
                if missing:
                    lines.append(f"- {name}: {LABELS[method]} at {', '.join(missing)} pairs.")
            if seeds < 3:
                lines.append(f"- {name}: {LABELS[method]} with {seeds} seed(s), not three.")
        if not any(c["size"] == tables.FULL for c in one["cells"]):
            lines.append(f"- {name}: the full data (`--sizes full`).")
        for record in one["searches"]:
            users = {row["user"] for row in record["tried"]}
            left = [user for user in one["tuning_users"] if user not in users]
            if left:
                lines.append(
                    f"- {name}: the search for {LABELS[record['method']]}'s setting at "
                    f"{record['pairs']} pairs on {', '.join(left)}."
                )
    return "\n".join(_wrapped(line, "  ") for line in lines)


def _seeds(cells: Sequence[Mapping[str, Any]]) -> int:
    return len({c["seed"] for c in cells})


def _of_ten(rate: float) -> str:
    return f"{10 * rate:.1f} in 10"


def _wrapped(text: str, indent: str = "") -> str:
    """A paragraph of at most 100 columns."""
    return fill(text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _plain(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
