"""What it takes to fit very many users: `python -m benchmarks.fleet`.

Made-up users judge 50 pairs each, by linear tastes with noise. Two things are measured, each at two
numbers of users to see what grows:

    solver    the fits alone, from rows that are in memory, without and with the held-out folds;
              beside it a loop that fits some of the same users one by one, scaled to all of them
    command   `prefcli fit --all` in a process of its own, on a catalog that holds the feedback and
              every encoding: reading, what users have in common, fits, held-out folds, writing; and
              once more, when every profile is up to date

Seconds of the processor are told beside seconds of the clock, since others may use the machine too.
Rows are made and solved block by block, so that memory is that of a block; the most memory of the
solver's rows includes torch, which tells the versions. The table goes to stdout, everything
measured to a JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.machine import machine, versions
from prefcli.feedback.records import Feedback, encoding_key, text_prompt
from prefcli.output import Output
from prefcli.progress import Progress
from prefcli.services.spaces import resolve_space
from prefcli.solvers.quadratic import fit_reward, fit_rewards
from prefcli.solvers.rows import Rows, compare
from prefcli.solvers.validation import deal
from prefcli.store import Encoding, Store

FloatArray = npt.NDArray[np.float64]

BLOCK = 160  # users, as many as `fit --all` takes together at 50 pairs each
TASTE = 0.5  # standard deviation of each entry of a user's w, logits
ANSWERS = 4000  # prompts of the catalog, with two answers each


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fleet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--users", type=int, nargs="+", default=[10_000, 100_000], metavar="N")
    parser.add_argument("--command-users", type=int, nargs="+", default=[1000, 10_000], metavar="N")
    parser.add_argument("--pairs", type=int, default=50, help="of each user; default 50")
    parser.add_argument("--one-by-one", type=int, default=300, help="users in the loop")
    parser.add_argument("--folds-users", type=int, default=1000, help="users with held-out folds")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/fleet.json"))
    arguments = parser.parse_args()
    with Output() as output:
        with tempfile.TemporaryDirectory() as directory, Store.open(Path(directory)) as store:
            size = int(resolve_space(store, None).description["latent_size"])
        rows = [*_solvers(arguments, size, output), *_commands(arguments, output)]
        content = {
            "machine": machine(),
            "versions": versions(),
            "load": [round(each, 1) for each in os.getloadavg()],
            "seed": arguments.seed,
            "pairs": arguments.pairs,
            "dimensions": size,
            "rows": rows,
        }
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        output.text(table(rows))


def judged(users: int, pairs: int, size: int, seed: int) -> Iterator[Rows]:
    """The rows of made-up users."""
    for user in range(users):
        rng = np.random.default_rng([seed, user])
        first, second = rng.standard_normal((2, pairs, size))
        margin = (first - second) @ (TASTE * rng.standard_normal(size))
        better = (rng.random(pairs) < 1 / (1 + np.exp(-margin)))[:, None]
        yield Rows(np.where(better, first, second), np.where(better, second, first))


def _solvers(arguments: argparse.Namespace, size: int, output: Output) -> Iterator[dict[str, Any]]:
    """The fits alone."""
    pairs, seed = arguments.pairs, arguments.seed
    some = list(judged(arguments.one_by_one, pairs, size, seed))

    def one_by_one() -> None:
        for rows in some:
            fit_reward(rows)

    alone = _timed(one_by_one)
    yield {"what": "fits one by one", "users": len(some), "threads": 1, **alone}
    for threads in sorted({1, arguments.threads}):
        for users in arguments.users if threads > 1 else arguments.users[:1]:
            yield {
                "what": "fits together",
                "users": users,
                "threads": threads,
                **_fit_all(users, threads, False, arguments, size, output),
            }
    users = min(arguments.folds_users, *arguments.users)
    yield {
        "what": "fits together, and held-out folds",
        "users": users,
        "threads": 1,
        **_fit_all(users, 1, True, arguments, size, output),
    }


def _fit_all(
    users: int,
    threads: int,
    folds: bool,
    arguments: argparse.Namespace,
    size: int,
    output: Output,
) -> dict[str, float]:
    """Fit users block by block; only the fits are timed, not the making of rows."""
    left = judged(users, arguments.pairs, size, arguments.seed)
    done, total = 0, {"seconds": 0.0, "processor_seconds": 0.0, "peak_mb": 0.0}

    def fit(block: list[Rows]) -> None:
        fit_rewards([compare(rows) for rows in block], size)
        if folds:
            dealt = [deal(rows, range(len(rows.chosen)), []) for rows in block]
            parts = [part for each in dealt if each is not None for part in each.parts()]
            fit_rewards(parts, size)

    with ThreadPoolExecutor(threads) as pool:
        while blocks := [block for _ in range(threads) if (block := list(islice(left, BLOCK)))]:
            spent = _timed(lambda blocks=blocks: list(pool.map(fit, blocks)))
            for name in ("seconds", "processor_seconds"):
                total[name] += spent[name]
            total["peak_mb"] = spent["peak_mb"]
            done += sum(map(len, blocks))
            output.progress(f"{'fits and folds' if folds else 'fits'}, {users}", done, users)
    return {name: round(value, 3) for name, value in total.items()}


def _commands(arguments: argparse.Namespace, output: Output) -> Iterator[dict[str, Any]]:
    """`prefcli fit --all`, from a catalog to profiles."""
    for users in arguments.command_users:
        with tempfile.TemporaryDirectory() as directory:
            home = Path(directory) / "home"
            make_catalog(home, users, arguments.pairs, arguments.seed, output.progress)
            for what in ("fit --all", "fit --all, all up to date"):
                spent, reports = _command(home)
                split = {
                    name: round(sum(each[name] for each in reports), 2)
                    for name in ("encode_seconds", "solve_seconds", "validate_seconds")
                }
                yield {"what": what, "users": users, "threads": 1, **spent, **split}


def make_catalog(home: Path, users: int, pairs: int, seed: int, progress: Progress) -> None:
    """A home in which made-up users judged answers that are encoded already."""
    rng = np.random.default_rng([seed, users])
    with Store.open(home) as store:
        space = resolve_space(store, None)
        size = int(space.description["latent_size"])
        points = rng.standard_normal((ANSWERS, 2, size))
        prompts = [text_prompt(f"Question {number}?") for number in range(ANSWERS)]
        blank = np.full(size, -2.0, dtype="<f4").tobytes()
        store.add_encodings(
            space.fingerprint,
            {
                encoding_key(prompts[number], f"Answer {side} to {number}."): Encoding(
                    points[number, side].astype("<f4").tobytes(), blank, 1.0
                )
                for number in range(ANSWERS)
                for side in (0, 1)
            },
        )

        def said() -> Iterator[tuple[Feedback, str, int]]:
            for user in range(users):
                asked = rng.choice(ANSWERS, pairs, replace=False)
                margin = (points[asked, 0] - points[asked, 1]) @ (TASTE * rng.standard_normal(size))
                better = (rng.random(pairs) >= 1 / (1 + np.exp(-margin))).astype(int)
                for line, (number, side) in enumerate(
                    zip(asked.tolist(), better.tolist(), strict=True), start=1
                ):
                    texts = [f"Answer {each} to {number}." for each in (side, 1 - side)]
                    yield (
                        Feedback(f"user-{user}", "pair", prompts[number], tuple(texts)),
                        "made",
                        line,
                    )
                progress("making a catalog", user + 1, users)

        store.add_feedback(said())


def _command(home: Path) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Run `prefcli fit --all --jsonl`: what it took, and its reports."""
    environment = {**os.environ, "PREFCLI_HOME": str(home)}
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as answer:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefcli", "fit", "--all", "--jsonl"],
            env=environment,
            stdout=answer,
            stderr=subprocess.DEVNULL,
        )
        peak = 0
        # What the kernel accounts to a child begins with its parent's memory: ask the child itself.
        flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
        while os.waitid(os.P_PID, process.pid, flags) is None:
            peak = max(peak, _peak_kilobytes(process.pid))
            time.sleep(0.05)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            raise SystemExit(f"prefcli fit --all ended with status {status}")
        answer.seek(0)
        reports = [json.loads(line) for line in answer]
    return (
        {
            "seconds": round(seconds, 3),
            "processor_seconds": round(usage.ru_utime + usage.ru_stime, 3),
            "peak_mb": round(peak / 1024, 1),
        },
        reports,
    )


def _peak_kilobytes(process: int) -> int:
    """The most memory that a process has had, 0 once it has ended."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    return 0


def _timed(act: Callable[[], object]) -> dict[str, float]:
    """Seconds by the clock and of the processor, and the most memory this process ever had."""
    clock, processor = time.perf_counter(), time.process_time()
    act()
    return {
        "seconds": round(time.perf_counter() - clock, 4),
        "processor_seconds": round(time.process_time() - processor, 4),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """What was measured, for a terminal of 80 columns."""
    lines = ["what                               users  threads  seconds    CPU  ms/user   MB"]
    for row in rows:
        each = 1000 * row["processor_seconds"] / row["users"]
        lines.append(
            f"{row['what']:<33}{row['users']:>7}{row['threads']:>9}{row['seconds']:>9.1f}"
            f"{row['processor_seconds']:>7.1f}{each:>9.2f}{row['peak_mb']:>5.0f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
