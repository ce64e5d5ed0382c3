"""A catalog looked at from outside, read only: looking neither makes, migrates nor locks it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from prefcli import migrations
from prefcli.errors import PrefcliError
from prefcli.store.connection import LOCK_TIMEOUT, explained
from prefcli.store.rows import BaseRow

TABLES = ("feedback", "encodings", "profiles", "generations", "bases", "spaces")
MOST_FAULTS = 20  # of one kind
_PAGE = 500  # artifacts read at once


class CatalogReader:
    """An existing catalog, open for reading.

    Every method may raise `PrefcliError` where SQLite gives up on the file.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[CatalogReader]:
        """Open the catalog in `path`, a file that is there.

        Raises:
            PrefcliError: it cannot be opened.
        """
        with explained(path, LOCK_TIMEOUT):
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_TIMEOUT
            )
        with closing(connection):
            yield cls(path, connection)

    def is_ours(self) -> bool:
        """Whether prefcli wrote it."""
        (number,) = self._rows("PRAGMA application_id")[0]
        return bool(number == migrations.APPLICATION_ID)

    def damage(self) -> list[str]:
        """What SQLite finds wrong in pages, indexes and references; nothing in a sound file."""
        told = self._rows(f"PRAGMA integrity_check({MOST_FAULTS})")
        found = [str(text) for (text,) in told if text != "ok"]
        for table, row, parent, _ in self._rows("PRAGMA foreign_key_check")[:MOST_FAULTS]:
            found.append(f"row {row} of {table} has lost its {parent}")
        return found

    def pending(self) -> list[str]:
        """Migrations that the next command will do."""
        done = self._applied()
        return [name for name in migrations.NAMES if name not in done]

    def unknown(self) -> list[str]:
        """Migrations of a newer prefcli."""
        return [name for name in self._applied() if name not in migrations.NAMES]

    def counts(self) -> dict[str, int]:
        """Rows of each table that is there."""
        there = {name for (name,) in self._rows("SELECT name FROM sqlite_master")}
        return {
            name: int(self._rows(f"SELECT count(*) FROM {name}")[0][0])  # noqa: S608
            for name in TABLES
            if name in there
        }

    def setting(self, key: str) -> str | None:
        """A setting's value, None where it was never set."""
        rows = self._rows("SELECT value FROM settings WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def bases(self) -> list[BaseRow]:
        """Each registered base."""
        rows = self._rows(
            "SELECT name, source, device, dtype, fingerprint, details, created FROM bases "
            "ORDER BY name"
        )
        return [
            BaseRow(name, source, device, dtype, fingerprint, json.loads(details), created)
            for name, source, device, dtype, fingerprint, details, created in rows
        ]

    def spaces(self) -> list[tuple[str, str, str]]:
        """Name, base and fingerprint of each trained space."""
        return self._rows("SELECT name, base, fingerprint FROM spaces ORDER BY name")

    def latest_profiles(self) -> list[tuple[str, int, str]]:
        """User, version and the space's fingerprint of everybody's latest profile."""
        return self._rows(
            "SELECT user, version, space FROM profiles WHERE NOT EXISTS (SELECT 1 FROM profiles "
            "AS later WHERE later.user = profiles.user AND later.version > profiles.version) "
            "ORDER BY user"
        )

    def without_artifact(self) -> list[str]:
        """Versions whose contents are gone: `alice@2`."""
        rows = self._rows(
            "SELECT user, version FROM profiles WHERE id NOT IN (SELECT id FROM profile_artifacts)"
        )
        return [f"{user}@{version}" for user, version in rows]

    def artifacts(self, most: int | None = None) -> Iterator[tuple[str, int, bytes]]:
        """User, version and contents of the newest profiles, all of them where `most` is None."""
        last, left = 2**63 - 1, most
        while left is None or left > 0:
            size = _PAGE if left is None else min(_PAGE, left)
            page = self._rows(
                "SELECT id, user, version, artifact FROM profiles JOIN profile_artifacts "
                "USING (id) WHERE id < ? ORDER BY id DESC LIMIT ?",
                last,
                size,
            )
            for number, user, version, artifact in page:
                yield user, version, artifact
                last = number
            if len(page) < size:
                return
            left = None if left is None else left - size

    def uneven_encodings(self) -> int:
        """Encodings whose mean and variance do not belong together; reads them all."""
        return int(
            self._rows(
                "SELECT count(*) FROM encodings WHERE length(mean) <> length(log_var) "
                "OR length(mean) = 0 OR length(mean) % 4 <> 0 "
                "OR space NOT IN (SELECT id FROM encoded_spaces)"
            )[0][0]
        )

    def _applied(self) -> tuple[str, ...]:
        with explained(self.path, LOCK_TIMEOUT):
            return migrations.applied(self._connection)

    def _rows(self, sql: str, *parameters: object) -> list[Any]:
        with explained(self.path, LOCK_TIMEOUT):
            return self._connection.execute(sql, parameters).fetchall()


def check_catalog(path: Path) -> dict[str, int]:
    """Refuse a file that is no sound catalog of this prefcli or an older one; its rows by table.

    Raises:
        PrefcliError: so, or it cannot be read.
    """
    with CatalogReader.open(path) as catalog:
        if not catalog.is_ours():
            raise PrefcliError(f"not a prefcli catalog: {path}, name another file")
        if unknown := catalog.unknown():
            raise PrefcliError(
                f"the catalog was written by a newer prefcli (it has {unknown[0]}): {path}, "
                "upgrade prefcli"
            )
        if damage := catalog.damage():
            raise PrefcliError(f"the catalog is damaged ({damage[0]}): {path}, take another copy")
        return catalog.counts()
