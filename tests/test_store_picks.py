"""Picks of blind tests: kept as they were made, and gone or renamed with whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.errors import UsageError
from prefcli.feedback.records import text_prompt
from prefcli.store import Store


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


def add(
    store: Store, user: str, version: int, text: str = "half \ud83d, NUL \0", **more: Any
) -> None:
    said: dict[str, Any] = {
        "base": "tiny",
        "prompt": text_prompt(text),
        "of_base": text + " base",
        "of_profile": text + " profile",
        "profile_first": True,
        "choice": "profile",
        "seed": 2**62,
        "settings": {"strength": 0.5},
    }
    store.add_pick(user, version, **said | more)


def fill(store: Store) -> None:
    """Alice's picks, and bob's about a version of his own and about a copy of hers."""
    for user, people in (("alice", []), ("bob", []), ("bob", ["alice"]), ("carol", [])):
        store.add_profile(user, "space", b"x", {"people": people})
    add(store, "alice", 1)
    add(store, "bob", 1, "of bob", choice="tie")
    add(store, "bob", 2, "secret of the copy")


def whose(store: Store) -> list[tuple[str, int]]:
    return [(pick.user, pick.version) for pick in store.picks()]


def test_a_pick_comes_back_as_it_was_made(store: Store) -> None:
    add(store, "alice", 3, profile_first=False, choice="base")
    [pick] = store.picks("alice", 3)
    assert (pick.user, pick.version, pick.base, pick.choice) == ("alice", 3, "tiny", "base")
    assert pick.prompt == text_prompt("half \ud83d, NUL \0")
    assert pick.of_profile == "half \ud83d, NUL \0 profile"
    assert (pick.profile_first, pick.seed, pick.settings) == (False, 2**62, {"strength": 0.5})
    assert list(store.picks("alice", 2)) == list(store.picks("bob")) == []


def test_who_is_forgotten_leaves_no_pick_and_none_about_what_others_had_of_them(
    home: Path, store: Store
) -> None:
    fill(store)
    forgotten = store.forget_user("alice")
    assert (forgotten.picks, whose(store)) == (2, [("bob", 1)])
    store.close()
    left = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"secret of the copy" not in left
    assert b"of bob" in left


def test_a_renamed_user_keeps_their_picks_and_takes_nobody_s_name(store: Store) -> None:
    fill(store)
    renamed = store.rename_user("alice", "alicia", lambda blob: blob)
    assert (renamed.picks, whose(store)) == (1, [("alicia", 1), ("bob", 1), ("bob", 2)])
    add(store, "dave", 1)
    with pytest.raises(UsageError, match="'dave' is somebody already"):
        store.rename_user("bob", "dave", lambda blob: blob)


def test_a_version_s_picks_go_with_it_since_its_number_is_given_again(store: Store) -> None:
    fill(store)
    store.remove_profiles("bob", 2)
    assert whose(store) == [("alice", 1), ("bob", 1)]
    assert store.add_profile("bob", "space", b"x", {}) == 2
    store.remove_profiles("bob")
    assert whose(store) == [("alice", 1)]
