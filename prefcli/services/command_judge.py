"""A judge that is somebody's own program: JSONL in, a number a line out."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from prefcli.errors import PrefcliError
from prefcli.feedback.records import Prompt
from prefcli.services.judges import Answer, FloatArray

if TYPE_CHECKING:
    from prefcli.progress import Progress

SHOWN = 60  # characters of a command, or of a line that is no number


class CommandJudge:
    """A command line that reads all answers as JSONL on stdin and prints a number for each."""

    kind = "command"
    scores_are = "the command's number"

    def __init__(self, command: str) -> None:
        self.command = command
        self.words = f"by the command {_short(command)}"

    def __call__(self, answers: Sequence[Answer], progress: Progress | None = None) -> FloatArray:
        """The numbers that the command prints.

        Each line that it gets has `prompt` (text, or messages where it is more than one turn of
        the user) and `response`.

        Raises:
            PrefcliError: it fails, prints another number of lines, or a line that is no number.
        """
        where = f"--judge-command {_short(self.command)}"
        lines = [json.dumps({"prompt": _said(p), "response": text}) + "\n" for p, text in answers]
        if progress:
            progress("judging", 0, None)
        try:
            code, printed, told = _run(self.command, "".join(lines).encode())
        except (OSError, ValueError) as error:  # ValueError: a NUL in it
            raise PrefcliError(f"{where} cannot be run: {error}") from error
        if code:
            last = told.decode(errors="replace").strip().splitlines()
            reason = f": {last[-1].strip()}" if last else ", without a word on stderr"
            raise PrefcliError(f"{where} failed with exit code {code}{reason}")
        return _numbers(printed.decode(errors="replace"), len(answers), where)


def _run(command: str, given: bytes) -> tuple[int, bytes, bytes]:
    """Exit code, stdout and stderr of a command line; interrupted, all of it is ended."""
    with subprocess.Popen(  # noqa: S602 (it is the user's own command line)
        command,
        shell=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a group of its own, to be ended as one
    ) as process:
        try:
            printed, told = process.communicate(given)
        except BaseException:
            with suppress(OSError):  # it ended meanwhile
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            raise
    return process.returncode, printed, told


def _said(prompt: Prompt) -> str | list[dict[str, str]]:
    if len(prompt) == 1 and prompt[0].role == "user":
        return prompt[0].content
    return [{"role": turn.role, "content": turn.content} for turn in prompt]


def _numbers(text: str, expected: int, where: str) -> FloatArray:
    """The numbers on the lines of a judge's output."""
    lines = text.splitlines()
    if len(lines) != expected:
        raise PrefcliError(
            f"{where} printed {len(lines)} lines for {expected} answers: expected a number on "
            "one line for each"
        )
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            value = float(line)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise PrefcliError(
                f"{where}: line {number} is {_short(line)!r}, expected a finite number"
            )
        found.append(value)
    return np.array(found)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."
