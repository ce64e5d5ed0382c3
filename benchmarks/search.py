"""A peer's setting, looked for on other users: `prefcli` itself has none to look for.

Every setting of the grid is tried for every tuning user, on pairs and prompts that nobody is
measured on; what trains makes up to 10 passes and stops when its loss on held-out pairs has not
become better for two. The win rate is taken along the way, so that one training tries several
numbers of passes. The best mean over the tuning users wins, the earlier of equals. Few pairs and
many are looked at apart, since they want different settings.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.answers import stream
from benchmarks.measure import Ground, paths, win_rate
from benchmarks.peers.base import Job, Peer, rivals
from benchmarks.records import Records
from benchmarks.tasks.base import Arena, best_against_worst, pool

FEW, MANY = 5, 25  # pairs that the search learns from
BORDER = 10  # up to so many pairs the setting for few is used
HELD_OUT = 5  # prompts whose pairs, three of each, decide when to stop
PROMPTS = 18
MARKS = (1, 3, 5, 10)  # passes after which the win rate is taken


def search(
    arena: Arena,
    peer: Peer,
    pairs: int,
    work: Path,
    *,
    users: int | None,
    every: int,
    tried: Records,
) -> dict[str, Any]:
    """The setting for so many pairs, with everything that was tried.

    Args:
        arena: The task; its tuning users and search prompts are used.
        peer: With a grid.
        pairs: What is to be learned from; few and many differ.
        work: Where the base's answers are kept.
        users: At most so many of the tuning users; None for all.
        every: 1 for the whole grid, 2 for every other setting of it.
        tried: What was tried before, which is not tried again; grows.
    """
    size = FEW if pairs <= BORDER else MANY
    ground = _ground(arena)
    learned = list(arena.search_prompts[PROMPTS : PROMPTS + MANY + HELD_OUT])
    answers = pool(arena, learned, "search", work)
    found: list[dict[str, Any]] = []
    for name, taste in list(arena.tuning.items())[:users]:
        said, held_out = (
            best_against_worst(learned[part], answers[part], taste.label, count, 0)
            for part, count in ((slice(MANY), MANY), (slice(MANY, None), 3 * HELD_OUT))
        )
        for number, setting in enumerate(peer.grid):
            if number % every:
                continue
            job = Job(
                arena,
                name,
                taste,
                said[:size],
                seed=0,
                setting=setting,
                held_out=held_out if peer.slow else (),
            )
            key = {"method": peer.name, "size": size, "user": name, "setting": dict(setting)}
            done = next((r for r in tried.rows if all(r[k] == v for k, v in key.items())), None)
            if done is None:
                started = time.process_time()
                rows = _tried(peer, job, ground, size)
                done = {**key, "rows": rows, "cpu_seconds": time.process_time() - started}
                tried.add(done)
            found.append(done)
            arena.model.progress(f"search, {peer.name}, {name}", number + 1, len(peer.grid))
    return {
        "task": arena.name,
        "method": peer.name,
        "pairs": size,
        "setting": _best([row for done in found for row in done["rows"]]),
        "tried": [row for done in found for row in done["rows"]],
        "cpu_seconds": round(sum(done["cpu_seconds"] for done in found), 1),
    }


def chosen(records: Sequence[dict[str, Any]], task: str, peer: str, size: int) -> dict[str, Any]:
    """The setting that a search found for so many pairs; nothing where there was none."""
    wanted = FEW if size <= BORDER else MANY
    for record in records:
        if (record["task"], record["method"], record["pairs"]) == (task, peer, wanted):
            return dict(record["setting"])
    return {}


def _ground(arena: Arena) -> Ground:
    prompts = list(arena.search_prompts[:PROMPTS])
    return Ground(arena, stream("search"), prompts, (), rivals(arena, prompts, 4, "search"))


def _tried(peer: Peer, job: Job, ground: Ground, size: int) -> list[dict[str, Any]]:
    """Win rates of one setting, at several numbers of passes where it trains."""
    tried = {"user": job.user, "setting": dict(job.setting), "pairs": size}
    if not peer.slow:
        lesson = peer.teach(job)
        return [{**tried, "win_rate": round(win_rate(lesson.speaker, job.taste, ground), 4)}]
    path, watch = paths(job, ground, MARKS)
    peer.teach(replace(job, watch=watch))
    return [
        {
            **tried,
            "setting": {**job.setting, "epochs": int(point["passes"])},
            "win_rate": point["win_rate"],
        }
        for point in path
    ]


def _best(tried: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The setting of the best mean over users, among those that every user got to.

    A training that stopped early counts with its last win rate for more passes too: longer it
    would not have trained.
    """
    users = list(dict.fromkeys(row["user"] for row in tried))
    rates: dict[str, dict[tuple[Any, ...], float]] = {user: {} for user in users}
    for row in tried:
        rates[row["user"]][tuple(row["setting"].items())] = row["win_rate"]
    every = list(dict.fromkeys(key for each in rates.values() for key in each))
    mean: dict[tuple[Any, ...], float] = defaultdict(float)
    for key in every:
        mean[key] = statistics.fmean(_rate(rates[user], key) for user in users)
    return dict(max(every, key=lambda key: mean[key]))


def _rate(rates: dict[tuple[Any, ...], float], key: tuple[Any, ...]) -> float:
    if key in rates:
        return rates[key]
    setting = dict(key)
    passes = setting.pop("epochs", 0)
    earlier = [
        (dict(other)["epochs"], rate)
        for other, rate in rates.items()
        if {k: v for k, v in dict(other).items() if k != "epochs"} == setting
        and dict(other).get("epochs", 0) <= passes
    ]
    return max(earlier)[1] if earlier else 0.0
