"""Taking away what was stored: some judgements, the last ingest, or everything about a person.

`DELETE` alone leaves what it deletes in the file, in pages that wait to be used again. For removed
judgements that does no harm. A person who is forgotten must not be left there: the pages are
overwritten as they are freed (`secure_delete`), then the whole file is written anew without them
(`VACUUM`, since pages that were freed or reordered at any time before hold old text too), and the
WAL, which holds older versions of pages, is folded back and cut to nothing.

Many judgements go a batch at a time, each in its own transaction, so that others can write in
between: half a million in one would hold the lock for 17 to 28 s, and others give up after 30. What
was begun and not ended is finished by asking again: `forget_user` takes a judgement's encodings
along with it, and an ingest counts as taken back when the last of its rows is gone.

A judgement is found by the index of its user or by its number. Only what has no index reads the
whole table, once each and without the lock: who judged for a group, and other people's rows that
share a prompt; files with the name in theirs are looked for with it.
"""

# ruff: noqa: S608 (the interpolated parts are constants of this module; every value is bound)

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from prefcli.errors import NotFoundError
from prefcli.feedback.records import encoding_key, prompt_from_json
from prefcli.store.connection import Catalog, now
from prefcli.store.people import blended, people_in, quoted
from prefcli.store.renaming import rename_in_sources
from prefcli.store.rows import Forgotten, Undone
from prefcli.store.selection import Selection

FORGOTTEN = "(forgotten)"  # stands where a name stood among things that stay
SCRUB_PENDING = "scrub_pending"

_CACHE = 128 * 1024  # KB
_BATCH = 10_000  # rows
_FORGOTTEN = "id IN (SELECT id FROM forgotten_rows)"


