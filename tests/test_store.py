"""The catalog in one process: opening it, and feedback that goes in all or not at all."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prefcli
from prefcli import migrations
from prefcli.feedback.records import KINDS, Feedback, text_prompt
from prefcli.store import Store, connection
from tests.judgements import judgements

Rows = list[tuple[Feedback, str, int]]


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One catalog for all examples of a property: making one takes longer than an example."""
    with Store.open(tmp_path_factory.mktemp("shared") / "home") as opened:
        yield opened


def pairs(number: int, user: str = "alice") -> Rows:
    return [
        (Feedback(user, "pair", text_prompt(f"question {i}"), ("good", "bad")), "rows.jsonl", i + 1)
        for i in range(number)
    ]


def thumbs(number: int, user: str = "alice") -> Rows:
    return [
        (Feedback(user, "thumb", text_prompt(f"question {i}"), ("fine",)), "rows.jsonl", i + 1)
        for i in range(number)
    ]


# Opening


def test_a_new_home_and_all_its_files_can_be_read_by_their_owner_only(home: Path) -> None:
    with Store.open(home) as store:
        store.add_feedback(pairs(1))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert modes == {"catalog.db": 0o600, "catalog.db-wal": 0o600, "catalog.db-shm": 0o600}


def test_the_default_home_is_the_configured_one(home: Path) -> None:
    with Store.open() as store:
        assert store.home == home
    assert (home / "catalog.db").exists()


def test_what_was_stored_is_there_after_opening_again(home: Path) -> None:
    with Store.open(home) as store:
        store.add_feedback(pairs(3))
    with Store.open(home) as store:
        assert [row.feedback for row in store.feedback()] == [row[0] for row in pairs(3)]


def test_every_migration_is_recorded_once_and_in_order(home: Path) -> None:
    for _ in range(2):
        Store.open(home).close()
    rows = sqlite3.connect(home / "catalog.db").execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set = 'prefcli' ORDER BY id"
    )
    assert [name for (name,) in rows] == list(migrations.NAMES)


def test_using_a_catalog_that_is_up_to_date_imports_nothing_heavy(home: Path) -> None:
    Store.open(home).close()
    program = (
        "import sys; from prefcli.store import Store\n"
        "with Store.open() as store: store.users()\n"
        "heavy = {'torch', 'transformers', 'numpy', 'pandas', 'sqlite_utils'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(prefcli.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


# Feedback


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_feedback_comes_back_as_it_was_and_only_once(
    shared_store: Store, data: st.DataObject
) -> None:
    store = shared_store
    user = f"user-{len(store.users())}"
    rows = data.draw(st.lists(judgements(user), min_size=1, max_size=6))
    distinct = list({row.key: row for row in rows}.values())
    numbered = [(row, "rows.jsonl", i + 1) for i, row in enumerate(rows)]

    assert store.add_feedback(numbered) == (len(distinct), len(rows) - len(distinct))
    assert store.add_feedback(numbered) == (0, len(rows))
    found = [row.feedback for row in store.feedback(user)]
    assert {row.key: row for row in found}.keys() == {row.key for row in distinct}
    assert all(row in rows for row in found)
    assert sum(store.feedback_counts(user)[user].values()) == len(distinct)


def test_a_row_knows_its_source_line_and_time(store: Store) -> None:
    store.add_feedback([(pairs(1)[0][0], "some/file\udcff.jsonl", 7)])
    (row,) = store.feedback()
    assert (row.source, row.line) == ("some/file\\udcff.jsonl", 7)
    created = datetime.fromisoformat(row.created)
    assert created.utcoffset() == timedelta(0)
    assert row.created.endswith("Z")


def test_the_same_judgement_by_another_user_is_no_duplicate(store: Store) -> None:
    assert store.add_feedback(pairs(4, "alice")) == (4, 0)
    assert store.add_feedback(pairs(6, "bob") + pairs(6, "alice")) == (8, 4)


def test_nothing_at_all_can_be_added(store: Store) -> None:
    assert store.add_feedback([]) == (0, 0)
    assert list(store.feedback()) == []
    assert store.feedback_counts() == {}
    assert store.users() == []


def test_counts_name_every_user_and_every_kind(store: Store) -> None:
    store.add_feedback(pairs(3, "bob") + thumbs(2, "bob") + thumbs(1, "alice"))
    none: dict[str, int] = dict.fromkeys(KINDS, 0)
    assert store.feedback_counts() == {
        "alice": none | {"thumb": 1},
        "bob": none | {"pair": 3, "thumb": 2},
    }
    assert store.feedback_counts("bob") == {"bob": none | {"pair": 3, "thumb": 2}}
    assert store.feedback_counts("carol") == {}
    assert store.users() == ["alice", "bob"]
    assert store.has_user("bob")
    assert not store.has_user("carol")


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [0, 1, 3, 4, 6, 100])
@pytest.mark.parametrize("user", [None, "alice"])
def test_pages_join_without_gap_or_repeat(
    store: Store, monkeypatch: pytest.MonkeyPatch, user: str | None, limit: int, newest_first: bool
) -> None:
    monkeypatch.setattr(connection, "_PAGE", 3)
    rows = [row for both in zip(pairs(7, "alice"), pairs(7, "bob"), strict=True) for row in both]
    store.add_feedback(rows)
    expected = [row for row, _, _ in rows if user in (None, row.user)]
    if newest_first:
        expected.reverse()
    found = [row.feedback for row in store.feedback(user, limit, newest_first)]
    assert found == (expected[:limit] if limit else expected)


def test_a_reader_may_write_between_rows_whatever_others_wrote_meanwhile(
    home: Path, store: Store
) -> None:
    store.add_feedback(pairs(3))
    with Store.open(home, timeout=0.0) as other:
        for row in store.feedback():
            other.set_settings(base=str(row.id))
            store.add_profile("alice", "space", b"", {})
    assert len(store.profiles(all_versions=True)) == 3


def test_the_catalog_is_not_locked_while_rows_are_still_being_read(
    home: Path, store: Store
) -> None:
    def slow_rows() -> Iterator[tuple[Feedback, str, int]]:
        with Store.open(home, timeout=0.0) as other:
            for row in pairs(2500):
                if row[2] % 1000 == 1:
                    other.set_settings(line=str(row[2]))
                yield row

    assert store.add_feedback(slow_rows()) == (2500, 0)
    assert store.setting("line") == "2001"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_rows_that_break_off_add_nothing_and_leave_nothing(
    store: Store, error: type[BaseException]
) -> None:
    def broken_rows() -> Iterator[tuple[Feedback, str, int]]:
        yield from pairs(1500)
        raise error

    files = set(store.home.iterdir())
    with pytest.raises(error):
        store.add_feedback(broken_rows())
    assert list(store.feedback()) == []
    assert set(store.home.iterdir()) == files
    assert store.add_feedback(pairs(3)) == (3, 0)
