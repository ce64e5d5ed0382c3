"""How fast feedback is read, and how fast a large catalog answers: `python -m benchmarks.ingest`.

`prefcli ingest` of a JSONL file into a new catalog, again into the same one (all duplicates), and
`sqlite-utils insert` of the same file into one table, by turns, so that what else the machine does
weighs on all of them. Whole processes: wall time, processor time and peak memory of each. What
sqlite-utils does not do is part of the task here: rows are checked, typed and known by content.

Then commands that ask a catalog in which every user has a profile, on a small and on a large one:
they should take the same time, by the processor's clock.

A file of more than 200,000 rows is read once by each, whatever `--rounds` says.

The table goes to stdout, progress to stderr, everything measured to a JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

AIM = 0.5
"""Rows per processor second against those of sqlite-utils."""

AIM_SECONDS = 0.1
"""How much more of the processor's time a question may take on the large catalog."""

SMALL = (1_000, 100)  # rows, users
_ONCE = 200_000  # rows, from which on a file is read once


@dataclass(frozen=True)
class Run:
    """One process."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Line:
    """The medians of one command over its runs; `rows_per_*` are 0 for what reads no file."""

    name: str
    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    rows_per_second: float = 0.0
    rows_per_cpu_second: float = 0.0


def write_feedback(path: Path, rows: int, users: int) -> None:
    """A file of pairs as they come, about 400 bytes each."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            row = {
                "by": f"user{number % users}",
                "prompt": f"Question {number}: how does one clean thing {number % 977}?",
                "chosen": f"Answer {number}. " + "With warm water, some patience and care. " * 3,
                "rejected": f'The "other" {number}. ' + "Nobody knows;\nask somebody else. " * 3,
            }
            file.write(json.dumps(row) + "\n")


def run(words: Sequence[str], home: Path) -> Run:
    """Run a Python module's command in a process of its own.

    Raises:
        RuntimeError: it failed.
    """
    environment = {**os.environ, "PREFCLI_HOME": str(home)}
    null = os.open(os.devnull, os.O_RDWR)
    try:
        began = time.perf_counter()
        process = os.posix_spawn(
            sys.executable,
            [sys.executable, *words],
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, null, target) for target in (0, 1, 2)],
        )
        _, status, used = os.wait4(process, 0)
        seconds = time.perf_counter() - began
    finally:
        os.close(null)
    if status:
        raise RuntimeError(f"{' '.join(words)} ended with status {status}")
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / unit)


def medians(name: str, rows: int, runs: Sequence[Run], *, reads: bool = True) -> Line:
    """One line of the table."""
    seconds = statistics.median(one.seconds for one in runs)
    cpu = statistics.median(one.cpu_seconds for one in runs)
    peak = statistics.median(one.peak_mb for one in runs)
    rates = (rows / seconds, rows / cpu) if reads else (0.0, 0.0)
    return Line(name, rows, seconds, cpu, peak, *rates)


