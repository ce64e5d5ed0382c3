"""How long `prefcli --help` takes, beside `import torch`: `python benchmarks/startup.py`.

Both run by turns, so that what else the machine does weighs on both; the medians are compared.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "prefcli --help": ["-m", "prefcli", "--help"],
    "prefcli --version": ["-m", "prefcli", "--version"],
    "prefcli profile list": ["-m", "prefcli", "profile", "list"],
    "import torch": ["-c", "import torch"],
}


def medians(rounds: int) -> dict[str, float]:
    """Median seconds of every command over `rounds`, after one round that nobody counts."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(rounds + 1):
        for name, words in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, *words], check=True, capture_output=True, stdin=subprocess.DEVNULL
            )
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    """Print a line for every command."""
    found = medians(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
    for name, median in found.items():
        share = median / found["import torch"]
        print(f"{name:<22} {median * 1000:7.1f} ms  {share:.3f} of import torch")


if __name__ == "__main__":
    main()
