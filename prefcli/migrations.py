"""The catalog's schema, as numbered steps that are never edited once released.

Each step is one function; its name is recorded in the table `_sqlite_migrations` by
sqlite-utils, inside the transaction that changes the schema. A new step goes to the end of
`STEPS`. sqlite-utils is imported only when a step is pending, so a command on a catalog that is
up to date does not pay for it.

Why the columns are as they are:

- `feedback.key` is the content hash that makes reading a file twice add nothing. Rows are only
  ever appended, so `id` is the order in which they came. The index (user, id, kind) serves all
  three questions about a user: the newest rows, all rows in order, and the counts by kind, the
  last without touching the rows.
- `encodings` has random keys, and rows of some hundred bytes. Rows appended to a table, with the
  keys in an index, cost a third of the time to add that they cost in a WITHOUT ROWID table in the
  order of the keys, and are found as fast. A space's fingerprint stands once in `encoded_spaces`
  and not in every row.
- `feedback` has a column for each thing that only some kinds of judgement say; NULL costs a byte.
  They were added to rows that exist without rewriting those, and need no index of their own.
- `ingests` numbers what was read together. Its rows have neighbouring ids (one transaction adds
  them), so `first` and `last` find them without an index, and `feedback.ingest` tells them from
  later rows that were given the ids of removed ones.
- `profiles` and `profile_artifacts` are apart so that a list of 100 000 users reads no artifact.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

MIGRATION_SET = "prefcli"
# "pref" in ASCII: tells a catalog from some other program's SQLite file of the same name.
APPLICATION_ID = 0x70726566


def m001_initial(db: Database) -> None:
    """Feedback, encodings, profiles, generations, bases, spaces and settings."""
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in _INITIAL:
        db.execute(statement)


def m002_kinds(db: Database) -> None:
    """What ratings, rankings and strengths say, who judged and why; numbered ingests."""
    for statement in _KINDS:
        db.execute(statement)


def m003_populations(db: Database) -> None:
    """What the users of a space have in common."""
    db.execute(
        "CREATE TABLE populations (space TEXT PRIMARY KEY, artifact BLOB NOT NULL, "
        "created TEXT NOT NULL)"
    )


def m004_blind_picks(db: Database) -> None:
    """What people picked without knowing which answer was the profile's."""
    db.execute(
        """
        CREATE TABLE blind_picks (
            id INTEGER PRIMARY KEY,
            created TEXT NOT NULL,
            user TEXT NOT NULL,         -- whose profile, and who picked
            version INTEGER NOT NULL,   -- of the profile; goes when that goes
            base TEXT NOT NULL,
            prompt TEXT NOT NULL,       -- JSON: [[role, content], ...]
            of_base TEXT NOT NULL,      -- JSON: text
            of_profile TEXT NOT NULL,   -- JSON: text
            profile_first INTEGER NOT NULL,
            choice TEXT NOT NULL,       -- profile, base or tie
            seed INTEGER NOT NULL,
            settings TEXT NOT NULL      -- JSON: strength, temperature, ...
        )
        """
    )
    db.execute("CREATE INDEX blind_picks_user ON blind_picks (user, version, id)")


STEPS: tuple[Callable[[Database], None], ...] = (
    m001_initial,
    m002_kinds,
    m003_populations,
    m004_blind_picks,
)
NAMES = tuple(step.__name__ for step in STEPS)

