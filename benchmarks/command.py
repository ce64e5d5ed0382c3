"""What the commands cost a user: `prefcli ingest` and `prefcli fit` as processes of their own.

Python, the libraries and the base are started and loaded anew each time, as they are for a person
at a terminal; CPU seconds of the child processes.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.judges import Pair

ROUNDS = 3


def seconds(pairs: Sequence[Pair]) -> dict[str, float]:
    """Median CPU seconds of both commands, with the built-in base and space."""
    spent: dict[str, list[float]] = {"ingest": [], "fit": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as home:
            file = Path(home) / "pairs.jsonl"
            rows = ({"prompt": p.prompt, "chosen": p.better, "rejected": p.worse} for p in pairs)
            file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            ways = {"ingest": ["ingest", str(file), "--user", "u"], "fit": ["fit", "--user", "u"]}
            for name, words in ways.items():
                before = _children()
                subprocess.run(
                    [sys.executable, "-m", "prefcli", *words],
                    env={**os.environ, "PREFCLI_HOME": home},
                    check=True,
                    capture_output=True,
                    stdin=subprocess.DEVNULL,
                )
                spent[name].append(_children() - before)
    return {name: round(statistics.median(values), 3) for name, values in spent.items()}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
