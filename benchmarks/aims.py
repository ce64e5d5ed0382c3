"""What was aimed at, and whether the results that are there meet it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks import statistics
from benchmarks.peers.names import LABELS, LEARNERS, SLOW
from benchmarks.statistics import select
from benchmarks.tables import MANY, PROFILE_BYTES, SIZES, cells_of, markdown

Found = Mapping[str, Any]
LORA_SHARE, SOLVE_SHARE = 20, 1000  # a fit is to cost at most one of so many parts of LoRA-DPO's
MARGIN = 0.05  # by which quality may be below best of 16's
MIXED = 0.95


def table(tasks: Mapping[str, Found]) -> str:
    """Every aim that something is there to judge by."""
    rows = [[task, *row] for task, found in tasks.items() for row in _of_task(found)]
    return markdown(["task", "aim", "measured", ""], rows)


def _of_task(found: Found) -> Iterator[list[str]]:
    yield from _speed(found)
    yield from _rates(found)
    yield from _quality(found)
    sizes = [c["bytes"] for c in select(found["cells"], method="prefcli")]
    if sizes:
        yield _row(
            "a profile takes at most 16 KB", f"{max(sizes):,} bytes", max(sizes) <= PROFILE_BYTES
        )
    if found["mixed"]:
        plain, together = (np.array([r[way] for r in found["mixed"]]) for way in ("plain", "mixed"))
        ratio, low, _ = statistics.ratio_interval(plain, together)
        told = f"{ratio:.3f}, at least {low:.3f}"
        yield _row(
            f"32 profiles generate at {MIXED} of the plain speed or more", told, low >= MIXED
        )


def _speed(found: Found) -> Iterator[list[str]]:
    ours, lora = cells_of(found, "prefcli", MANY), cells_of(found, "lora_dpo", MANY)
    if not (ours and lora):
        return
    theirs = statistics.seconds(lora, "whole") or 0.0
    whole, solve = statistics.seconds(ours, "whole"), statistics.seconds(ours, "train")
    if whole and solve:
        told = f"1/{theirs / whole:.0f}"
        aim = f"encode and solve {MANY} pairs in 1/{LORA_SHARE} of LoRA-DPO's time"
        yield _row(aim, told, whole * LORA_SHARE <= theirs)
        aim = f"solve alone in 1/{SOLVE_SHARE}"
        yield _row(aim, f"1/{theirs / solve:.0f}", solve * SOLVE_SHARE <= theirs)


def _rates(found: Found) -> Iterator[list[str]]:
    worse, compared = [], 0
    for method in LEARNERS:
        for size in SIZES:
            gap = statistics.difference(
                cells_of(found, "prefcli", size), cells_of(found, method, size)
            )
            if method == "prefcli" or gap is None:
                continue
            compared += 1
            if gap.high < 0:
                worse.append(f"{LABELS[method]} at {size} pairs ({gap.mean:+.2f})")
    missing = [name for name in SLOW if not any(cells_of(found, name, s) for s in SIZES)]
    told = "; ".join(worse) or f"none of {compared} comparisons"
    if missing:
        told += f"; {len(missing)} of {len(SLOW)} peers that train were not run"
    if compared:
        aim = "no peer has a significantly better win rate"
        yield [aim, told, "MISSED" if worse else "open" if missing else "met"]


def _quality(found: Found) -> Iterator[list[str]]:
    ours, best = cells_of(found, "prefcli", MANY), cells_of(found, "best_of_16", 0)
    if not (ours and best):
        return
    for name, aim, sign in (
        ("nats_per_token", "answers cost the base no more than best of 16's", 1),
        ("on_topic", "answers are as often on topic as best of 16's", -1),
        ("broken", "answers are no more often broken than best of 16's", 1),
    ):
        mine, other = statistics.mean(ours, name), statistics.mean(best, name)
        if mine is None or other is None:
            continue
        slack = MARGIN * abs(other) if name == "nats_per_token" else MARGIN
        met = sign * mine <= sign * other + slack
        yield _row(f"{aim}, within 5 %", f"{mine:.2f} against {other:.2f}", met)


def _row(aim: str, told: str, met: bool) -> list[str]:
    return [aim, told, "met" if met else "MISSED"]