def measure_reading(
    directory: Path, rows: int, rounds: int, say: Callable[[str], None]
) -> list[Line]:
    """Reading a file by both, by turns."""
    source = directory / f"{rows}.jsonl"
    write_feedback(source, rows, users=max(1, rows // 10))
    ingest = ["-m", "prefcli", "ingest", str(source), "--user-field", "by"]
    cold: list[Run] = []
    again: list[Run] = []
    other: list[Run] = []
    for turn in range(rounds if rows < _ONCE else 1):
        say(f"{rows} rows, round {turn + 1}")
        with tempfile.TemporaryDirectory(dir=directory) as place:
            home, table = Path(place, "home"), Path(place, "other.db")
            insert = ["-m", "sqlite_utils", "insert", str(table), "feedback", str(source), "--nl"]
            other.append(run(insert, home))
            cold.append(run(ingest, home))
            again.append(run(ingest, home))
    return [
        medians("prefcli ingest", rows, cold),
        medians("prefcli ingest, again", rows, again),
        medians("sqlite-utils insert", rows, other),
    ]


FIT_QUERY = """
import sys
from prefcli.store import Store
with Store.open() as store:
    rows = list(store.feedback(user="user7"))
assert rows
"""


PROFILES = """
from prefcli.store import Store
with Store.open() as store:
    for user in store.users():
        store.add_profile(user, "space", b"artifact" * 150, {"pairs": 10, "heldout_accuracy": 0.8})
"""


def measure_asking(
    directory: Path, sizes: Sequence[tuple[int, int]], rounds: int, say: Callable[[str], None]
) -> list[Line]:
    """Commands that ask catalogs of several sizes (rows, users), by turns."""
    commands = {
        "profile list -n 20": ["-m", "prefcli", "profile", "list", "-n", "20"],
        "feedback list -n 20": ["-m", "prefcli", "feedback", "list", "-n", "20"],
        "a fit's query": ["-c", FIT_QUERY],
    }
    homes: dict[int, Path] = {}
    for rows, users in sizes:
        say(f"a catalog of {rows} rows and {users} users")
        source = directory / f"ask{rows}.jsonl"
        write_feedback(source, rows, users)
        homes[rows] = directory / f"home{rows}"
        run(["-m", "prefcli", "ingest", str(source), "--user-field", "by"], homes[rows])
        run(["-c", PROFILES], homes[rows])
        source.unlink()
    taken: dict[tuple[str, int], list[Run]] = {}
    for turn in range(rounds + 1):
        for name, words in commands.items():
            for rows, home in homes.items():
                one = run(words, home)
                if turn:
                    taken.setdefault((name, rows), []).append(one)
    return [medians(name, rows, runs, reads=False) for (name, rows), runs in taken.items()]


def table(reading: Sequence[Line], asking: Sequence[Line]) -> str:
    """The report as people read it."""
    rows = [f"{'':<24}{'rows':>9}{'s':>8}{'cpu s':>8}{'rows/s':>9}{'rows/cpu s':>12}{'MB':>7}"]
    rows += [
        f"{one.name:<24}{one.rows:>9}{one.seconds:>8.2f}{one.cpu_seconds:>8.2f}"
        f"{one.rows_per_second:>9.0f}{one.rows_per_cpu_second:>12.0f}{one.peak_mb:>7.0f}"
        for one in reading
    ]
    rows.append("")
    rows += [
        f"{one.name:<24}{one.rows:>9}{one.seconds:>8.3f}{one.cpu_seconds:>8.3f}" for one in asking
    ]
    rows.append("")
    for size, found in ratios(reading).items():
        verdict = "met" if found >= AIM else "MISSED"
        rows.append(f"{size} rows: {found:.2f} of the rate of sqlite-utils, aim {AIM}: {verdict}")
    for name, longer in differences(asking).items():
        verdict = "met" if longer <= AIM_SECONDS else "MISSED"
        aim = f"aim {AIM_SECONDS}: {verdict}"
        rows.append(f"{name}: {longer:+.3f} cpu s on the large catalog, {aim}")
    return "\n".join(rows)


def ratios(reading: Sequence[Line]) -> dict[int, float]:
    """For each size, the rate of a first ingest over that of sqlite-utils, by processor time."""
    rate = {(one.name, one.rows): one.rows_per_cpu_second for one in reading}
    sizes = dict.fromkeys(one.rows for one in reading)
    return {
        size: rate["prefcli ingest", size] / rate["sqlite-utils insert", size] for size in sizes
    }


def differences(asking: Sequence[Line]) -> dict[str, float]:
    """For each question, how many more seconds of the processor it takes on the largest catalog."""
    names = dict.fromkeys(one.name for one in asking)
    by_size = {
        name: sorted((one for one in asking if one.name == name), key=lambda one: one.rows)
        for name in names
    }
    return {name: lines[-1].cpu_seconds - lines[0].cpu_seconds for name, lines in by_size.items()}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--asked-rows", type=int, default=1_000_000, help="0: ask nothing")
    results = Path(__file__).parent / "results" / "ingest.json"
    parser.add_argument("--out", type=Path, default=results)
    asked = parser.parse_args()

    def say(what: str) -> None:
        print(what, file=sys.stderr)

    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        reading: list[Line] = []
        for rows in asked.rows:
            reading += measure_reading(directory, rows, asked.rounds, say)
        sizes = [SMALL, (asked.asked_rows, max(1, asked.asked_rows // 10))]
        asking = measure_asking(directory, sizes, 5, say) if asked.asked_rows else []
    # Linux counts the memory of the process that starts another as that one's own, so that nothing
    # large is imported before the measurements.
    from benchmarks.machine import machine, versions

    found = {
        "machine": machine(),
        "versions": versions(),
        "rounds": asked.rounds,
        "ratios": {str(size): one for size, one in ratios(reading).items()},
        "longer": differences(asking),
        "reading": [asdict(one) for one in reading],
        "asking": [asdict(one) for one in asking],
    }
    asked.out.parent.mkdir(exist_ok=True)
    asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table(reading, asking))


if __name__ == "__main__":
    main()
