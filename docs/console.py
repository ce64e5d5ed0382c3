"""Runs the commands of the pages and puts what they print below them: `just docs`.

In a block of a page that opens with ```console, a line that begins with `$ ` is a command, as a
shell shows it: lines after it that begin with `> ` go on with it, and the rest is its output. The
commands of a page run one after the other in one throw-away directory, with a home of their own,
`profiles/` beside them, and a terminal of 80 columns without colour. Blocks that open with ```sh
are for the reader and do not run.

    python docs/console.py                    every page, written anew
    python docs/console.py --check            every page, compared; exit code 1 where one differs
    python docs/console.py docs/tutorial.md   this page alone

Durations are left out (`… s`): they are the machine's. Lines break where the terminal ends. Output
that differs from the page's in nothing but times of day and pseudonyms leaves it as it is.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.cells import chop_cells

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.append(str(DOCS))

from forked import client  # noqa: E402

COLUMNS, LINES = 80, 50
LIMIT = 600  # seconds a command may take
FENCE = "```"

# What differs from run to run.
_DURATION = re.compile(r"\d[\d.,]* (?:ms|s)\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?")
_PSEUDONYM = re.compile(r"\bu-[a-z2-7]{12}\b")  # of a key that each home draws


@dataclass(frozen=True)
class Step:
    """A command of a page and its output there, in lines; without `$ ` and `> `."""

    command: tuple[str, ...]
    output: tuple[str, ...]


def pages() -> list[Path]:
    """Every page that has a block to run, in order."""
    found = [*DOCS.glob("*.md"), *DOCS.glob("how-to/*.md")]
    return sorted(path for path in found if blocks(path.read_text(encoding="utf-8")))


def blocks(text: str) -> list[str]:
    """What stands in the page's console blocks."""
    return re.findall(rf"^{FENCE}console\n(.*?)^{FENCE}$", text, flags=re.DOTALL | re.MULTILINE)


def steps(block: str) -> list[Step]:
    """The commands of a block, each with the output below it."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif not found:
            raise ValueError(f"a console block begins with output: {line!r}")
        elif line.startswith("> ") and not found[-1][1]:
            found[-1][0].append(line[2:])
        else:
            found[-1][1].append(line)
    return [Step(tuple(command), tuple(output)) for command, output in found]


def written(text: str, directory: Path, address: Path) -> str:
    """The page with the output that its commands have now."""
    scene = Scene(directory, address)

    def block_now(match: re.Match[str]) -> str:
        lines: list[str] = []
        for step in steps(match[1]):
            lines += [f"$ {step.command[0]}", *(f"> {line}" for line in step.command[1:])]
            now = scene.run("\n".join(step.command))
            lines += step.output if settled(now) == settled(step.output) else now
        return f"{FENCE}console\n" + "".join(f"{line}\n" for line in lines) + FENCE

    pattern = rf"^{FENCE}console\n(.*?)^{FENCE}$"
    return re.sub(pattern, block_now, text, flags=re.DOTALL | re.MULTILINE)


def settled(lines: tuple[str, ...] | list[str]) -> list[str]:
    """Output without what differs from run to run, and the widths of columns that hold it."""
    without = [_PSEUDONYM.sub("#", _TIME.sub("#", line)) for line in lines]
    return [re.sub(r"[ ─]+", " ", line) for line in without]


def tidied(lines: list[str]) -> list[str]:
    """Lines as the terminal breaks them, without durations."""
    without = [_DURATION.sub(lambda found: "… s".rjust(len(found[0])), line) for line in lines]
    return [piece.rstrip() for line in without for piece in chop_cells(line, COLUMNS) or [""]]


class Scene:
    """Where the commands of one page run.

    Args:
        directory: An empty one. The home lies in it.
        address: Of the server that runs what `prefcli` is called for.
    """

    def __init__(self, directory: Path, address: Path) -> None:
        self.directory = directory.resolve()
        programs = self.directory / ".bin"
        programs.mkdir()
        client(programs / "prefcli", address)
        self.work = self.directory / "you"
        self.work.mkdir()
        (self.work / "profiles").symlink_to(ROOT / "profiles")
        python = programs / "python"  # a link would lose the virtual environment
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        self.environment = environment() | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.work),
            "PREFCLI_HOME": str(self.directory / "home"),
        }

    def run(self, command: str) -> list[str]:
        """What a command shows in a terminal; its last line is its exit code, if that is not 0.

        Raises:
            subprocess.TimeoutExpired: it took too long.
        """
        with _terminal() as (ours, theirs):
            process = subprocess.Popen(
                ["bash", "-c", command],  # noqa: S607
                cwd=self.work,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
            os.close(theirs)
            shown = b"".join(_pieces(ours))
            code = process.wait(LIMIT)
        text = shown.decode("utf-8").replace("\r\n", "\n")
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        text = text.replace(str(self.directory / "home"), "~/.local/share/prefcli")
        text = text.replace(str(self.work), "~").replace(str(ROOT), "~/prefcli")
        lines = [line.rstrip() for line in text.rstrip("\n").split("\n")] if text.strip() else []
        return [*tidied(lines), *([f"(exit code {code})"] if code else [])]


def environment() -> dict[str, str]:
    """What every command of the pages finds in its environment, and the server of `prefcli`."""
    kept = {"PATH", "LANG", "LC_ALL", "OMP_NUM_THREADS", "TMPDIR"}
    return {name: os.environ[name] for name in kept & os.environ.keys()} | {
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        "COLUMNS": str(COLUMNS),
        "NO_COLOR": "1",
        "TERM": "dumb",
    }


@contextmanager
def serving() -> Iterator[Path]:
    """A server of `prefcli` commands; gives its address."""
    with tempfile.TemporaryDirectory(prefix="prefcli-docs-") as directory:
        address = Path(directory) / "calls"
        words = [sys.executable, str(DOCS / "forked.py"), str(address)]
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
        ) as server:
            try:
                assert server.stdout is not None
                server.stdout.readline()  # it is ready
                yield address
            finally:
                server.terminate()


@contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def _pieces(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # the last writer has gone
                return
            raise
        if not piece:
            return
        yield piece


def main() -> None:
    """Parse the arguments, run, write or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where one differs")
    arguments = parser.parse_args()
    stale = []
    with serving() as address:
        for page in arguments.pages or pages():
            text = page.read_text(encoding="utf-8")
            with tempfile.TemporaryDirectory(prefix="prefcli-docs-") as directory:
                now = written(text, Path(directory), address)
            if now != text:
                stale.append(shlex.quote(str(page)))
                if not arguments.check:
                    page.write_text(now, encoding="utf-8")
            told = "as it was" if now == text else "differs" if arguments.check else "new"
            print(f"{page}: {told}", flush=True)
    if arguments.check and stale:
        sys.exit(f"run `python docs/console.py {' '.join(stale)}`")


if __name__ == "__main__":
    main()
