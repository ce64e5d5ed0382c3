"""Tables `bases`, `spaces` and `settings`: what was added by name, and which is in use."""

# ruff: noqa: S608 (the interpolated parts are constants of this module; every value is bound)

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from prefcli.errors import UsageError
from prefcli.store.connection import Catalog, now
from prefcli.store.rows import BaseRow, SpaceRow
from prefcli.store.text import storable, to_json

# File systems hold names of 255 bytes, most of them; temporary names need some beside.
LONGEST_NAME = 200  # bytes in UTF-8

_BASE_COLUMNS = "name, source, device, dtype, fingerprint, details, created"
_SPACE_COLUMNS = "name, base, fingerprint, details, created"


class Registry:
    """Bases, spaces and settings by name. What is built in has no row here."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def add_base(
        self,
        name: str,
        source: str,
        device: str | None,
        dtype: str | None,
        fingerprint: str,
        details: Mapping[str, Any],
    ) -> BaseRow:
        """Register a base, or refresh it: the same name and source again replace the rest.

        Args:
            name: What it is called from now on.
            source: Hugging Face id or directory.
            device: Where to run it, None to choose each time.
            dtype: In which precision, None to choose each time.
            fingerprint: Identifies its weights.
            details: Anything else; must be JSON.

        Raises:
            UsageError: the name belongs to another source, or is no name.
        """
        check_name(name, "base")
        catalog = self._catalog
        with catalog.transaction():
            there = self.base(name)
            if there is not None and there.source != storable(source):
                raise UsageError(
                    f"base {name!r} is {there.source!r} already, give {source!r} another name "
                    "with --name"
                )
            created = there.created if there is not None else now()
            catalog.execute(
                f"INSERT OR REPLACE INTO bases ({_BASE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name, storable(source), device, dtype, fingerprint, to_json(details), created),
            )
            added = self.base(name)
        assert added is not None
        return added

    def base(self, name: str) -> BaseRow | None:
        """The base of this name, or None."""
        row = self._catalog.row(f"SELECT {_BASE_COLUMNS} FROM bases WHERE name = ?", (name,))
        return None if row is None else _base(*row)

    def bases(self) -> list[BaseRow]:
        """All registered bases, the oldest first."""
        rows = self._catalog.rows(f"SELECT {_BASE_COLUMNS} FROM bases ORDER BY created, name")
        return [_base(*row) for row in rows]

    def add_space(
        self,
        name: str,
        base: str,
        fingerprint: str,
        details: Mapping[str, Any],
        place: Callable[[], object] | None = None,
        restore: bool = False,
    ) -> SpaceRow:
        """Register a space, or refresh it: the same name, base and fingerprint replace `details`.

        Two trainings of one name that end at once: the second is refused.

        Args:
            name: What it is called from now on; also its directory's name.
            base: Name of its base.
            fingerprint: Identifies its weights.
            details: Anything else; must be JSON.
            place: Puts the files of a new space into its directory. Called while the name is
                this process's alone and not yet anybody's; what it raises undoes the rest.
            restore: Call `place` for a space that is here already, too: its files are no good.

        Raises:
            UsageError: the name belongs to another space, or is no name.
        """
        check_name(name, "space")
        catalog = self._catalog
        with catalog.transaction():
            there = self.space(name)
            if there is not None and (there.base, there.fingerprint) != (base, fingerprint):
                raise UsageError(
                    f"space {name!r} exists already (base {there.base!r}), choose another name "
                    "with --name"
                )
            if place is not None and (there is None or restore):
                place()
            created = there.created if there is not None else now()
            catalog.execute(
                f"INSERT OR REPLACE INTO spaces ({_SPACE_COLUMNS}) VALUES (?, ?, ?, ?, ?)",
                (name, base, fingerprint, to_json(details), created),
            )
            added = self.space(name)
        assert added is not None
        return added

    def space(self, name: str) -> SpaceRow | None:
        """The space of this name, or None."""
        row = self._catalog.row(f"SELECT {_SPACE_COLUMNS} FROM spaces WHERE name = ?", (name,))
        return None if row is None else _space(*row)

    def spaces(self) -> list[SpaceRow]:
        """All trained spaces, the oldest first."""
        rows = self._catalog.rows(f"SELECT {_SPACE_COLUMNS} FROM spaces ORDER BY created, name")
        return [_space(*row) for row in rows]

    def remove_space(
        self,
        name: str,
        fingerprint: str,
        *,
        use: str | None,
        encodings: bool,
        take: Callable[[], object],
    ) -> int | None:
        """Take a space out of the catalog.

        Profiles stay: they are what was learned from what people said, and work again once the
        same space is back.

        Args:
            name: Which space.
            fingerprint: What it was when somebody looked; if it is another by now, nothing is done.
            use: Of the spaces here, the one to use instead if this one is in use; None for the
                built-in one.
            encodings: Whether the encodings of its fingerprint go, too.
            take: Takes the files away. Called last while nobody else can write; what it raises
                undoes the rest.

        Returns:
            How many encodings went with it, None if the space is not there.
        """
        catalog = self._catalog
        with catalog.transaction():
            there = self.space(name)
            if there is None or there.fingerprint != fingerprint:
                return None
            catalog.execute("DELETE FROM spaces WHERE name = ?", (name,))
            catalog.execute("DELETE FROM populations WHERE space = ?", (fingerprint,))
            gone = 0
            if encodings:
                gone = catalog.execute(
                    "DELETE FROM encodings WHERE space IN "
                    "(SELECT id FROM encoded_spaces WHERE fingerprint = ?)",
                    (fingerprint,),
                ).rowcount
            if use is None:
                catalog.execute("DELETE FROM settings WHERE key = 'space' AND value = ?", (name,))
            else:
                catalog.execute(
                    "UPDATE settings SET value = ? WHERE key = 'space' AND value = ?", (use, name)
                )
            take()
        return gone

    def setting(self, key: str) -> str | None:
        """A setting's value (`base`, `space`: the names in use), None where it was never set."""
        row = self._catalog.row("SELECT value FROM settings WHERE key = ?", (key,))
        return None if row is None else str(row[0])

    def set_settings(self, **values: str) -> None:
        """Set settings, over those before, all or none."""
        with self._catalog.transaction():
            for pair in values.items():
                self._catalog.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", pair)

    def remove_setting(self, key: str) -> None:
        """Take a setting away; one that was never set stays so."""
        with self._catalog.transaction():
            self._catalog.execute("DELETE FROM settings WHERE key = ?", (key,))


