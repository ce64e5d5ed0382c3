"""The tables of docs/benchmarks.md, from what `python -m benchmarks run` measured."""

from __future__ import annotations

import statistics as middle
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import statistics
from benchmarks.peers.names import LABELS, LEARNERS, REFERENCES, SLOW
from benchmarks.statistics import Cell, Estimate, select

Found = Mapping[str, Any]
NOT_RUN = "not run"
FULL = 4000  # pairs: the full data
SIZES = (1, 3, 5, 10, 20, 50, 200)
COLUMNS = ("1 pair", *(f"{size} pairs" for size in SIZES[1:]))
MANY = 50  # pairs at which quality and cost are compared
PROFILE_BYTES = 16 * 1024


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def cells_of(found: Found, method: str, size: int) -> list[Cell]:
    """The cells of a method at a number of pairs, of the seeds that all users have.

    A mean over some of the users is no figure of the task. References know no number of pairs.
    """
    cells = select(found["cells"], method=method, size=0 if method in REFERENCES else size)
    whole = [
        seed
        for seed in sorted({c["seed"] for c in cells})
        if {c["user"] for c in cells if c["seed"] == seed} == set(found["users"])
    ]
    return [c for c in cells if c["seed"] in whole]


def references(found: Found, method: str) -> list[Cell]:
    """The cells of a reference."""
    return cells_of(found, method, 0)


def win_rates(found: Found) -> str:
    """Win rate by method and number of pairs, with intervals."""
    rows = []
    for method in LABELS:
        row = [LABELS[method]]
        if method in REFERENCES:
            estimate = statistics.win_rate(references(found, method))
            row += [_with_interval(estimate)] + [""] * len(SIZES)
        else:
            for size in SIZES:
                estimate = statistics.win_rate(cells_of(found, method, size))
                fits = method != "in_context" or size <= 5
                row.append(_with_interval(estimate) if fits else "does not fit")
            row.append(_with_interval(statistics.win_rate(cells_of(found, method, FULL))))
        rows.append(row)
    return markdown(["method", *COLUMNS, "full data"], rows)


def by_user(found: Found, size: int = MANY) -> str:
    """Win rate of every user at one number of pairs."""
    rows = []
    for method in LABELS:
        cells = cells_of(found, method, size)
        if not cells:
            continue
        row = [LABELS[method]]
        for user in found["users"]:
            estimate = statistics.win_rate(select(cells, user=user))
            row.append("" if estimate is None else f"{estimate.mean:.2f}")
        rows.append(row)
    return markdown(["method", *found["users"]], rows)


def differences(found: Found) -> str:
    """How far prefcli's win rate is above each peer's, on the cells that both have."""
    rows = []
    for method in LEARNERS:
        if method == "prefcli":
            continue
        row, any_there = [LABELS[method]], False
        for size in SIZES:
            gap = statistics.difference(
                cells_of(found, "prefcli", size), cells_of(found, method, size)
            )
            any_there |= gap is not None
            row.append(NOT_RUN if gap is None else _signed(gap))
        if any_there:
            rows.append(row)
    return markdown(["prefcli less", *COLUMNS], rows)


def quality(found: Found, size: int = MANY) -> str:
    """What no user was asked about."""
    best = references(found, "best_of_16")
    usual = statistics.mean(best, "nats_per_token")
    base_other = statistics.mean(references(found, "base"), "other")
    rows = []
    for method in LABELS:
        cells = cells_of(found, method, size)
        if not cells:
            rows.append([LABELS[method], NOT_RUN, *[""] * 8])
            continue
        nats = statistics.mean(cells, "nats_per_token")
        other = statistics.mean(cells, "other")
        rows.append(
            [
                LABELS[method],
                _number(statistics.mean(cells, "judge"), 2),
                _number(nats, 2),
                "" if not usual or nats is None else f"{nats / usual:.2f}",
                *(
                    _number(statistics.mean(cells, name), 2)
                    for name in ("distinct_2", "broken", "on_topic")
                ),
                _number(statistics.mean(cells, "words"), 0),
                _number(statistics.mean(cells, "kl"), 3),
                "" if other is None or base_other is None else f"{other - base_other:+.2f}",
            ]
        )
    return markdown(
        [
            "method",
            "judge's mean",
            "nats per token",
            "to best of 16",
            "distinct-2",
            "broken",
            "on topic",
            "words",
            "KL, neutral",
            "other taste",
        ],
        rows,
    )


