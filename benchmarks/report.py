"""From measurements to the table, and to what was aimed at: met or missed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.judges import recovered

Source = int | Literal["base", "oracle"]

RATIO_AIMS = {5: 0.6, 50: 0.9}  # pairs -> share of the oracle's gain over the base
ON_TOPIC_MARGIN = 0.05
SOLVE_SECONDS = 0.010
PROFILE_BYTES = 16 * 1024
EVERYONE = "all users"


@dataclass(frozen=True)
class Measured:
    """One set of answers to the held-out prompts.

    Args:
        user: Whose utility judged; empty for the base's own answers.
        source: What the answers were made with: a profile of so many pairs, the oracle, the base.
        seed: The run.
        draw: Which random subset of the run's pairs.
        win_rate: Against the base, by the user's utility.
        on_topic: Share of answers about the prompt's topic.
        distinct_2: Different word pairs over all word pairs.
        nats_per_token: NLL under the plain base.
        words: Mean length of an answer.
    """

    user: str
    source: Source
    seed: int
    draw: int
    win_rate: float
    on_topic: float
    distinct_2: float
    nats_per_token: float
    words: float


@dataclass(frozen=True)
class Fitted:
    """What one fit cost; seconds are medians of several solves of the same encoded pairs."""

    user: str
    pairs: int
    seed: int
    draw: int
    solve_seconds: float
    bytes: int


@dataclass(frozen=True)
class Line:
    """One line of the table: means over seeds and draws; `low` and `high` bound the seeds' ratios.

    `distinct_2` and `on_topic` are relative to the base: a quotient and a difference.
    """

    user: str
    source: Source
    win_rate: float
    oracle: float
    ratio: float
    low: float
    high: float
    nats_per_token: float
    distinct_2: float
    on_topic: float
    words: float


@dataclass(frozen=True)
class Aim:
    """What was aimed at, what came of it."""

    name: str
    measured: str
    met: bool


def lines(measured: Sequence[Measured]) -> list[Line]:
    """The table: every user at every number of pairs, then all users together, then oracles."""
    users = list(dict.fromkeys(m.user for m in measured if m.user))
    sizes = sorted({m.source for m in measured if isinstance(m.source, int)})
    sources: list[Source] = [*sizes, "oracle"]
    found = [_line(measured, [user], size) for user in users for size in sources]
    return found + [_line(measured, users, size) for size in sources]


def aims(table: Iterable[Line], fitted: Sequence[Fitted]) -> list[Aim]:
    """Every aim, for all users together and, where it is one about users, for each."""
    table = list(table)
    found = []
    for pairs, least in RATIO_AIMS.items():
        chosen = [line for line in table if line.source == pairs]
        for line in sorted(chosen, key=lambda line: line.user != EVERYONE):
            text = f"{line.ratio:.2f} [{line.low:.2f}, {line.high:.2f}]"
            found.append(
                Aim(f"ratio at {pairs} pairs >= {least}, {line.user}", text, line.ratio >= least)
            )
    served = [line for line in table if isinstance(line.source, int)]
    together = [line for line in served if line.user == EVERYONE]
    alone = [line for line in served if line.user != EVERYONE]
    for scope, among in ((EVERYONE, together), ("any user", alone)):
        if among:
            worst = min(among, key=lambda line: line.on_topic)
            where = f" ({worst.user}, {worst.source})" if among is alone else f" ({worst.source})"
            name = f"on topic >= base - {ON_TOPIC_MARGIN}, {scope}"
            met = worst.on_topic >= -ON_TOPIC_MARGIN
            found.append(Aim(name, f"{worst.on_topic:+.3f}{where}", met))
    most = max((fit.pairs for fit in fitted), default=0)
    seconds = [fit.solve_seconds for fit in fitted if fit.pairs == most]
    if seconds:
        middle = statistics.median(seconds)
        text = f"{1000 * middle:.1f} ms, slowest {1000 * max(seconds):.1f} ms"
        name = f"solve of {most} encoded pairs <= {1000 * SOLVE_SECONDS:.0f} ms, median"
        found.append(Aim(name, text, middle <= SOLVE_SECONDS))
        largest = max(fit.bytes for fit in fitted)
        name = f"profile <= {PROFILE_BYTES} bytes, largest"
        found.append(Aim(name, str(largest), largest <= PROFILE_BYTES))
    return found


def text(table: Sequence[Line], judged: Sequence[Aim], base: Sequence[Measured]) -> str:
    """The report as people read it, at most 100 columns."""
    heading = ("user", "pairs", "win rate", "oracle", "ratio", "over seeds", "nll", "dist-2")
    rows = [f"{_row(*heading, 'topic', 'words')}"]
    base_row = ("the base", "-", "0.500", "-", "-", "-")
    nats, words = _mean(m.nats_per_token for m in base), _mean(m.words for m in base)
    rows.append(_row(*base_row, f"{nats:.3f}", "x1.00", "+0.000", f"{words:.0f}"))
    previous = ""
    for line in table:
        if line.user != previous:
            rows.append("")
        previous = line.user
        fit = isinstance(line.source, int)
        rows.append(
            _row(
                line.user,
                str(line.source),
                f"{line.win_rate:.3f}",
                f"{line.oracle:.3f}" if fit else "",
                f"{line.ratio:.2f}" if fit else "",
                f"[{line.low:.2f}, {line.high:.2f}]" if fit else "",
                f"{line.nats_per_token:.3f}",
                f"x{line.distinct_2:.2f}",
                f"{line.on_topic:+.3f}",
                f"{line.words:.0f}",
            )
        )
    distinct, topic = _mean(m.distinct_2 for m in base), _mean(m.on_topic for m in base)
    rows += [
        "",
        "win rate: against the base by the user's own utility, on topics that neither the feedback",
        "nor the space has seen. ratio: (win rate - 0.5) / (oracle - 0.5), mean, least and most",
        "over seeds. nll: nats per token under the plain base. dist-2 and topic: distinct word",
        f"pairs, relative to the base's {distinct:.3f}, and share on topic, less the base's "
        f"{topic:.3f}.",
        "",
    ]
    rows += [f"{aim.name:<52}{aim.measured:<36}{'met' if aim.met else 'MISSED'}" for aim in judged]
    return "\n".join(row.rstrip() for row in rows)


def _line(measured: Sequence[Measured], users: Sequence[str], source: Source) -> Line:
    """One line for one user, or for several together."""
    base = [m for m in measured if m.source == "base"]
    chosen = [m for m in measured if m.source == source and m.user in users]
    oracles = {
        user: _mean(m.win_rate for m in measured if m.source == "oracle" and m.user == user)
        for user in users
    }
    # One oracle per user for all seeds, so that the ratio's mean over seeds is the ratio of means.
    by_seed = [
        _mean(
            recovered(_mean(m.win_rate for m in chosen if (m.seed, m.user) == (seed, user)), oracle)
            for user, oracle in oracles.items()
        )
        for seed in sorted({m.seed for m in chosen})
    ]
    return Line(
        user=users[0] if len(users) == 1 else EVERYONE,
        source=source,
        win_rate=_mean(m.win_rate for m in chosen),
        oracle=_mean(oracles.values()),
        ratio=_mean(by_seed),
        low=min(by_seed),
        high=max(by_seed),
        nats_per_token=_mean(m.nats_per_token for m in chosen),
        distinct_2=_mean(m.distinct_2 for m in chosen) / _mean(m.distinct_2 for m in base),
        on_topic=_mean(m.on_topic for m in chosen) - _mean(m.on_topic for m in base),
        words=_mean(m.words for m in chosen),
    )


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return math.fsum(found) / len(found) if found else math.nan


def _row(*cells: str) -> str:
    user, *rest = cells
    widths = (6, 8, 6, 5, 13, 5, 6, 6, 5)
    return f"{user:<12}" + "".join(f"  {c:>{w}}" for c, w in zip(rest, widths, strict=True))
