"""Tables `profiles`, `profile_artifacts` and `populations`: what was learned about users."""

# ruff: noqa: S608 (the interpolated parts are constants of this module; every value is bound)

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prefcli.store.connection import Catalog, now
from prefcli.store.rows import ProfileRow, StoredProfile
from prefcli.store.text import to_json

_COLUMNS = "user, version, space, summary, bytes, created"


class ProfileTable:
    """What was learned about each user."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def add_profile(
        self, user: str, space: str, artifact: bytes, summary: Mapping[str, Any]
    ) -> int:
        """Keep a new version of a user's profile, in one transaction; see `add_profiles`."""
        return self.add_profiles(space, [(user, artifact, summary)])[0]

    def add_profiles(
        self, space: str, profiles: Sequence[tuple[str, bytes, Mapping[str, Any]]]
    ) -> list[int]:
        """Keep new versions of users' profiles, all or none, in one transaction.

        The numbers are given under the write lock, so two fits of one user that end at once give
        versions n and n + 1. The profiles survive a killed process; after a power cut the newest
        may have to be fitted again.

        Args:
            space: The space's fingerprint.
            profiles: Whose each is, the profile as bytes, and the fit's report, without the
                version; that must be JSON. Its `pairs`, `thumbs` and `heldout_accuracy` also
                become columns.

        Returns:
            The version of each: 1, 2, ... within the user.
        """
        catalog = self._catalog
        versions = []
        with catalog.transaction(durable=False):
            for user, artifact, summary in profiles:
                # A number that the log names is not given again, even if its profile was removed.
                latest = catalog.row(
                    "SELECT max((SELECT coalesce(max(version), 0) FROM profiles WHERE user = ?), "
                    "(SELECT coalesce(max(version), 0) FROM generations WHERE user = ?))",
                    (user, user),
                )
                assert latest is not None
                versions.append(int(latest[0]) + 1)
                cursor = catalog.execute(
                    "INSERT INTO profiles (user, version, space, pairs, thumbs, heldout_accuracy, "
                    "bytes, summary, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        user,
                        versions[-1],
                        space,
                        int(summary.get("pairs") or 0),
                        int(summary.get("thumbs") or 0),
                        summary.get("heldout_accuracy"),
                        len(artifact),
                        to_json(dict(summary)),
                        now(),
                    ),
                )
                catalog.execute(
                    "INSERT INTO profile_artifacts (id, artifact) VALUES (?, ?)",
                    (cursor.lastrowid, artifact),
                )
        return versions

    def profile(
        self, user: str, version: int | None = None, space: str | None = None
    ) -> StoredProfile | None:
        """One profile with its artifact, or None.

        Args:
            user: Whose profile.
            version: Which version; None for the latest.
            space: Only a profile of the space with this fingerprint; with no version, the latest
                one in that space.
        """
        conditions: list[str] = ["user = ?"]
        parameters: list[Any] = [user]
        for column, value in (("version", version), ("space", space)):
            if value is not None:
                conditions.append(f"{column} = ?")
                parameters.append(value)
        row = self._catalog.row(
            f"SELECT {_COLUMNS}, artifact FROM profiles JOIN profile_artifacts USING (id) "
            f"WHERE {' AND '.join(conditions)} ORDER BY version DESC LIMIT 1",
            parameters,
        )
        if row is None:
            return None
        *shared, artifact = row
        name, number, fingerprint, summary, size, created = shared
        return StoredProfile(
            name, number, fingerprint, json.loads(summary), size, created, artifact
        )

    def profiles(
        self, limit: int = 0, user: str | None = None, all_versions: bool = False
    ) -> list[ProfileRow]:
        """Profiles without their artifacts, newest first.

        Args:
            limit: At most so many; 0 for all.
            user: Only this user's.
            all_versions: Every version; otherwise only the latest of each user.
        """
        conditions: list[str] = []
        parameters: list[Any] = []
        if user is not None:
            conditions.append("user = ?")
            parameters.append(user)
        if not all_versions:
            conditions.append(
                "NOT EXISTS (SELECT 1 FROM profiles AS later "
                "WHERE later.user = profiles.user AND later.version > profiles.version)"
            )
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = self._catalog.rows(
            f"SELECT {_COLUMNS} FROM profiles {where} ORDER BY id DESC LIMIT ?",
            [*parameters, limit if limit > 0 else -1],
        )
        return [
            ProfileRow(name, version, space, json.loads(summary), size, created)
            for name, version, space, summary, size, created in rows
        ]

    def change_summaries(
        self, user: str, change: Callable[[int, dict[str, Any]], dict[str, Any]]
    ) -> None:
        """Rewrite the reports of a user's versions, in one transaction.

        Args:
            user: Whose.
            change: Gets a version and its report, and returns the new report; what it raises
                undoes all.
        """
        catalog = self._catalog
        with catalog.transaction(durable=False):
            for number, version, text in catalog.rows(
                "SELECT id, version, summary FROM profiles WHERE user = ? ORDER BY version", (user,)
            ):
                summary = json.loads(text)
                changed = change(version, dict(summary))
                if changed != summary:
                    catalog.execute(
                        "UPDATE profiles SET summary = ? WHERE id = ?", (to_json(changed), number)
                    )

    def remove_profiles(self, user: str, version: int | None = None) -> int:
        """Remove one version of a user's profile, or all of them; the number of them.

        What was picked in blind tests of it goes along: its number may be given again.
        """
        mine = "user = ?" if version is None else "user = ? AND version = ?"
        parameters = [user] if version is None else [user, version]
        with self._catalog.transaction():
            self._catalog.execute(f"DELETE FROM blind_picks WHERE {mine}", parameters)
            self._catalog.execute(
                f"DELETE FROM profile_artifacts WHERE id IN (SELECT id FROM profiles WHERE {mine})",
                parameters,
            )
            return self._catalog.execute(f"DELETE FROM profiles WHERE {mine}", parameters).rowcount

    def count_profiles(self, space: str) -> int:
        """How many profiles, every version of every user's, are of a space, by its fingerprint."""
        row = self._catalog.row("SELECT count(*) FROM profiles WHERE space = ?", (space,))
        return 0 if row is None else int(row[0])

    def population(self, space: str) -> bytes | None:
        """What the users of a space have in common, as it was put; by the space's fingerprint."""
        row = self._catalog.row("SELECT artifact FROM populations WHERE space = ?", (space,))
        return None if row is None else bytes(row[0])

    def put_population(self, space: str, artifact: bytes | None) -> None:
        """Keep what the users of a space have in common in place of what was known, or nothing."""
        catalog = self._catalog
        with catalog.transaction(durable=False):
            catalog.execute("DELETE FROM populations WHERE space = ?", (space,))
            if artifact is not None:
                catalog.execute(
                    "INSERT INTO populations VALUES (?, ?, ?)", (space, artifact, now())
                )
