"""The grid of task, method, size and seed: `python -m benchmarks run`.

Every cell is one line of `WORK/TASK/cells.jsonl`, written when it is done; a rerun goes on where
the last one stopped. At the end of each task, and when it is interrupted, everything that is there
goes to `benchmarks/results/run/TASK.json`, the machine and the versions with it.

Cheap methods come first, then the slow ones seed by seed, so that what is there at any time is as
even as it can be. `--quick` sees in minutes that everything works; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks import command, mixed
from benchmarks.machine import machine, versions
from benchmarks.measure import Ground, cell, paths
from benchmarks.peers.all import PEERS
from benchmarks.peers.base import Job, Lesson, Peer
from benchmarks.plan import PAIRS_PER_PROMPT, QUICK, Place, Plan, grid
from benchmarks.records import Records
from benchmarks.search import MARKS, chosen, search
from benchmarks.tables import FULL, SIZES
from benchmarks.tasks import arguments as arguments_task
from benchmarks.tasks.all import TASKS
from benchmarks.tasks.base import Arena, Task, best_against_worst, pool
from prefcli.errors import DataError, PrefcliError
from prefcli.output import Output

RESULTS = Path("benchmarks/results/run")


def main(words: Sequence[str]) -> None:
    """Parse the arguments, run, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="where the corpora lie; styles needs none")
    parser.add_argument("--work", type=Path, default=Path("build/benchmarks"), help="kept")
    parser.add_argument(
        "--tasks", nargs="+", choices=[*TASKS, arguments_task.NAME], default=["styles"]
    )
    parser.add_argument("--methods", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--sizes", nargs="+", type=_size, default=list(SIZES))
    parser.add_argument("--slow-sizes", nargs="+", type=_size, help="default as --sizes")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--slow-seeds", type=int, help="default as --seeds")
    parser.add_argument("--tuning-users", type=int, help="in searches; default all")
    parser.add_argument("--mixed", type=int, default=30, help="paired runs of mixed generation")
    parser.add_argument("--command", action="store_true", help="time the commands; styles only")
    parser.add_argument("--quick", action="store_true", help="minutes, and no figures to keep")
    parser.add_argument("--output", type=Path, help=f"default {RESULTS}, build/quick if --quick")
    arguments = parser.parse_args(words)
    if arguments.seeds < 1:
        parser.error("--seeds must be at least 1")
    plan = QUICK if arguments.quick else _plan(arguments)
    target = arguments.output or (Path("build/quick") if arguments.quick else RESULTS)
    work = arguments.work / "quick" if arguments.quick else arguments.work
    with Output() as output:
        try:
            for name in arguments.tasks:
                if name == arguments_task.NAME:
                    arguments_task.run(arguments.data, work, target, output)
                else:
                    run_task(TASKS[name], plan, arguments.data, work, target, output)
        except PrefcliError as error:
            output.error(error.message, error.details)
            raise SystemExit(error.exit_code) from error
        except KeyboardInterrupt:
            output.note("stopped; what is done is kept, the same command goes on")
            raise SystemExit(130) from None


def run_task(
    task: Task, plan: Plan, data: Path | None, work: Path, target: Path, output: Output
) -> None:
    """Every cell of one task that is not there yet, then its results."""
    arena = task.open(data, work, output.progress)
    for name, value in arena.accuracies.items():
        output.text(f"{arena.name}: {name} right on {value:.3f} of held-out documents")
    check_same(work / arena.name / "measured-on.json", arena, plan)
    cells = Records(work / arena.name / "cells.jsonl")
    searches = Records(work / arena.name / "searches.jsonl")
    speed = Records(work / arena.name / "mixed.jsonl")
    commands = Records(work / arena.name / "command.jsonl")
    try:
        runner = Runner(arena, plan, work, cells, searches)
        places = [p for p in grid(arena, plan) if not _there(cells, p)]
        for number, place in enumerate(places, start=1):
            row = runner.row(place)
            cells.add(row)
            output.note(
                f"{number}/{len(places)} {place.task} {place.method} {place.user} {place.size} "
                f"seed {place.seed}: {row['win_rate']:.3f}, {row['seconds']['whole']:.2f} CPU s"
            )
            if number % 25 == 0:
                write(arena, plan, cells, searches, speed, commands, target)
        if plan.command and not commands.rows:
            commands.add(command.seconds(runner.pairs(_last(arena, plan))))
        if len(speed.rows) < plan.mixed:
            for row in mixed.measure(arena, plan.mixed - len(speed.rows)):
                speed.add(row)
    finally:
        write(arena, plan, cells, searches, speed, commands, target)


def check_same(path: Path, arena: Arena, plan: Plan) -> None:
    """Refuse to mix cells of different bases, spaces or prompts.

    Raises:
        DataError: what is kept here was measured on something else.
    """
    now = {
        "base": arena.model.base.fingerprint(),
        "space": arena.model.space.fingerprint(),
        "prompts": plan.prompts,
        "neutral": plan.neutral,
        "pool": plan.pool,
    }
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(now) + "\n", encoding="utf-8")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [name for name, value in now.items() if before[name] != value]
    if changed:
        raise DataError(
            f"{path.parent} holds cells of another {' and '.join(changed)}: remove it, or name "
            "another --work"
        )


