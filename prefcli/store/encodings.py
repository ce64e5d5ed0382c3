"""Table `encodings`: the posterior of each (prompt, response), computed once per space."""

# ruff: noqa: S608 (the interpolated parts are constants of this module; every value is bound)

from __future__ import annotations

from collections.abc import Collection, Mapping

from prefcli.store.connection import Catalog
from prefcli.store.rows import Encoding

# SQLite before 3.32 takes 999 parameters in a statement.
_BATCH = 500  # keys


class EncodingTable:
    """The cache of encodings."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def encodings(self, space: str, keys: Collection[bytes]) -> dict[bytes, Encoding]:
        """Those of the encodings that are there, by key.

        Args:
            space: The space's fingerprint.
            keys: `encoding_key` of each (prompt, response); any number, repeats allowed.
        """
        number = self._space_number(space)
        if number is None:
            return {}
        found: dict[bytes, Encoding] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            marks = ", ".join("?" * len(batch))
            for key, mean, log_var, bits_per_byte, truncated in self._catalog.rows(
                "SELECT key, mean, log_var, bits_per_byte, truncated FROM encodings "
                f"WHERE space = ? AND key IN ({marks})",
                [number, *batch],
            ):
                found[key] = Encoding(mean, log_var, bits_per_byte, bool(truncated))
        return found

    def count_encodings(self, space: str) -> int:
        """How many encodings there are of a space, by its fingerprint."""
        row = self._catalog.row(
            "SELECT count(*) FROM encodings JOIN encoded_spaces ON encoded_spaces.id = space "
            "WHERE fingerprint = ?",
            (space,),
        )
        return 0 if row is None else int(row[0])

    def add_encodings(self, space: str, rows: Mapping[bytes, Encoding]) -> None:
        """Keep encodings, in one transaction; one that is there already stays as it is.

        They survive a killed process; after a power cut the newest may have to be computed again.

        Args:
            space: The space's fingerprint.
            rows: Encoding by `encoding_key`.
        """
        catalog = self._catalog
        with catalog.transaction(durable=False):
            catalog.execute(
                "INSERT INTO encoded_spaces (fingerprint) VALUES (?) ON CONFLICT DO NOTHING",
                (space,),
            )
            number = self._space_number(space)
            catalog.executemany(
                "INSERT INTO encodings (space, key, mean, log_var, bits_per_byte, truncated) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (space, key) DO NOTHING",
                (
                    (number, key, row.mean, row.log_var, row.bits_per_byte, int(row.truncated))
                    for key, row in rows.items()
                ),
            )

    def _space_number(self, space: str) -> int | None:
        row = self._catalog.row("SELECT id FROM encoded_spaces WHERE fingerprint = ?", (space,))
        return None if row is None else int(row[0])
