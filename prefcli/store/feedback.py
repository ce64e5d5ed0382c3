"""Table `feedback`: one row per judgement, appended, and removed but never changed."""

# ruff: noqa: S608 (the interpolated parts are constants of this module; every value is bound)

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

from prefcli.feedback.records import (
    KINDS,
    Feedback,
    prompt_from_json,
    prompt_to_json,
    texts_to_json,
)
from prefcli.store.connection import Catalog, Row, now
from prefcli.store.rows import Admitted, StoredFeedback
from prefcli.store.selection import Selection
from prefcli.store.text import storable, storable_json, to_json

_SAID = (
    "user, kind, prompt, responses, value, row_id, time, "
    "strength, low, high, ranks, annotator, reason"
)
_ADMITTED = f"key, {_SAID}, source, line"
_STAGED = f"{_ADMITTED}, created"
_MARKS = ", ".join("?" * (_STAGED.count(",") + 1))
COLUMNS = f"id, {_SAID}, source, line, created, ingest"
_BATCH = 1000  # rows
_CACHE = 64 * 1024  # KB
_MOST_PARAMETERS = 500  # SQLite before 3.32 takes 999


Sourced = tuple[Feedback, str, int] | tuple[Feedback, str, int, str | None]
"""A judgement, the name of its file, its 1-based line there, and when it was read if not now."""


class FeedbackTable:
    """What people said."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def add_feedback(
        self,
        rows: Iterable[Sourced],
        details: Callable[[], Mapping[str, Any]] | None = None,
    ) -> tuple[int, int]:
        """As `admit_feedback`: how many were new, and how many were not."""
        admitted = self.admit_feedback(rows, details)
        return admitted.inserted, admitted.duplicates

    def admit_feedback(
        self,
        rows: Iterable[Sourced],
        details: Callable[[], Mapping[str, Any]] | None = None,
    ) -> Admitted:
        """Append judgements, all or none, leaving out those that are there already.

        The rows go to a private temporary database while `rows` is read, however slowly; the
        catalog is locked only while they move over in one transaction. If `rows` raises, nothing
        is added. When this returns, the rows survive a killed process and a power cut.

        Args:
            rows: Each judgement and where it came from; read once.
            details: What to note about this ingest; must be JSON. Asked once `rows` is read.
        """
        catalog = self._catalog
        source_rows = iter(rows)
        staged = 0
        with self._staging():
            while batch := [_staged(*row) for row in islice(source_rows, _BATCH)]:
                with catalog.transaction(lock=False):
                    catalog.executemany(
                        f"INSERT INTO staging.rows ({_STAGED}) VALUES ({_MARKS})", batch
                    )
                staged += len(batch)
            noted = to_json(dict(details())) if details else "{}"
            with catalog.cache(_CACHE), catalog.transaction():
                inserted, first = self._admit(staged, noted)
            duplicates = staged - inserted
            repeated = 0
            if inserted and duplicates:
                among = self._staged_since(first) - inserted
                repeated = max(0, min(among, duplicates))  # others may remove rows meanwhile
        return Admitted(inserted, duplicates, repeated)

    def _staged_since(self, first: int) -> int:
        """How many staged rows are the judgement of a row with this number or a higher one."""
        row = self._catalog.row(
            "SELECT count(*) FROM staging.rows AS s JOIN main.feedback AS f ON f.key = s.key "
            "WHERE f.id >= ?",
            (first,),
        )
        assert row is not None
        return int(row[0])

    def _admit(self, staged: int, details: str) -> tuple[int, int]:
        """Move what is staged and new into the catalog as one ingest.

        Returns:
            The number of its rows, and the lowest that their ids could be.
        """
        catalog = self._catalog
        created = now()
        number = _highest(catalog, "ingests") + 1
        before = _highest(catalog, "feedback")
        inserted = catalog.execute(
            f"INSERT INTO main.feedback ({_ADMITTED}, created, ingest) "
            f"SELECT {_ADMITTED}, coalesce(created, ?), ? FROM staging.rows "
            "WHERE true ORDER BY rowid "
            "ON CONFLICT (key) DO NOTHING",
            (created, number),
        ).rowcount
        first, last = (before + 1, _highest(catalog, "feedback")) if inserted else (None, None)
        catalog.execute(
            "INSERT INTO ingests (id, created, first, last, inserted, duplicates, details) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, created, first, last, inserted, staged - inserted, details),
        )
        return inserted, before + 1

    def feedback(
        self,
        user: str | None = None,
        limit: int = 0,
        newest_first: bool = False,
        selection: Selection | None = None,
    ) -> Iterator[StoredFeedback]:
        """Stored judgements in the order they came.

        Read page by page, with no transaction open in between: the caller may take its time and
        may write to this store meanwhile.

        Args:
            user: Only this user's.
            limit: At most so many; 0 for all.
            newest_first: The other way round.
            selection: Only these (instead of `user`).
        """
        condition, parameters = (selection or Selection(user=user)).condition()
        yield from map(
            stored,
            self._catalog.pages(
                f"SELECT {COLUMNS} FROM feedback", condition, parameters, limit, newest_first
            ),
        )

    def count_feedback(self, selection: Selection) -> tuple[int, int]:
        """How many judgements are selected, and the highest of their numbers, 0 without any."""
        condition, parameters = selection.condition()
        row = self._catalog.row(
            f"SELECT count(*), coalesce(max(id), 0) FROM feedback WHERE {condition or 'true'}",
            parameters,
        )
        assert row is not None
        return int(row[0]), int(row[1])

    def known_keys(self, keys: Collection[bytes]) -> set[bytes]:
        """Those of the judgements' keys that are stored."""
        wanted, found = list(keys), set[bytes]()
        for start in range(0, len(wanted), _MOST_PARAMETERS):
            batch = wanted[start : start + _MOST_PARAMETERS]
            marks = ", ".join("?" * len(batch))
            rows = self._catalog.rows(f"SELECT key FROM feedback WHERE key IN ({marks})", batch)
            found.update(key for (key,) in rows)
        return found

    def feedback_counts(self, user: str | None = None) -> dict[str, dict[str, int]]:
        """Number of judgements by user and kind; every kind is named, also at 0.

        Args:
            user: Only this user; the answer is empty if there are none.
        """
        counts = ", ".join(f"sum(kind = '{kind}')" for kind in KINDS)
        where, parameters = ("WHERE user = ?", [user]) if user is not None else ("", [])
        rows = self._catalog.rows(
            f"SELECT user, {counts} FROM feedback {where} GROUP BY user ORDER BY user", parameters
        )
        return {name: dict(zip(KINDS, numbers, strict=True)) for name, *numbers in rows}

    def feedback_marks(self) -> dict[str, tuple[int, int]]:
        """For each user their number of judgements and the newest one's id, in order of names.

        Another mark means other feedback: rows are only appended or removed.
        """
        rows = self._catalog.rows(
            "SELECT user, count(*), max(id) FROM feedback GROUP BY user ORDER BY user"
        )
        return {user: (count, newest) for user, count, newest in rows}

    def has_user(self, user: str) -> bool:
        """True if there is feedback by this user."""
        return (
            self._catalog.row("SELECT 1 FROM feedback WHERE user = ? LIMIT 1", (user,)) is not None
        )

    def users(self) -> list[str]:
        """Everyone who gave feedback, in alphabetical order."""
        rows = self._catalog.rows("SELECT DISTINCT user FROM feedback ORDER BY user")
        return [user for (user,) in rows]

    @contextmanager
    def _staging(self) -> Iterator[None]:
        """Attach a private temporary database with the table `staging.rows`.

        SQLite keeps a database without a name in memory, and what does not fit there in a file that
        it unlinks as soon as it has opened it: no other process can see the rows, and a killed
        process leaves none behind.
        """
        catalog = self._catalog
        catalog.execute("ATTACH '' AS staging")
        try:
            catalog.rows("PRAGMA staging.journal_mode = OFF")
            catalog.execute(f"CREATE TABLE staging.rows ({_STAGED})")
            yield
        finally:
            catalog.execute("DETACH staging")