class Runner:
    """Makes cells; what several of them need is made once."""

    def __init__(
        self, arena: Arena, plan: Plan, work: Path, cells: Records, searches: Records
    ) -> None:
        self.arena, self.plan, self.work = arena, plan, work
        self.cells, self.searches = cells, searches
        self._grounds: dict[int, Ground] = {}
        self._pools: dict[tuple[int, int], tuple[list[str], list[list[str]]]] = {}

    def row(self, place: Place) -> dict[str, Any]:
        """One cell."""
        peer, taste = PEERS[place.method], self.arena.users[place.user]
        if peer.grid and not chosen(self.searches.rows, place.task, place.method, place.size):
            plan = self.plan
            found = search(
                self.arena,
                peer,
                place.size,
                self.work,
                users=plan.tuning_users,
                every=plan.every,
                tried=Records(self.work / place.task / "tried.jsonl"),
            )
            self.searches.add(found)
        job = Job(
            self.arena,
            place.user,
            taste,
            self.pairs(place) if place.size else (),
            seed=place.seed,
            setting=chosen(self.searches.rows, place.task, place.method, place.size),
        )
        ground = self._ground(place.seed)
        if peer.slow and place.seed == 0:
            path, watch = paths(job, ground, MARKS)
            taught = replace(peer, teach=_recorded(peer, path))
            found = cell(taught, replace(job, watch=watch), ground)
        else:
            found = cell(peer, job, ground)
        return {**asdict(place), **found}

    def pairs(self, place: Place) -> list[Any]:
        """What the user says there."""
        count = FULL // PAIRS_PER_PROMPT if place.size > max(SIZES) else self.plan.pool
        key = (place.seed, count)
        if key not in self._pools:
            whole = place.size > max(SIZES)
            start = 0 if whole else place.seed * count
            prompts = list(self.arena.feedback_prompts[start : start + count])
            name = f"{'full' if whole else 'pool'}-{place.seed}"
            self._pools[key] = prompts, pool(self.arena, prompts, name, self.work)
        prompts, answers = self._pools[key]
        label = self.arena.users[place.user].label
        return best_against_worst(prompts, answers, label, place.size, place.seed)

    def _ground(self, seed: int) -> Ground:
        if seed not in self._grounds:
            self._grounds[seed] = Ground.of(self.arena, seed, self.plan.prompts, self.plan.neutral)
        return self._grounds[seed]


def write(
    arena: Arena,
    plan: Plan,
    cells: Records,
    searches: Records,
    speed: Records,
    commands: Records,
    target: Path,
) -> None:
    """Everything that is there, as one JSON file with a cell per line."""
    head = {
        "benchmark": "run",
        "task": arena.name,
        "base": arena.model.base.fingerprint(),
        "base_parameters": sum(w.numel() for w in arena.model.base.model.parameters()),
        "space": arena.model.space.fingerprint(),
        "directions": arena.model.space.size,
        "max_new_tokens": arena.model.max_new_tokens,
        "accuracies": dict(arena.accuracies),
        "other": arena.other[0],
        "users": list(arena.users),
        "tuning_users": list(arena.tuning),
        "stage_one_seconds": arena.stage_one_seconds,
        "plan": asdict(plan),
        "machine": machine(),
        "versions": {**versions(), **_tools()},
    }
    target.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ","]
    parts = (
        ("searches", searches.rows),
        ("mixed", speed.rows),
        ("command", commands.rows),
        ("cells", cells.rows),
    )
    for number, (name, rows) in enumerate(parts):
        body = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
        end = "" if number == len(parts) - 1 else ","
        lines.append(f' "{name}": [\n{body}\n ]{end}' if rows else f' "{name}": []{end}')
    text = "\n".join([*lines, "}"]) + "\n"
    json.loads(text)
    (target / f"{arena.name}.json").write_text(text, encoding="utf-8")


def _last(arena: Arena, plan: Plan) -> Place:
    """The most that one user says."""
    return Place(arena.name, "prefcli", next(iter(arena.users)), max(plan.sizes), 0)


def _recorded(peer: Peer, path: list[dict[str, float]]) -> Any:
    def teach(job: Job) -> Lesson:
        lesson = peer.teach(job)
        return replace(lesson, path=tuple(path))

    return teach


def _there(cells: Records, place: Place) -> bool:
    wanted = asdict(place)
    return any(all(row[k] == v for k, v in wanted.items()) for row in cells.rows)


def _plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        sizes=tuple(arguments.sizes),
        slow_sizes=tuple(arguments.slow_sizes or arguments.sizes),
        seeds=arguments.seeds,
        slow_seeds=arguments.slow_seeds or arguments.seeds,
        methods=tuple(arguments.methods),
        tuning_users=arguments.tuning_users,
        mixed=arguments.mixed,
        command=arguments.command,
    )


def _size(word: str) -> int:
    if word == "full":
        return FULL
    size = int(word)
    if not 0 < size <= max(SIZES):
        raise argparse.ArgumentTypeError(f"{word}: expected 1 to {max(SIZES)}, or full")
    return size


def _tools() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("trl", "peft", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    torch_threads = torch.get_num_threads()
    return {**found, "torch threads": str(torch_threads)}
