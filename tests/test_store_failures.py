"""What the store says when it fails: one line with what, where and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer

import pytest

from prefcli.errors import PrefcliError
from prefcli.feedback.records import Feedback, text_prompt
from prefcli.store import Store


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


def pairs(number: int, user: str = "alice") -> list[tuple[Feedback, str, int]]:
    return [
        (Feedback(user, "pair", text_prompt(f"question {i}"), ("good", "bad")), "rows.jsonl", i + 1)
        for i in range(number)
    ]


def garbage(home: Path) -> None:
    home.mkdir()
    (home / "catalog.db").write_bytes(b"not a database, whatever its name says\n" * 200)


def other_program(home: Path) -> None:
    home.mkdir()
    other = sqlite3.connect(home / "catalog.db")
    other.execute("CREATE TABLE books (title)")
    other.close()


def newer(home: Path) -> None:
    Store.open(home).close()
    later = sqlite3.connect(home / "catalog.db")
    later.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
        "VALUES ('prefcli', 'm999_from_the_future', '')"
    )
    later.commit()
    later.close()


def directory_instead_of_file(home: Path) -> None:
    (home / "catalog.db").mkdir(parents=True)


def file_instead_of_home(home: Path) -> None:
    home.write_text("")


@pytest.mark.parametrize(
    ("break_it", "what", "remedy"),
    [
        (garbage, "not a prefcli catalog, or damaged", "move the file away"),
        (other_program, "another program's database", "set PREFCLI_HOME"),
        (newer, "newer prefcli (it has m999_from_the_future)", "upgrade prefcli"),
        (directory_instead_of_file, "cannot be opened", "set PREFCLI_HOME"),
        (file_instead_of_home, "the home is no directory", "set PREFCLI_HOME"),
    ],
)
def test_a_home_that_cannot_be_opened_is_told_in_one_line(
    home: Path, break_it: Callable[[Path], None], what: str, remedy: str
) -> None:
    break_it(home)
    with pytest.raises(PrefcliError) as caught:
        Store.open(home)
    message = caught.value.message
    assert what in message
    assert remedy in message
    assert str(home) in message
    assert "\n" not in message


def test_a_home_that_may_not_be_made_is_told_in_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PrefcliError, match=r"Permission denied.*check the permissions"):
        Store.open(home)


def test_a_catalog_damaged_in_the_middle_is_told_where_it_is_read(home: Path) -> None:
    with Store.open(home) as store:
        store.add_feedback(pairs(2000))
    path = home / "catalog.db"
    content = bytearray(path.read_bytes())
    content[len(content) // 4 :] = b"\xff" * (len(content) - len(content) // 4)
    path.write_bytes(content)
    with Store.open(home) as store, pytest.raises(PrefcliError, match=r"damaged.*restore a copy"):
        list(store.feedback())


def test_a_lock_that_is_never_released_is_told_after_the_timeout(home: Path) -> None:
    with Store.open(home) as holder, Store.open(home, timeout=0.05) as store:
        with holder._catalog.transaction():
            with pytest.raises(PrefcliError, match=r"stayed locked for 0\.05 s.*run this again"):
                store.add_feedback(pairs(1))
            assert list(store.feedback()) == []
        assert store.add_feedback(pairs(1)) == (1, 0)


def test_opening_waits_while_another_process_prepares_the_new_file(home: Path) -> None:
    home.mkdir()
    other = sqlite3.connect(home / "catalog.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(PrefcliError, match="stayed locked"):
        Store.open(home, timeout=0.05)
    done = Timer(0.2, other.execute, ["COMMIT"])
    done.start()
    Store.open(home).close()
    done.join()
    other.close()


def test_a_full_disk_is_told_and_leaves_the_catalog_as_it_was(store: Store) -> None:
    store.add_feedback(pairs(3))
    pages = store._catalog.row("PRAGMA page_count")
    assert pages is not None
    store._catalog.rows(f"PRAGMA main.max_page_count = {pages[0] + 2}")
    with pytest.raises(PrefcliError, match=r"no space left.*free some disk space"):
        store.add_feedback(pairs(3000))
    assert len(list(store.feedback())) == 3
    store._catalog.rows("PRAGMA main.max_page_count = 1000000")
    assert store.add_feedback(pairs(3000)) == (2997, 3)