_INITIAL = (
    """
    CREATE TABLE feedback (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL,          -- Feedback.key, 16 bytes
        user TEXT NOT NULL,
        kind TEXT NOT NULL,
        prompt TEXT NOT NULL,       -- JSON: [[role, content], ...]
        responses TEXT NOT NULL,    -- JSON: [text, ...]
        value REAL NOT NULL,
        row_id TEXT,
        time TEXT,
        source TEXT NOT NULL,
        line INTEGER NOT NULL,
        created TEXT NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX feedback_key ON feedback (key)",
    "CREATE INDEX feedback_user ON feedback (user, id, kind)",
    """
    CREATE TABLE encoded_spaces (
        id INTEGER PRIMARY KEY,
        fingerprint TEXT NOT NULL UNIQUE
    )
    """,
    """
    CREATE TABLE encodings (
        space INTEGER NOT NULL REFERENCES encoded_spaces (id),
        key BLOB NOT NULL,          -- encoding_key(prompt, response), 16 bytes
        mean BLOB NOT NULL,         -- (d,) float32, little endian
        log_var BLOB NOT NULL,      -- (d,) float32, little endian
        bits_per_byte REAL,
        truncated INTEGER NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX encodings_key ON encodings (space, key)",
    """
    CREATE TABLE profiles (
        id INTEGER PRIMARY KEY,
        user TEXT NOT NULL,
        version INTEGER NOT NULL,   -- 1, 2, ... within the user
        space TEXT NOT NULL,        -- the space's fingerprint
        pairs INTEGER NOT NULL,
        thumbs INTEGER NOT NULL,
        heldout_accuracy REAL,
        bytes INTEGER NOT NULL,     -- size of the artifact
        summary TEXT NOT NULL,      -- JSON: the fit's report
        created TEXT NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX profiles_user_version ON profiles (user, version)",
    """
    CREATE TABLE profile_artifacts (
        id INTEGER PRIMARY KEY REFERENCES profiles (id),
        artifact BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE generations (
        id INTEGER PRIMARY KEY,
        created TEXT NOT NULL,
        user TEXT,                  -- profile or blend as it was named; NULL: the base alone
        version INTEGER,
        base TEXT NOT NULL,
        prompt TEXT NOT NULL,       -- JSON: [[role, content], ...]
        response TEXT NOT NULL,     -- JSON: text
        seed INTEGER,
        settings TEXT NOT NULL      -- JSON: strength, temperature, ...
    )
    """,
    "CREATE INDEX generations_user ON generations (user, id)",
    """
    CREATE TABLE bases (
        name TEXT PRIMARY KEY,
        source TEXT NOT NULL,       -- Hugging Face id or directory
        device TEXT,
        dtype TEXT,
        fingerprint TEXT NOT NULL,
        details TEXT NOT NULL,      -- JSON
        created TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE spaces (
        name TEXT PRIMARY KEY,
        base TEXT NOT NULL,         -- name of a base; a built-in one has no row
        fingerprint TEXT NOT NULL,
        details TEXT NOT NULL,      -- JSON
        created TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)

_KINDS = (
    "ALTER TABLE feedback ADD COLUMN strength REAL",
    "ALTER TABLE feedback ADD COLUMN low REAL",
    "ALTER TABLE feedback ADD COLUMN high REAL",
    "ALTER TABLE feedback ADD COLUMN ranks TEXT",  # JSON: [rank of each response, ...]
    "ALTER TABLE feedback ADD COLUMN annotator TEXT",
    "ALTER TABLE feedback ADD COLUMN reason TEXT",
    "ALTER TABLE feedback ADD COLUMN ingest INTEGER",  # ingests.id; NULL: older than that table
    """
    CREATE TABLE ingests (
        id INTEGER PRIMARY KEY,
        created TEXT NOT NULL,
        first INTEGER,              -- lowest and highest feedback.id of its rows; NULL: none
        last INTEGER,
        inserted INTEGER NOT NULL,
        duplicates INTEGER NOT NULL,
        details TEXT NOT NULL,      -- JSON: sources, formats and the other counts
        undone TEXT                 -- when it was taken back
    )
    """,
)


def applied(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Names of the steps that this catalog has, in order; none in a new file."""
    table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"
    if connection.execute(table).fetchone() is None:
        return ()
    rows = connection.execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id", (MIGRATION_SET,)
    )
    return tuple(name for (name,) in rows)


def apply(connection: sqlite3.Connection) -> None:
    """Bring the catalog up to date.

    Of several processes that find the same steps pending, the first to get the write lock does
    them; the others wait in `BEGIN IMMEDIATE` and then find nothing left to do. `Migrations.apply`
    alone looks before it locks, and the losers of that race fail.
    """
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

    migrations = Migrations(MIGRATION_SET)
    for step in STEPS:
        migrations()(step)
    db = Database(connection, recursive_triggers=False, execute_plugins=False)
    connection.execute("BEGIN IMMEDIATE")
    try:
        migrations.apply(db)
        connection.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise
