"""`python -m benchmarks run`, `sizes`, `report`: measure, at real sizes too, and tell."""

from __future__ import annotations

import sys


def main() -> None:
    """Hand the words on."""
    command, *words = sys.argv[1:] or [""]
    if command == "run":
        from benchmarks.run import main as run

        run(words)
    elif command == "sizes":
        from benchmarks.real_sizes import main as sizes

        sizes(words)
    elif command == "report":
        from benchmarks.page import main as report

        report(words)
    else:
        sys.stderr.write("usage: python -m benchmarks run|sizes|report ...; --help tells more\n")
        raise SystemExit(2)


if __name__ == "__main__":
    main()