def _highest(catalog: Catalog, table: str) -> int:
    """The highest id in a table, 0 where it is empty."""
    row = catalog.row(f"SELECT max(id) FROM main.{table}")
    return int(row[0] or 0) if row else 0


def _staged(feedback: Feedback, source: str, line: int, created: str | None = None) -> Row:
    prompt = prompt_to_json(feedback.prompt)
    responses = texts_to_json(feedback.responses)
    row_id, time, reason = feedback.row_id, feedback.time, feedback.reason
    return (
        feedback.key_over(prompt, responses),
        feedback.user,
        feedback.kind,
        storable_json(prompt),
        storable_json(responses),
        feedback.value,
        row_id and storable(row_id),
        time and storable(time),
        feedback.strength,
        feedback.low,
        feedback.high,
        None if feedback.ranks is None else to_json(feedback.ranks),
        feedback.annotator and storable(feedback.annotator),
        reason and storable(reason),
        source if source.isascii() else storable(source),
        line,
        created,
    )


def stored(row: Row) -> StoredFeedback:
    """The judgement in a row of `COLUMNS`."""
    number, user, kind, prompt, responses, value, row_id, time, *rest = row
    strength, low, high, ranks, annotator, reason, source, line, created, ingest = rest
    feedback = Feedback(
        user=user,
        kind=kind,
        prompt=prompt_from_json(prompt),
        responses=tuple(json.loads(responses)),
        value=value,
        row_id=row_id,
        time=time,
        strength=strength,
        low=low,
        high=high,
        ranks=None if ranks is None else tuple(json.loads(ranks)),
        annotator=annotator,
        reason=reason,
    )
    return StoredFeedback(number, feedback, source, line, created, ingest)
