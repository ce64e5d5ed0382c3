"""Rows that cannot be read: told all together at the end, or set aside and saved as they came."""

from __future__ import annotations

import os.path
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from prefcli.errors import DataError, PrefcliError, UsageError
from prefcli.feedback.containers import Row

_MOST_FAULTS = 100_000  # that are listed: a file of gigabytes may be bad from end to end


@dataclass(slots=True)
class BadRows:
    """The bad rows of one ingest.

    Args:
        skip: They are left out and do not stop the others.
        rejects: Where to save them then; None to save none.
        spool: Keeps them until they are saved; without it none are.

    Attributes:
        count: How many there were.
        faults: What is wrong with each, where they are not left out.
    """

    skip: bool
    rejects: Path | None = None
    spool: IO[bytes] | None = None
    count: int = 0
    faults: list[str] = field(default_factory=list)
    _header: str = ""

    def add(self, row: Row, fault: str) -> None:
        """One more, and what is wrong with it."""
        self.count += 1
        if not self.skip:
            if self.count <= _MOST_FAULTS:
                self.faults.append(fault)
            return
        if self.rejects is None or self.spool is None:
            return
        if row.header and row.header != self._header:
            self._header = row.header
            self.spool.write(_bytes(row.header))
        self.spool.write(_bytes(row.raw))

    def settle(self, read: int) -> None:
        """Refuse the `read` rows if one of them is bad and may not be left out; else save the bad.

        Raises:
            DataError: a row is bad; one detail for each.
            PrefcliError: they cannot be saved.
        """
        if self.count and not self.skip:
            unlisted = self.count - len(self.faults)
            raise DataError(
                f"{self.count} of {read} rows are bad and nothing was added; "
                "mend them, or keep the good rows with --skip-bad",
                [*self.faults, *([f"... and {unlisted} more"] if unlisted else [])],
            )
        if self.rejects is None or self.spool is None:
            return
        self.spool.seek(0)
        try:
            with self.rejects.open("wb") as file:
                shutil.copyfileobj(self.spool, file)
        except OSError as error:
            raise PrefcliError(
                f"--rejects {self.rejects}: cannot be written: {error.strerror}; nothing was added"
            ) from error


def check_rejects(sources: Sequence[str], skip_bad: bool, rejects: Path | None) -> None:
    """Refuse a file for bad rows that cannot serve.

    Raises:
        UsageError: no row is left out, or the file is a source or cannot be one.
    """
    if rejects is None:
        return
    if not skip_bad:
        raise UsageError("--rejects needs --skip-bad: without it no row is left out")
    if rejects.is_dir() or not rejects.absolute().parent.is_dir():
        raise UsageError(f"--rejects {rejects}: expected a file in a directory that exists")
    if any(os.path.realpath(source) == os.path.realpath(rejects) for source in sources):
        raise UsageError(f"--rejects {rejects}: is also a source; name another file")


def _bytes(raw: str) -> bytes:
    """The row's own bytes, with a line break where it came without one."""
    return (raw if raw.endswith("\n") else raw + "\n").encode("utf-8", "surrogateescape")
