"""A batch that goes on where it was interrupted: its answers are a file, and the file knows.

Answers come in the order of the prompts and each is a whole line, so what is done is as many
prompts as the file has whole lines. A last line that was cut off is taken away and done again; a
file whose lines are not the answers to these prompts is another batch's and stays untouched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.store.text import to_json


@dataclass(frozen=True)
class Done:
    """What a file of answers holds.

    Args:
        records: Whole lines.
        bad: Those of them that have an `error`.
        size: Bytes of the whole lines.
    """

    records: int
    bad: int
    size: int


def check_done(path: Path, lines: Iterator[str]) -> Done:
    """Compare a file of answers with the prompts, of which exactly its own are taken off `lines`.

    Args:
        path: The file; none is nothing done.
        lines: The prompts' lines; blank ones count for nothing.

    Raises:
        NotFoundError: it cannot be read.
        DataError: it holds something else than answers to these prompts.
    """
    records = bad = size = 0
    try:
        with path.open("rb") as file:
            for content in file:
                if not content.endswith(b"\n"):
                    break
                records += 1
                answer = _answer(content, path, records)
                line = next((line for line in lines if line.strip()), None)
                if line is None or not _belongs(answer, line):
                    raise DataError(
                        f"{path}:{records} is no answer to prompt {records} of this batch: name "
                        "its own file, or a new one"
                    )
                bad += "error" in answer
                size += len(content)
    except FileNotFoundError:
        return Done(0, 0, 0)
    except IsADirectoryError:
        raise UsageError(f"--resume {path}: it is a directory, expected a file") from None
    except OSError as error:
        raise NotFoundError(f"cannot read {path}: {error.strerror}") from None
    return Done(records, bad, size)


def append(path: Path, done: Done, records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Write records after what is done, each as a whole line before the next is made.

    Raises:
        PrefcliError: the file cannot be written.
    """
    try:
        with path.open("ab") as file:
            os.truncate(file.fileno(), done.size)
            for record in records:
                file.write((to_json(record) + "\n").encode())
                file.flush()
                yield record
    except OSError as error:
        raise PrefcliError(
            f"cannot write {path} ({error.strerror}): make room or name another file, then run "
            "this again"
        ) from error


def _answer(content: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not ("response" in found or "error" in found):
        raise DataError(f"{path}:{number} is no answer of `generate --batch`: name another file")
    return found


def _belongs(answer: dict[str, Any], line: str) -> bool:
    """Whether an answer is to this line: a bad line comes back as it was, a good one has more."""
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        asked = None
    if isinstance(asked, dict) and asked.get("prompt") == answer.get("prompt"):
        return True
    came = answer.get("line")
    return isinstance(came, str) and came.rstrip("\n") == line.rstrip("\n")