def costs(found: Found, size: int = MANY) -> str:
    """What one user costs."""
    rows = []
    for method in LEARNERS:
        cells = cells_of(found, method, size)
        if not cells:
            rows.append([LABELS[method], NOT_RUN, *[""] * 6])
            continue
        whole = statistics.seconds(cells, "whole")
        lora = statistics.seconds(cells_of(found, "lora_dpo", size), "whole")
        peak = statistics.mean(cells, "peak_mb")
        rows.append(
            [
                LABELS[method],
                *(
                    in_seconds(statistics.seconds(cells, name))
                    for name in ("encode", "train", "whole")
                ),
                "" if not lora or not whole else f"1/{lora / whole:.0f}",
                _number(peak, 0),
                f"{max(c['bytes'] for c in cells):,}",
                _reached(found, method, size),
            ]
        )
    return markdown(
        [
            "method",
            "encode",
            "train",
            "whole",
            "of LoRA-DPO",
            "peak MB",
            "bytes",
            "to prefcli's win rate",
        ],
        rows,
    )


def along(found: Found) -> str:
    """Win rates along the trainings that were watched, each beside prefcli's of the same pairs."""
    rows = []
    ours = {
        (c["user"], c["size"], c["seed"]): c["win_rate"]
        for c in select(found["cells"], method="prefcli")
    }
    for cell in found["cells"]:
        if not cell.get("path"):
            continue
        setting = ", ".join(f"{k} {v}" for k, v in cell["setting"].items() if k != "epochs")
        told = "; ".join(
            f"{p['passes']}: {p['win_rate']:.2f} in {p['seconds']:.0f} s" for p in cell["path"]
        )
        mine = ours.get((cell["user"], cell["size"], cell["seed"]))
        rows.append(
            [
                LABELS[cell["method"]],
                cell["user"],
                str(cell["size"]),
                setting,
                told,
                _number(mine, 2),
            ]
        )
    header = ["method", "user", "pairs", "setting", "after so many passes", "prefcli"]
    return markdown(header, rows) if rows else "No training was watched."


def settings(found: Found) -> str:
    """What every search tried and found."""
    rows = []
    for record in found["searches"]:
        tried = {
            name: sorted({row["setting"][name] for row in record["tried"]})
            for name in record["tried"][0]["setting"]
        }
        grid = "; ".join(f"{name} {', '.join(map(str, values))}" for name, values in tried.items())
        users = ", ".join(dict.fromkeys(row["user"] for row in record["tried"]))
        found_setting = ", ".join(f"{name} {value}" for name, value in record["setting"].items())
        best = _of_setting(record)
        rows.append(
            [
                LABELS[record["method"]],
                str(record["pairs"]),
                users,
                grid,
                found_setting,
                f"{best:.2f}",
                f"{record['cpu_seconds']:.0f}",
            ]
        )
    header = ["method", "pairs", "users", "tried", "found", "its win rate", "CPU seconds"]
    return markdown(header, rows) if rows else "No search was run."


def _of_setting(record: Mapping[str, Any]) -> float:
    rates = [r["win_rate"] for r in record["tried"] if r["setting"] == record["setting"]]
    return float(np.mean(rates)) if rates else float("nan")


def _reached(found: Found, method: str, size: int) -> str:
    """Median seconds until a training was as good as prefcli's profile of the same pairs."""
    if method not in SLOW:
        return ""
    ours = {(c["user"], c["seed"]): c["win_rate"] for c in cells_of(found, "prefcli", size)}
    reached, asked = [], 0
    for cell in cells_of(found, method, size):
        aim = ours.get((cell["user"], cell["seed"]))
        if aim is None or not cell.get("path"):
            continue
        asked += 1
        times = [p["seconds"] for p in cell["path"] if p["win_rate"] >= aim]
        reached += times[:1]
    if not asked:
        return ""
    told = f"{len(reached)} of {asked} users"
    return f"{told}, {middle.median(reached):.0f} s" if reached else told


def _with_interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return NOT_RUN
    return f"{estimate.mean:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _signed(gap: Estimate) -> str:
    mark = " **better**" if gap.low > 0 else " **worse**" if gap.high < 0 else ""
    return f"{gap.mean:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]{mark}"


def mean_of(estimate: Estimate | None) -> float | None:
    """The mean alone."""
    return None if estimate is None else estimate.mean


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def in_seconds(value: float | None) -> str:
    """Seconds with as many digits as mean something."""
    if value is None:
        return NOT_RUN
    return f"{value:.3f} s" if value < 0.1 else f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
