"""What an export of an app is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from prefcli.feedback.containers import Row


@dataclass(frozen=True, slots=True)
class Export:
    """A directory, archive or database that holds rows only as a whole.

    Args:
        name: The format that reads its rows.
        what: What it is, for people.
        matches: True if a path that exists holds such an export. May raise OSError.
        read: Its rows. Raises DataError where it holds no feedback, or is damaged.
    """

    name: str
    what: str
    matches: Callable[[Path], bool]
    read: Callable[[Path], Generator[Row, None, None]]
