"""The catalog: everything prefcli remembers, in one SQLite file that many processes may use.

    with Store.open() as store:
        inserted, duplicates = store.add_feedback(rows)

`Store` is the sum of its tables, one module each: feedback, encodings, profiles, generations,
picks of blind tests, and the registry of bases, spaces and settings; `removal` takes rows away,
`renaming` gives users other names. `connection` holds the rules of locking and the wording of
failures. No torch, no numpy: vectors pass through as bytes.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from prefcli.config import CATALOG_NAME, SPACES_NAME, home_directory
from prefcli.store.connection import LOCK_TIMEOUT, Catalog
from prefcli.store.encodings import EncodingTable
from prefcli.store.feedback import FeedbackTable
from prefcli.store.generations import GenerationTable
from prefcli.store.picks import PickTable
from prefcli.store.profiles import ProfileTable
from prefcli.store.registry import Registry, check_name
from prefcli.store.removal import Removal
from prefcli.store.renaming import Renaming
from prefcli.store.rows import (
    Admitted,
    BaseRow,
    Encoding,
    Forgotten,
    ProfileRow,
    Renamed,
    SpaceRow,
    StoredFeedback,
    StoredGeneration,
    StoredPick,
    StoredProfile,
    Undone,
)
from prefcli.store.selection import Selection

__all__ = [
    "Admitted",
    "BaseRow",
    "Encoding",
    "Forgotten",
    "ProfileRow",
    "Renamed",
    "Selection",
    "SpaceRow",
    "Store",
    "StoredFeedback",
    "StoredGeneration",
    "StoredPick",
    "StoredProfile",
    "Undone",
]


class Store(
    FeedbackTable,
    EncodingTable,
    ProfileTable,
    GenerationTable,
    PickTable,
    Registry,
    Removal,
    Renaming,
):
    """An open home; a context manager that closes it.

    Every method may raise `PrefcliError` when the catalog cannot be read or written: locked for
    30 s, disk full, damaged. For one thread; each process opens its own.
    """

    def __init__(self, home: Path, catalog: Catalog) -> None:
        super().__init__(catalog)
        self.home = home

    @classmethod
    def open(cls, home: Path | None = None, *, timeout: float = LOCK_TIMEOUT) -> Store:
        """Open a home, and make it (0700, with a catalog of 0600) if there is none.

        Any number of processes may do so at once on a new home.

        Args:
            home: The directory; default `prefcli.config.home_directory()`.
            timeout: Seconds to wait for another process's lock, here and in every method.

        Raises:
            PrefcliError: the home cannot be made or written, or its catalog is locked, damaged,
                another program's file, or of a newer prefcli.
        """
        home = home_directory() if home is None else home.absolute()
        return cls(home, Catalog.open(home / CATALOG_NAME, timeout))

    def close(self) -> None:
        """Close the catalog; closing twice is allowed."""
        self._catalog.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def copy_to(self, path: Path) -> None:
        """Write the catalog, as it is at one moment, into a new file; others go on writing."""
        self._catalog.copy_to(path)

    def replace_with(self, path: Path) -> None:
        """Put another catalog's contents in the place of all that is here, in one transaction."""
        self._catalog.replace_with(path)

    def space_directory(self, name: str) -> Path:
        """Where the files of the space `name` belong; not made here.

        Raises:
            UsageError: `name` cannot name a directory.
        """
        return self.home / SPACES_NAME / check_name(name, "space")
