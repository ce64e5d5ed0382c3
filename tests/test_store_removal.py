"""What is removed is gone and nothing else is, in one go or after an interruption."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.errors import NotFoundError, PrefcliError
from prefcli.feedback.records import Feedback, encoding_key, text_prompt
from prefcli.store import Encoding, Selection, Store
from prefcli.store.removal import Removal

SECRET = "the zebra's password is swordfish"


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


def said(user: str, number: int, source: str = "rows.jsonl", **more: Any) -> Any:
    prompt = text_prompt(more.pop("prompt", f"question {number}"))
    responses = more.pop("responses", (f"good {number}", f"bad {number}"))
    return Feedback(user, more.pop("kind", "pair"), prompt, responses, **more), source, number


def numbers(store: Store, selection: Selection | None = None) -> list[int]:
    return [row.id for row in store.feedback(selection=selection)]


# Selecting


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (Selection(), [1, 2, 3, 4]),
        (Selection(user="bob"), [3, 4]),
        (Selection(kind="thumb"), [2]),
        (Selection(source="b.jsonl"), [3, 4]),
        (Selection(source="in/b.jsonl"), [3, 4]),
        (Selection(source="jsonl"), []),
        (Selection(contains="question 1"), [1]),
        (Selection(contains='line\nand "quotes" ☂'), [3]),
        (Selection(contains="because"), [4]),
        (Selection(contains="user"), []),  # the name of every prompt's role
        (Selection(since="2000"), [1, 2, 3, 4]),
        (Selection(since="2999"), []),
        (Selection(ids=[4, 1, 99]), [1, 4]),
        (Selection(ids=[]), []),
        (Selection(last=2), [1, 2]),
        (Selection(user="bob", contains="because", source="b.jsonl"), [4]),
    ],
)
def test_a_selection_is_listed_counted_and_removed(
    store: Store, selection: Selection, found: list[int]
) -> None:
    store.add_feedback(
        [
            said("alice", 1, "a.jsonl"),
            said("alice", 2, "a.jsonl", kind="thumb", responses=("x",)),
            said("bob", 3, "in/b.jsonl", responses=('line\nand "quotes" ☂', "")),
            said("bob", 4, "in/b.jsonl", reason="because"),
        ]
    )
    assert numbers(store, selection) == found
    assert store.count_feedback(selection) == (len(found), max(found, default=0))
    assert store.remove_feedback(selection) == len(found)
    assert numbers(store) == [number for number in (1, 2, 3, 4) if number not in found]


# Undoing


def test_undo_takes_back_the_last_ingest_and_then_the_one_before(store: Store) -> None:
    store.add_feedback([said("alice", 1), said("alice", 2)], lambda: {"sources": ["a.jsonl"]})
    store.add_feedback([said("alice", 2), said("bob", 3)], lambda: {"sources": ["b.jsonl"]})
    undone = store.undo_ingest()
    assert (undone.ingest, undone.sources, undone.users) == (2, ["b.jsonl"], ["bob"])
    assert (undone.inserted, undone.removed) == (1, 1)
    assert numbers(store) == [1, 2]
    assert store.undo_ingest().sources == ["a.jsonl"]
    assert numbers(store) == []
    with pytest.raises(NotFoundError, match="no ingest to take back"):
        store.undo_ingest()
    assert store.add_feedback([said("alice", 1)]) == (1, 0)
    assert store.undo_ingest().ingest == 3


def test_undo_of_an_ingest_that_added_nothing_removes_nothing(store: Store) -> None:
    store.add_feedback([said("alice", 1)])
    store.add_feedback([said("alice", 1)])
    assert store.undo_ingest().removed == 0
    assert numbers(store) == [1]


def test_undo_spares_later_rows_that_were_given_the_numbers_of_removed_ones(store: Store) -> None:
    store.add_feedback([said("alice", 1), said("alice", 2)])
    store.remove_feedback(Selection(ids=[2]))
    store.add_feedback([said("bob", 3)])
    assert [row.feedback.user for row in store.feedback()] == ["alice", "bob"]
    connection = sqlite3.connect(store.home / "catalog.db")
    connection.execute("UPDATE ingests SET undone = 'as if' WHERE id = 2")
    connection.commit()
    connection.close()
    undone = store.undo_ingest()
    assert (undone.inserted, undone.removed) == (2, 1)
    assert [row.feedback.user for row in store.feedback()] == ["bob"]


# Forgetting


def fill(store: Store) -> None:
    """Alice's secret in every table, and bob's rows around it."""
    store.add_feedback(
        [
            said("bob", 1, "/data/alice/both.jsonl"),
            said("alice", 1, "/data/alice/both.jsonl"),
            said("alice", 2, responses=(SECRET, "no"), reason=SECRET),
            said("team", 3, responses=(SECRET * 500, "no"), annotator="alice"),
            said("malice", 4),
        ],
        lambda: {"sources": ["/data/alice/both.jsonl"]},
    )
    encoding = Encoding(b"mean" * 8, b"vars" * 8)
    keys = {
        encoding_key(row.feedback.prompt, text): encoding
        for row in store.feedback()
        for text in row.feedback.responses
    }
    for space in ("one", "two"):
        store.add_encodings(space, keys)
    store.put_population("one", b"what all have in common")
    for user in ("alice", "bob", "alice"):
        store.add_profile(user, "one", b"artifact of " + user.encode() * 400, {"pairs": 1})
    for name in ("alice", "alice=0.7,bob=0.3", "bob", "malice", None):
        store.log_generation(text_prompt(f"{name} asks"), f"to {name}", base="tiny", user=name)


def files(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_nothing_of_a_forgotten_user_is_left_in_any_file(home: Path, store: Store) -> None:
    fill(store)
    store.remove_feedback(Selection(ids=[3]))  # deleted before, and still in a free page
    assert SECRET.encode() in files(home)
    forgotten = store.forget_user("alice")
    assert (forgotten.judgements, forgotten.profiles, forgotten.generations) == (2, 2, 2)
    for moment in ("open", "closed"):
        left = files(home)
        for trace in (SECRET.encode(), b"artifact of alice", b"/alice/", b'"alice asks', b"alice="):
            assert trace not in left, (moment, trace)
        assert left.count(b"alice") == left.count(b"malice") > 0
        store.close()


def test_what_others_said_and_what_they_share_stays(store: Store) -> None:
    fill(store)
    forgotten = store.forget_user("alice")
    rows = list(store.feedback())
    assert [row.feedback.user for row in rows] == ["bob", "malice"]
    assert rows[0].source == "/data/(forgotten)/both.jsonl"
    shared = [
        encoding_key(row.feedback.prompt, text) for row in rows for text in row.feedback.responses
    ]
    for space in ("one", "two"):
        assert store.encodings(space, shared).keys() == set(shared)
    assert forgotten.encodings == 2 * 4  # the secrets and their two "no", in two spaces
    assert [row.user for row in store.profiles(all_versions=True)] == ["bob"]
    assert [row.user for row in store.generations()] == [None, "malice", "bob"]
    assert store.population("one") is None
    assert store.setting("scrub_pending") is None


def test_forgetting_nobody_changes_nothing_and_says_so(store: Store) -> None:
    fill(store)
    with pytest.raises(NotFoundError, match="nothing about user 'ali'"):
        store.forget_user("ali")
    assert store.population("one") == b"what all have in common"
    assert len(numbers(store)) == 5


def test_a_reader_that_keeps_old_pages_is_told_and_a_second_call_finishes(home: Path) -> None:
    with Store.open(home) as store:
        fill(store)
    reader = sqlite3.connect(home / "catalog.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM feedback").fetchone()
    with Store.open(home, timeout=0.2) as store:
        with pytest.raises(PrefcliError, match="keep old pages of the catalog alive"):
            store.forget_user("alice")
        assert not store.has_user("alice")
        assert SECRET.encode() in files(home)
        reader.execute("COMMIT")
        reader.close()
        assert store.forget_user("alice").is_nothing
        assert SECRET.encode() not in files(home)
        with pytest.raises(NotFoundError):
            store.forget_user("alice")


# Interrupted, and others in between


def interrupt_after(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """Batches of one row, and Ctrl-C before the next one."""
    monkeypatch.setattr("prefcli.store.removal._BATCH", 1)
    ranges = Removal._ranges

    def cut(self: Removal, *arguments: Any) -> Iterator[tuple[int, int]]:
        for done, found in enumerate(ranges(self, *arguments)):
            if done == batches:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(Removal, "_ranges", cut)


def test_forgetting_that_is_interrupted_is_finished_by_a_second_call(
    home: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            store.forget_user("alice")
    assert numbers(store) == [1, 4, 5]  # of alice's rows, the one for her team is left
    assert store.setting("scrub_pending") == "1"
    assert store.population("one") is None
    assert store.forget_user("alice").judgements == 1
    assert store.setting("scrub_pending") is None
    assert numbers(store) == [1, 5]
    shared = [
        encoding_key(row.feedback.prompt, text)
        for row in store.feedback()
        for text in row.feedback.responses
    ]
    connection = sqlite3.connect(home / "catalog.db")
    assert connection.execute("SELECT count(*) FROM encodings").fetchone() == (2 * len(shared),)
    connection.close()
    assert SECRET.encode() not in files(home)


def test_undo_that_is_interrupted_is_finished_by_a_second_call(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add_feedback([said("alice", 1)])
    store.add_feedback([said("alice", number) for number in range(2, 6)])
    with monkeypatch.context() as patch:
        interrupt_after(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            store.undo_ingest()
    assert numbers(store) == [1, 5]
    undone = store.undo_ingest()
    assert (undone.ingest, undone.removed) == (2, 1)
    assert numbers(store) == [1]


def test_others_write_while_many_rows_are_removed(
    home: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add_feedback([said("alice", number) for number in range(4)])
    monkeypatch.setattr("prefcli.store.removal._BATCH", 1)
    ranges = Removal._ranges

    def among_others(self: Removal, *arguments: Any) -> Iterator[tuple[int, int]]:
        for number, found in enumerate(ranges(self, *arguments)):
            with Store.open(home, timeout=0) as other:
                other.add_feedback([said("bob", number)])
            yield found

    monkeypatch.setattr(Removal, "_ranges", among_others)
    assert store.remove_feedback(Selection(user="alice")) == 4
    assert [row.feedback.user for row in store.feedback()] == ["bob"] * 4