class Removal:
    """What takes rows away."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def remove_feedback(self, selection: Selection) -> int:
        """Remove the selected judgements, a batch at a time; the number of them."""
        condition, parameters = selection.condition()
        with self._taking_away():
            return self._remove(condition or "true", parameters)

    def remove_generations(self, numbers: Sequence[int]) -> int:
        """Remove entries of the log, in one transaction; the number of them.

        Their encodings go along, but for those that a judgement or another entry shares.
        """
        catalog = self._catalog
        same_prompt = "prompt IN (SELECT prompt FROM forgotten_prompts)"
        with self._taking_away():
            self._make_tables()
            catalog.executemany(
                "INSERT OR IGNORE INTO forgotten_rows VALUES (?)", ((each,) for each in numbers)
            )
            catalog.execute(
                "INSERT OR IGNORE INTO forgotten_prompts "
                f"SELECT prompt FROM main.generations WHERE {_FORGOTTEN}"
            )
            shared = set(self._keys(same_prompt))
            shared.update(self._logged_keys(f"{same_prompt} AND NOT {_FORGOTTEN}"))
            with catalog.transaction():
                self._remove_encodings(set(self._logged_keys(_FORGOTTEN)) - shared)
                removed = catalog.execute(f"DELETE FROM main.generations WHERE {_FORGOTTEN}")
        return max(removed.rowcount, 0)

    def undo_ingest(self) -> Undone:
        """Take back the last ingest that was not taken back: remove the rows that it added.

        What an ingest found in the catalog already stays, since an earlier one had added it.

        Raises:
            NotFoundError: there is none.
        """
        catalog = self._catalog
        with self._taking_away():
            row = catalog.row(
                "SELECT id, created, first, last, inserted, details FROM ingests "
                "WHERE undone IS NULL ORDER BY id DESC LIMIT 1"
            )
            if row is None:
                raise NotFoundError("no ingest to take back")
            number, created, first, last, inserted, details = row
            mine, place = "id BETWEEN ? AND ? AND ingest = ?", (first, last, number)
            users = [
                user
                for (user,) in catalog.rows(
                    f"SELECT DISTINCT user FROM feedback WHERE {mine} ORDER BY user", place
                )
            ]
            removed = self._remove(mine, place)
            with catalog.transaction():
                catalog.execute("UPDATE ingests SET undone = ? WHERE id = ?", (now(), number))
        sources = json.loads(details).get("sources", [])
        return Undone(number, created, sources, users, inserted, removed)

    def forget_user(self, user: str, *others: str) -> Forgotten:
        """Remove everything that is about a user, and overwrite where it lay.

        Gone are their judgements (those that they gave for a group too), their profiles, copies
        and blends of these under other names, what was generated with them or picked in blind
        tests, and the encodings of all this that no one else shares. Where the name stands in the
        name of a file that other people's judgements came from, it is struck.

        Args:
            user: Their name.
            others: What else they are called here.

        Raises:
            NotFoundError: there is nothing about them.
            PrefcliError: all is removed, but somebody who reads the catalog keeps old pages of it
                alive; calling this again finishes, as it does after an interruption.
        """
        catalog = self._catalog
        pending = self._setting(SCRUB_PENDING) is not None
        with self._taking_away(overwrite=True):
            called = (user, *others)
            logged = self._logged_names(called)
            judgements, encodings, shared = self._forget_said(called, logged)
            with catalog.transaction():
                encodings += self._forget_logged(logged, shared)
                made = self._forget_made(called, logged)
                forgotten = Forgotten(user, judgements, encodings, *made)
                if forgotten.is_nothing and not pending:
                    raise NotFoundError(f"nothing about user {user!r}: see `prefcli feedback list`")
                self._mark_forgetting()
            catalog.scrub()
            with catalog.transaction():
                catalog.execute("DELETE FROM settings WHERE key = ?", (SCRUB_PENDING,))
        return forgotten

    @contextmanager
    def _taking_away(self, overwrite: bool = False) -> Iterator[None]:
        """Settings of the connection for a large removal, and what it needs put away at the end."""
        catalog = self._catalog
        catalog.rows(f"PRAGMA secure_delete = {'ON' if overwrite else 'OFF'}")
        try:
            with catalog.cache(_CACHE):
                yield
        finally:
            catalog.rows("PRAGMA secure_delete = OFF")
            for table in ("forgotten_rows", "forgotten_prompts", "forgotten_names"):
                catalog.execute(f"DROP TABLE IF EXISTS temp.{table}")

    def _make_tables(self) -> None:
        """Empty tables for what is removed, which `_taking_away` drops."""
        self._catalog.execute("CREATE TEMP TABLE forgotten_rows (id INTEGER PRIMARY KEY)")
        for table, column in (("forgotten_prompts", "prompt"), ("forgotten_names", "name")):
            self._catalog.execute(f"CREATE TEMP TABLE {table} ({column} PRIMARY KEY) WITHOUT ROWID")

    def _remove(self, condition: str, parameters: Sequence[Any]) -> int:
        """Remove the judgements that meet a condition, a batch in a transaction."""
        catalog = self._catalog
        removed = 0
        for first, last in self._ranges(condition, parameters):
            with catalog.transaction():
                removed += catalog.execute(
                    f"DELETE FROM feedback WHERE id BETWEEN ? AND ? AND ({condition})",
                    (first, last, *parameters),
                ).rowcount
        return removed

    def _ranges(self, condition: str, parameters: Sequence[Any]) -> Iterator[tuple[int, int]]:
        """The first and last number of each batch of judgements that meet a condition."""
        select = "SELECT id FROM main.feedback"
        rows = self._catalog.pages(select, f"({condition})", parameters, 0, newest_first=False)
        while batch := list(islice(rows, _BATCH)):
            yield batch[0][0], batch[-1][0]

    def _logged_names(self, called: Sequence[str]) -> list[str]:
        """What profiles of these names, and blends with them, are called in the log."""
        found = {
            name
            for user in called
            for (name,) in self._catalog.rows(
                "SELECT DISTINCT user FROM generations WHERE instr(user, ?)", (user,)
            )
            if user in blended(name)
        }
        return sorted(found)

    def _forget_said(
        self, called: Sequence[str], logged: Sequence[str]
    ) -> tuple[int, int, set[bytes]]:
        """Remove a user's judgements with their encodings.

        Args:
            called: Their names.
            logged: What they are called in the log.

        Returns:
            How many judgements and encodings, and the keys of encodings that others share.
        """
        catalog = self._catalog
        self._make_tables()
        catalog.executemany(
            "INSERT OR IGNORE INTO forgotten_rows SELECT id FROM main.feedback WHERE user = ? "
            "UNION SELECT id FROM main.feedback WHERE annotator = ?",
            ((name, name) for name in called),
        )
        catalog.execute(
            "INSERT OR IGNORE INTO forgotten_prompts "
            f"SELECT prompt FROM main.feedback WHERE {_FORGOTTEN}"
        )
        catalog.executemany("INSERT INTO forgotten_names VALUES (?)", ((name,) for name in logged))
        catalog.execute(
            "INSERT OR IGNORE INTO forgotten_prompts SELECT prompt FROM main.generations "
            "WHERE user IN (SELECT name FROM forgotten_names)"
        )
        # Read before the lock is taken: what somebody adds meanwhile is at worst encoded again.
        shared = set(
            self._keys(f"prompt IN (SELECT prompt FROM forgotten_prompts) AND NOT {_FORGOTTEN}")
        )
        shared.update(
            self._logged_keys(
                "prompt IN (SELECT prompt FROM forgotten_prompts) "
                "AND (user IS NULL OR user NOT IN (SELECT name FROM forgotten_names))"
            )
        )
        judgements = encodings = 0
        for first, last in self._ranges(_FORGOTTEN, ()):
            batch = f"id BETWEEN {first} AND {last} AND {_FORGOTTEN}"
            with catalog.transaction():
                keys = set(self._keys(batch)) - shared
                encodings += self._remove_encodings(keys)
                judgements += catalog.execute(f"DELETE FROM main.feedback WHERE {batch}").rowcount
                self._mark_forgetting()
        return judgements, encodings, shared

    def _forget_logged(self, names: Sequence[str], shared: set[bytes]) -> int:
        """Remove the encodings of answers in the log under these names; how many."""
        keys = {key for name in names for key in self._logged_keys("user = ?", (name,))}
        return self._remove_encodings(keys - shared)

    def _remove_encodings(self, keys: Collection[bytes]) -> int:
        catalog = self._catalog
        return sum(
            catalog.executemany(
                "DELETE FROM encodings WHERE space = ? AND key = ?", ((space, key) for key in keys)
            ).rowcount
            for (space,) in (catalog.rows("SELECT id FROM encoded_spaces") if keys else ())
        )

    def _mark_forgetting(self) -> None:
        """Note, with what is removed, that what lies under it is still to be overwritten."""
        catalog = self._catalog
        catalog.execute("DELETE FROM populations")  # the next fit of all learns it anew
        catalog.execute("INSERT OR REPLACE INTO settings VALUES (?, '1')", (SCRUB_PENDING,))

    def _forget_made(self, called: Sequence[str], logged: Sequence[str]) -> tuple[int, int, int]:
        """Remove profiles, what was generated with them and picked; how many of each."""
        catalog = self._catalog
        profiles = picks = 0
        for name in called:
            found = self._forget_profiles(name)
            profiles, picks = profiles + found[0], picks + found[1]
        generations = sum(
            catalog.execute("DELETE FROM generations WHERE user = ?", (name,)).rowcount
            for name in logged
        )
        for name in called:
            rename_in_sources(catalog, name, FORGOTTEN)
        return profiles, generations, picks

    def _forget_profiles(self, user: str) -> tuple[int, int]:
        """Remove the user's profiles and those of others that hold something of theirs.

        Returns:
            How many, and how many picks of blind tests of them.
        """
        catalog = self._catalog
        ids = [
            number for (number,) in catalog.rows("SELECT id FROM profiles WHERE user = ?", (user,))
        ]
        for number, text in catalog.rows(
            "SELECT id, summary FROM profiles WHERE user <> ? AND instr(summary, ?)",
            (user, quoted(user)),
        ):
            if user in people_in(json.loads(text)):
                ids.append(number)
        picks = catalog.execute("DELETE FROM blind_picks WHERE user = ?", (user,)).rowcount
        for number in ids:
            picks += catalog.execute(
                "DELETE FROM blind_picks WHERE (user, version) = "
                "(SELECT user, version FROM profiles WHERE id = ?)",
                (number,),
            ).rowcount
        catalog.executemany("DELETE FROM profile_artifacts WHERE id = ?", ((i,) for i in ids))
        catalog.executemany("DELETE FROM profiles WHERE id = ?", ((i,) for i in ids))
        return len(ids), picks

    def _keys(self, condition: str) -> Iterator[bytes]:
        """The encodings' keys of judgements that meet a condition."""
        select = "SELECT id, prompt, responses FROM main.feedback"
        rows = self._catalog.pages(select, condition, (), limit=0, newest_first=False)
        for _, prompt, responses in rows:
            turns = prompt_from_json(prompt)
            for response in json.loads(responses):
                yield encoding_key(turns, response)

    def _logged_keys(self, condition: str, parameters: Sequence[Any] = ()) -> Iterator[bytes]:
        """The encodings' keys of answers in the log that meet a condition."""
        select = "SELECT id, prompt, response FROM main.generations"
        rows = self._catalog.pages(select, condition, parameters, limit=0, newest_first=False)
        for _, prompt, response in rows:
            yield encoding_key(prompt_from_json(prompt), json.loads(response))

    def _setting(self, key: str) -> str | None:
        row = self._catalog.row("SELECT value FROM settings WHERE key = ?", (key,))
        return None if row is None else str(row[0])
