"""One connection to the catalog: how it is opened, written to, and how its failures are told.

Three rules keep many processes out of each other's way:

- A write takes the lock with `BEGIN IMMEDIATE`. A transaction that starts as a reader and writes
  later fails at once, whatever the timeout, when another process wrote in between.
- A query is read to its end before control goes back to the caller, so no snapshot stays open
  while the caller works, and none is stale when the caller then writes.
- WAL: readers and the one writer never wait for each other. A commit is in the operating
  system's hands when it returns, so it survives a killed process; `synchronous` decides what
  survives a power cut (see `Catalog.transaction`).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefcli import migrations
from prefcli.errors import PrefcliError

LOCK_TIMEOUT = 30.0  # seconds

_PAGE = 1000  # rows
_WAITING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

Row = tuple[Any, ...]


class Catalog:
    """The open `catalog.db`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, timeout: float) -> None:
        self.path = path
        self.timeout = timeout
        self._connection = connection

    @classmethod
    def open(cls, path: Path, timeout: float = LOCK_TIMEOUT) -> Catalog:
        """Open the catalog at `path`; create it, readable by its owner only, if it is missing.

        Raises:
            PrefcliError: the file cannot be made, read or written, is no catalog, is damaged,
                stayed locked for `timeout` seconds, or was written by a newer prefcli.
        """
        _create_private(path)
        with explained(path, timeout):
            # Autocommit: transactions begin and end where this module says so, nowhere else.
            connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
            try:
                _prepare(connection, path, timeout)
            except BaseException:
                connection.close()
                raise
        return cls(path, connection, timeout)

    def close(self) -> None:
        """Close the connection; the last one out folds the WAL back into the file."""
        self._connection.close()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        with explained(self.path, self.timeout):
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The only row of a query, or None."""
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement that returns no rows."""
        with explained(self.path, self.timeout):
            return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        """Run one statement for each row of parameters."""
        with explained(self.path, self.timeout):
            return self._connection.executemany(sql, parameters)

    def pages(
        self,
        select: str,
        condition: str | None,
        parameters: Sequence[Any],
        limit: int,
        newest_first: bool,
    ) -> Iterator[Row]:
        """Rows of a table in the order of `id`, a page at a time.

        Args:
            select: `SELECT id, ... FROM table`; `id` comes first.
            condition: What a row has to meet, with `parameters` for its question marks.
            parameters: See `condition`.
            limit: At most so many rows; 0 for all.
            newest_first: Highest `id` first.
        """
        order, beyond = ("DESC", "<") if newest_first else ("ASC", ">")
        left = limit if limit > 0 else None
        last: list[int] = []
        while left is None or left > 0:
            conditions = [text for text in (condition, f"id {beyond} ?" if last else None) if text]
            where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
            size = _PAGE if left is None else min(_PAGE, left)
            page = self.rows(
                f"{select} {where} ORDER BY id {order} LIMIT ?", [*parameters, *last, size]
            )
            yield from page
            if len(page) < size:
                return
            last = [page[-1][0]]
            left = None if left is None else left - size

    @contextmanager
    def transaction(self, *, lock: bool = True, durable: bool = True) -> Iterator[None]:
        """Commit what the block does at its end, or undo all of it if it raises.

        Args:
            lock: Take the catalog's write lock at once. Without it the block may write only to
                a private database.
            durable: Wait until the disk has it, for what nobody could compute again. Otherwise
                a power cut may undo the newest commits, whole ones and in order.
        """
        self.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self.execute("BEGIN IMMEDIATE" if lock else "BEGIN")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # A full disk ends the transaction by itself; a second end would hide that error.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def cache(self, kilobytes: int) -> Iterator[None]:
        """A larger cache of pages, for a block that adds or removes many rows.

        Keys are random, so each row touches a page of its own in their index: with SQLite's usual
        cache of 2 MB a page would be written and read again many times.
        """
        self.rows(f"PRAGMA main.cache_size = -{kilobytes}")
        try:
            yield
        finally:
            self.rows("PRAGMA main.cache_size = -2000")

    def copy_to(self, path: Path) -> None:
        """Write everything, as it is at one moment, into a new file."""
        self.execute("VACUUM INTO ?", (str(path),))

    def replace_with(self, path: Path) -> None:
        """Put the contents of the database in `path` in the place of these, in one transaction.

        Raises:
            PrefcliError: another process writes for longer than the timeout.
        """
        deadline = time.monotonic() + self.timeout

        def wait(status: int, *_: int) -> None:
            if status in _WAITING and time.monotonic() > deadline:
                raise PrefcliError(_locked(self.path, self.timeout))

        self.execute("PRAGMA synchronous = FULL")
        with explained(self.path, self.timeout):
            with closing(sqlite3.connect(path)) as source:
                source.backup(self._connection, progress=wait, sleep=0.05)
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def scrub(self) -> None:
        """Write the file anew without what was deleted, and empty the WAL, which holds it too.

        Raises:
            PrefcliError: another process reads old pages for longer than the timeout.
        """
        deadline = time.monotonic() + self.timeout
        with explained(self.path, self.timeout):
            self._connection.execute("VACUUM")
            while True:
                (busy, _, _) = self._connection.execute(
                    "PRAGMA wal_checkpoint(TRUNCATE)"
                ).fetchone()
                if not busy:
                    return
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
        raise PrefcliError(
            "removed, but other prefcli processes keep old pages of the catalog alive: "
            f"{self.path}, wait for them or stop them, then run this again"
        )


