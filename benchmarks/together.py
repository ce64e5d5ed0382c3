"""What is told of all tasks at once: ranks, break-even, generation for many people, real sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks import statistics
from benchmarks.peers.names import LABELS, LEARNERS, SLOW
from benchmarks.tables import MANY, NOT_RUN, SIZES, cells_of, in_seconds, markdown, mean_of

Found = Mapping[str, Any]


def ranks(tasks: Mapping[str, Found]) -> str:
    """Mean rank over the tasks and sizes that all of these methods have."""
    every = {
        method: [
            mean_of(statistics.win_rate(cells_of(found, method, size)))
            for found in tasks.values()
            for size in SIZES
        ]
        for method in LEARNERS
    }
    fast = {name: row for name, row in every.items() if name not in SLOW and any(row)}
    slow = {name: row for name, row in every.items() if any(row)}
    rows = []
    for title, group in (("without training peers", fast), ("with them", slow)):
        columns = sum(None not in column for column in zip(*group.values(), strict=True))
        ordered = statistics.ranks(group)
        told = sorted((rank, LABELS[name]) for name, rank in ordered.items() if rank is not None)
        text = ", ".join(f"{label} {rank:.1f}" for rank, label in told)
        rows.append([title, str(columns), text or "no column that all have"])
    return markdown(["methods", "columns that all have", "mean rank"], rows)


def break_even(tasks: Mapping[str, Found]) -> str:
    """After how many users stage 1 has paid for itself, against LoRA-DPO."""
    rows = []
    for name, found in tasks.items():
        stage = found.get("stage_one_seconds")
        ours = statistics.seconds(cells_of(found, "prefcli", MANY), "whole")
        lora = statistics.seconds(cells_of(found, "lora_dpo", MANY), "whole")
        if not stage:
            rows.append([name, "not measured", in_seconds(ours), in_seconds(lora), ""])
        elif ours is None or lora is None:
            rows.append([name, f"{stage:.0f} s", in_seconds(ours), in_seconds(lora), NOT_RUN])
        else:
            users = int(np.ceil(stage / max(lora - ours, 1e-9)))
            rows.append([name, f"{stage:.0f} s", in_seconds(ours), in_seconds(lora), f"{users:,}"])
    return markdown(["task", "stage 1", "prefcli per user", "LoRA-DPO per user", "users"], rows)


def mixed(tasks: Mapping[str, Found]) -> str:
    """32 people in one batch."""
    rows = []
    for name, found in tasks.items():
        runs = found["mixed"]
        if not runs:
            rows.append([name, NOT_RUN, "", "", ""])
            continue
        plain, together, lora = (
            np.array([run[way] for run in runs]) for way in ("plain", "mixed", "lora")
        )
        speed, low, high = statistics.ratio_interval(plain, together)
        slower, slow_low, slow_high = statistics.ratio_interval(lora, together)
        rows.append(
            [
                name,
                str(len(runs)),
                f"{plain.mean():.2f} s, {together.mean():.2f} s, {lora.mean():.2f} s",
                f"{speed:.3f} [{low:.3f}, {high:.3f}]",
                f"{slower:.1f} [{slow_low:.1f}, {slow_high:.1f}]",
            ]
        )
    return markdown(
        [
            "task",
            "paired runs",
            "plain, 32 profiles, LoRA by turns",
            "speed of 32 profiles to plain",
            "times as fast as LoRA",
        ],
        rows,
    )


def commands(tasks: Mapping[str, Found]) -> str:
    """The whole command, where it was timed."""
    told = [
        f"`prefcli ingest` takes {row['ingest']:.1f} CPU seconds and `prefcli fit` "
        f"{row['fit']:.1f}, everything started anew ({name}, the most pairs of one user)."
        for name, found in tasks.items()
        for row in found.get("command", [])
    ]
    return "\n".join(told) or "The whole commands were not timed."


def real_sizes(found: Mapping[str, Found]) -> str:
    """What a user costs at real sizes."""
    rows = []
    for shape in ("0.5b", "1.5b", "8b"):
        one = found.get(f"sizes-{shape}")
        if one is None:
            rows.append([shape.upper(), NOT_RUN, *[""] * 4])
            continue
        ours, lora = one["seconds"]["prefcli"], one["seconds"]["lora_dpo"]
        rows.append(
            [
                shape.upper(),
                one["machine"]["device"],
                f"{one['pairs']} of {one['tokens']} tokens",
                in_seconds(ours),
                in_seconds(lora),
                f"1/{lora / ours:.0f}",
            ]
        )
    header = ["weights", "device", "pairs", "prefcli", "LoRA-DPO, one pass", "share"]
    return markdown(header, rows)


def votes(found: Found | None) -> str:
    """Accuracy on real individuals' held-out votes."""
    if found is None:
        return "The task `arguments` was not run."
    rows = [
        [row["way"], f"{row['accuracy']:.3f} [{row['interval'][0]:.3f}, {row['interval'][1]:.3f}]"]
        for row in found["accuracy"]
    ]
    return markdown(["predicted by", "accuracy"], rows)
