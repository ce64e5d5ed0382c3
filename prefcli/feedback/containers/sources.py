"""Which files are meant: paths as they are, directories, and patterns in quotes."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from prefcli.errors import NotFoundError
from prefcli.feedback.containers.rows import Note, source_name

_ROWS = r"jsonl|ndjson|json|csv|tsv|tab|parquet|arrow|feather|xlsx|xlsm|db|sqlite|sqlite3"
_PACKED = r"gz|gzip|bz2|xz|zst"
_FEEDBACK_NAME = re.compile(
    rf"(?:\.(?:{_ROWS})(?:\.(?:{_PACKED}))?|\A[^.]+\.(?:{_PACKED})|\.(?:zip|tgz|tar(?:\.(?:{_PACKED}))?))\Z",
    re.IGNORECASE,
)
_PATTERN = re.compile(r"[*?\[]")
_SHOWN = 3


def is_feedback_name(name: str) -> bool:
    """True if a file of that name may hold feedback: rows or a table, packed or not."""
    return _FEEDBACK_NAME.search(name.rpartition("/")[2]) is not None


def expand(sources: Sequence[str], note: Note) -> list[str]:
    """The files that are meant, in order.

    A directory stands for the feedback files in it and below, a pattern (`logs/*.jsonl`, `**` for
    any depth) for the files it fits; both sorted. What they bring that was named already is left
    out. A path that exists is itself, whatever characters it has.

    Args:
        sources: Paths, patterns, directories, `-`.
        note: Told, once for each directory, of the files in it that are no feedback.

    Raises:
        NotFoundError: a directory holds no feedback, or a pattern fits no file.
    """
    files: list[str] = []
    taken = {_identity(source) for source in sources}
    for source in sources:
        if source == "-" or "\0" in source:
            files.append(source)
            continue
        if Path(source).is_dir():
            found = _in_directory(source, note)
        elif _PATTERN.search(source) and not Path(source).exists():
            found = _by_pattern(source)
        else:
            files.append(source)
            continue
        for path in found:
            if _identity(path) not in taken:
                taken.add(_identity(path))
                files.append(path)
    return files


def left_out(name: str, names: Sequence[str]) -> str:
    """The note on files of a directory or an archive that are not read."""
    count = "1 file is" if len(names) == 1 else f"{len(names)} files are"
    shown = ", ".join(source_name(one) for one in names[:_SHOWN])
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{name}: {count} no feedback by name and not read: {shown}{more}"


def _in_directory(source: str, note: Note) -> list[str]:
    name = source_name(source)
    found: list[str] = []
    others: list[str] = []
    for path in sorted(_walk(source)):
        (found if is_feedback_name(path) else others).append(path)
    if not found:
        raise NotFoundError(
            f"{name}: the directory holds no feedback (.jsonl, .json, .csv, .parquet, .xlsx, ...); "
            "name the files themselves if they are called otherwise"
        )
    if others:
        note(left_out(name, [os.path.relpath(path, source) for path in others]))
    return found


def _walk(source: str) -> Iterator[str]:
    for directory, below, names in os.walk(source):
        below[:] = [one for one in below if not one.startswith(".")]
        for one in names:
            path = Path(directory, one)
            if not one.startswith(".") and path.is_file():
                yield str(path)


def _by_pattern(source: str) -> list[str]:
    # Path.glob reads a pattern relative to a directory only, and this one may begin anywhere.
    fitting = glob.glob(source, recursive=True)  # noqa: PTH207
    found = sorted(one for one in fitting if Path(one).is_file())
    if not found:
        raise NotFoundError(f"{source_name(source)}: no file fits the pattern")
    return found


def _identity(path: str) -> str:
    return path if path == "-" or "\0" in path else os.path.realpath(path)
