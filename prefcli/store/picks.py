"""Table `blind_picks`: which of two answers somebody picked without knowing which was whose."""

# ruff: noqa: S608 (the interpolated parts are constants of this module; every value is bound)

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.feedback.records import Prompt, prompt_from_json, prompt_to_json
from prefcli.store.connection import Catalog, Row, now
from prefcli.store.rows import StoredPick
from prefcli.store.text import storable, storable_json, to_json

_COLUMNS = (
    "id, created, user, version, base, prompt, of_base, of_profile, profile_first, choice, seed, "
    "settings"
)


class PickTable:
    """What people picked in blind tests."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def add_pick(
        self,
        user: str,
        version: int,
        *,
        base: str,
        prompt: Prompt,
        of_base: str,
        of_profile: str,
        profile_first: bool,
        choice: str,
        seed: int,
        settings: Mapping[str, Any],
    ) -> int:
        """Keep a pick, in one transaction.

        Args:
            user: Whose profile it is, and who picked.
            version: The profile's.
            base: Name of the base.
            prompt: The turns that were answered.
            of_base, of_profile: The two answers.
            profile_first: Whether the profile's was shown first.
            choice: `profile`, `base` or `tie`.
            seed: Of both answers.
            settings: How they were sampled; must be JSON.

        Returns:
            Its number.
        """
        catalog = self._catalog
        with catalog.transaction():
            cursor = catalog.execute(
                "INSERT INTO blind_picks (created, user, version, base, prompt, of_base, "
                "of_profile, profile_first, choice, seed, settings) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    now(),
                    storable(user),
                    version,
                    storable(base),
                    storable_json(prompt_to_json(prompt)),
                    to_json(of_base),
                    to_json(of_profile),
                    int(profile_first),
                    choice,
                    seed,
                    to_json(dict(settings)),
                ),
            )
        return int(cursor.lastrowid or 0)

    def picks(self, user: str | None = None, version: int | None = None) -> Iterator[StoredPick]:
        """Picks in the order in which they came.

        Args:
            user: Only those of this user.
            version: Only those about this version of the user's profile.
        """
        given = {"user = ?": user, "version = ?": version}
        asked = {text: value for text, value in given.items() if value is not None}
        for row in self._catalog.pages(
            f"SELECT {_COLUMNS} FROM blind_picks",
            " AND ".join(asked) or None,
            list(asked.values()),
            0,
            newest_first=False,
        ):
            yield _stored(row)


def _stored(row: Row) -> StoredPick:
    number, created, user, version, base, prompt, of_base, of_profile, first, choice, *rest = row
    seed, settings = rest
    return StoredPick(
        number,
        created,
        user,
        version,
        base,
        prompt_from_json(prompt),
        json.loads(of_base),
        json.loads(of_profile),
        bool(first),
        choice,
        seed,
        json.loads(settings),
    )
