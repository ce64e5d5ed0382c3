"""Catalogs of every age open, and what they hold is as it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from prefcli import migrations
from prefcli.feedback.records import Feedback, text_prompt
from prefcli.store import Store

# As the first prefcli wrote them, keys included.
FIRST_ROWS = [
    (
        "9359d1b80b591104aa49930047446abb",
        "alice",
        "pair",
        '[["user", "How do I cook rice?"]]',
        '["Rinse it.", "It depends."]',
        1.0,
    ),
    (
        "8165bb81646ac3fd5609a1626ab77d6a",
        "bob",
        "thumb",
        '[["user", "How do I cook rice?"]]',
        '["Rinse it."]',
        1.0,
    ),
]


def first_catalog(home: Path, copies: int = 1) -> sqlite3.Connection:
    """A catalog of the first schema alone, `copies` times its rows, made without our code."""
    home.mkdir(mode=0o700)
    db = sqlite3.connect(home / "catalog.db")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA application_id = {migrations.APPLICATION_ID}")
    for statement in migrations._INITIAL:
        db.execute(statement)
    db.execute(
        "CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, "
        "name TEXT, applied_at TEXT)"
    )
    db.execute(
        "CREATE UNIQUE INDEX idx__sqlite_migrations_migration_set_name "
        "ON _sqlite_migrations (migration_set, name)"
    )
    db.execute("INSERT INTO _sqlite_migrations VALUES (1, 'prefcli', 'm001_initial', '2026')")
    for copy in range(copies):
        db.executemany(
            "INSERT INTO feedback (key, user, kind, prompt, responses, value, source, line, "
            "created) VALUES (?, ?, ?, ?, ?, ?, 'old.jsonl', 1, '2026-11-21T00:00:00.000Z')",
            [
                (bytes.fromhex(key) if copy == 0 else bytes.fromhex(key) + b"%d" % copy, *rest)
                for key, *rest in FIRST_ROWS
            ],
        )
    db.commit()
    return db


def test_a_catalog_of_the_first_schema_opens_with_all_it_holds(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first_catalog(home).close()
    rice = text_prompt("How do I cook rice?")
    pair = Feedback("alice", "pair", rice, ("Rinse it.", "It depends."))
    thumb = Feedback("bob", "thumb", rice, ("Rinse it.",))
    rating = Feedback("bob", "rating", rice, ("Rinse it.",), 4, low=1, high=5, reason="why not")
    with Store.open(home) as store:
        assert [row.feedback for row in store.feedback()] == [pair, thumb]
        assert {row.ingest for row in store.feedback()} == {None}
        again = [(each, "new.jsonl", 1) for each in (pair, thumb, rating)]
        assert store.add_feedback(again) == (1, 2)
        assert [(row.feedback, row.ingest) for row in store.feedback("bob")] == [
            (thumb, None),
            (rating, 1),
        ]


def test_the_second_step_does_not_rewrite_the_rows(tmp_path: Path) -> None:
    home = tmp_path / "home"
    db = first_catalog(home, copies=5000)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("PRAGMA wal_autocheckpoint = 0")  # held open: what opening writes stays in the WAL
    size = (home / "catalog.db").stat().st_size
    with Store.open(home) as store:
        written = (home / "catalog.db-wal").stat().st_size
        assert len(store.users()) == 2
    db.close()
    assert size > 1_000_000
    assert 0 < written < size / 10