def now() -> str:
    """The time, ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def explained(path: Path, timeout: float) -> Iterator[None]:
    """Turn SQLite's errors into one line for a person.

    Raises:
        PrefcliError: instead of any `sqlite3.DatabaseError` but a programming error.
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        raise PrefcliError(_explain(error, path, timeout)) from error


def _explain(error: sqlite3.DatabaseError, path: Path, timeout: float) -> str:
    code = _primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _locked(path, timeout)
    if code == sqlite3.SQLITE_FULL:
        return (
            f"no space left to write the catalog or its temporary files: {path}, "
            "free some disk space (or point SQLITE_TMPDIR to a larger disk) and run this again"
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return (
            f"not a prefcli catalog, or damaged ({error}): {path}, "
            "restore a copy or move the file away and ingest again"
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return (
            f"the catalog cannot be opened for writing ({error}): {path}, "
            "check the permissions or set PREFCLI_HOME to another directory"
        )
    return f"the catalog failed ({error}): {path}, check the disk and run this again"


def _locked(path: Path, timeout: float) -> str:
    return (
        f"the catalog stayed locked for {timeout:g} s: {path}, "
        "wait for the other prefcli process or stop it, then run this again"
    )


def _primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without the extended part; 0 where there is none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _create_private(path: Path) -> None:
    """Make the directory (0700) and an empty file (0600), which SQLite takes for a new database.

    SQLite gives the WAL the file's mode, so it is private from its first byte. The file is opened
    only if it is new: closing a descriptor would drop the locks of every other connection that
    this process has to it.
    """
    try:
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError as error:
        if not path.parent.is_dir():
            raise PrefcliError(
                f"the home is no directory: {path.parent}, set PREFCLI_HOME to a directory"
            ) from error
    except OSError as error:
        raise PrefcliError(
            f"cannot write to the home ({error.strerror}): {path.parent}, "
            "check the permissions or set PREFCLI_HOME to another directory"
        ) from error


def _prepare(connection: sqlite3.Connection, path: Path, timeout: float) -> None:
    """Refuse what is not ours, switch to WAL, bring the schema up to date."""
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    if application_id != migrations.APPLICATION_ID:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        # Another process may have made the schema between the two reads.
        application_id = connection.execute("PRAGMA application_id").fetchone()[0]
        if tables and application_id != migrations.APPLICATION_ID:
            raise PrefcliError(
                f"the file is another program's database: {path}, "
                "move it away or set PREFCLI_HOME to another directory"
            )
    _enter_wal(connection, timeout)
    applied = migrations.applied(connection)
    unknown = [name for name in applied if name not in migrations.NAMES]
    if unknown:
        raise PrefcliError(
            f"the catalog was written by a newer prefcli (it has {unknown[0]}): {path}, "
            "upgrade prefcli"
        )
    if len(applied) < len(migrations.NAMES):
        migrations.apply(connection)


def _enter_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Switch to WAL, which the file remembers; on a file that has it, this takes no lock.

    While another process holds the write lock of a file that is not in WAL yet, the switch fails
    at once instead of waiting as statements do (18 of 960 processes, 16 at a time on a new file),
    so the waiting is done here.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)