def check_name(name: str, what: str) -> str:
    """Return `name` if it can name a base or a space, and so a directory.

    Raises:
        UsageError: it is empty or too long, starts with a dot or a dash, or holds whitespace, a
            slash, a backslash, a colon or what is no character that can be shown.
    """
    if name[:1] in ("", ".", "-") or any(
        c.isspace() or c in "/\\:" or not c.isprintable() for c in name
    ):
        raise UsageError(
            f"{what} name {name!r} cannot be used, choose one of letters, digits, '.', '_' and '-'"
        )
    if len(name.encode()) > LONGEST_NAME:
        raise UsageError(
            f"{what} name '{name[:20]}...' is too long: choose one of at most {LONGEST_NAME} bytes"
        )
    return name


def check_asked(name: str, what: str) -> str:
    """Return `name` if somebody may look for it; there may be nothing of that name.

    Raises:
        UsageError: it is empty or no text, as bytes that are not UTF-8 are.
    """
    return name if name and name.isprintable() else check_name(name, what)


def _base(
    name: str,
    source: str,
    device: str | None,
    dtype: str | None,
    fingerprint: str,
    details: str,
    created: str,
) -> BaseRow:
    return BaseRow(name, source, device, dtype, fingerprint, json.loads(details), created)


def _space(name: str, base: str, fingerprint: str, details: str, created: str) -> SpaceRow:
    return SpaceRow(name, base, fingerprint, json.loads(details), created)
