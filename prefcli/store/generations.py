"""Table `generations`: what was generated, for whom, and how to do it again."""

# ruff: noqa: S608 (the interpolated parts are constants of this module; every value is bound)

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import UsageError
from prefcli.feedback.records import Prompt, prompt_from_json, prompt_to_json
from prefcli.store.connection import Catalog, Row, now
from prefcli.store.rows import StoredGeneration
from prefcli.store.text import storable, storable_json, to_json

_COLUMNS = "id, created, user, version, base, prompt, response, seed, settings"
_SEED_LIMIT = 2**63  # SQLite's integers are signed and of 64 bits


class GenerationTable:
    """The generation log."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def log_generation(
        self,
        prompt: Prompt,
        response: str,
        *,
        base: str,
        user: str | None = None,
        version: int | None = None,
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> int:
        """Add an entry to the log, in one transaction.

        Args:
            prompt: The turns that were answered.
            response: The answer.
            base: Name of the base that gave it.
            user: The profile or blend as it was named; None for the base alone.
            version: The profile's version; None for a blend or the base alone.
            seed: From -2**63 to 2**63 - 1.
            settings: Strength, temperature and so on; must be JSON.

        Returns:
            The entry's id.

        Raises:
            UsageError: the seed does not fit.
        """
        if seed is not None and not -_SEED_LIMIT <= seed < _SEED_LIMIT:
            raise UsageError(f"--seed {seed} is out of range, give one from 0 to 2**63 - 1")
        catalog = self._catalog
        with catalog.transaction(durable=False):
            cursor = catalog.execute(
                "INSERT INTO generations (created, user, version, base, prompt, response, seed, "
                "settings) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    now(),
                    storable(user),
                    version,
                    storable(base),
                    storable_json(prompt_to_json(prompt)),
                    to_json(response),
                    seed,
                    to_json(dict(settings or {})),
                ),
            )
        return int(cursor.lastrowid or 0)

    def generations(self, limit: int = 0, user: str | None = None) -> Iterator[StoredGeneration]:
        """Entries of the log, newest first.

        Args:
            limit: At most so many; 0 for all.
            user: Only those of this profile or blend, as it was named.
        """
        conditions = "user = ?" if user is not None else None
        parameters = [user] if user is not None else []
        for row in self._catalog.pages(
            f"SELECT {_COLUMNS} FROM generations", conditions, parameters, limit, newest_first=True
        ):
            yield _stored(row)

    def generation(self, number: int) -> StoredGeneration | None:
        """One entry of the log, or None."""
        row = self._catalog.row(f"SELECT {_COLUMNS} FROM generations WHERE id = ?", (number,))
        return None if row is None else _stored(row)


def _stored(row: Row) -> StoredGeneration:
    number, created, name, version, base, prompt, response, seed, settings = row
    return StoredGeneration(
        number,
        created,
        name,
        version,
        base,
        prompt_from_json(prompt),
        json.loads(response),
        seed,
        json.loads(settings),
    )
