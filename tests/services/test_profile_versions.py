"""Versions of profiles: nothing is lost by going back, copying, naming or renaming."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.errors import NotFoundError, UsageError
from prefcli.feedback.records import Feedback, text_prompt
from prefcli.services import profile_versions as service
from prefcli.services.ingest import ingest
from prefcli.services.profiles import open_profile, stored_profile
from prefcli.store import Selection, Store
from tests.made_profiles import add_profile


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


def weight_of(store: Store, name: str) -> list[float]:
    return open_profile(stored_profile(store, name)).reward.weight[:2].tolist()


def said(user: str, number: int, **more: Any) -> tuple[Feedback, str, int]:
    prompt = text_prompt(f"question {number}")
    return Feedback(user, "pair", prompt, ("good", "bad"), **more), "a.jsonl", number


def test_a_rollback_is_a_new_version_with_the_old_contents(store: Store) -> None:
    add_profile(store, "alice", 1.0)
    add_profile(store, "alice", 0.0, 2.0)
    made = service.rollback(store, "alice", "1")
    assert (made["profile"], made["origin"], made["parents"]) == (
        "alice@3",
        "rollback",
        ["alice@1"],
    )
    artifacts = [stored_profile(store, f"alice@{version}").artifact for version in (1, 2, 3)]
    assert artifacts[2] == artifacts[0] != artifacts[1]
    assert [row["version"] for row in service.history(store, "alice")] == [3, 2, 1]


def test_the_history_tells_where_each_version_came_from(store: Store) -> None:
    add_profile(store, "alice", 1.0)
    service.rollback(store, "alice", "1")
    service.tag(store, "alice@1", "first")
    service.note(store, "alice@2", "  back\nagain ")
    newest, oldest = service.history(store, "alice")
    assert (newest["origin"], newest["note"], newest["tags"]) == ("rollback", "back again", [])
    assert (oldest["origin"], oldest["note"], oldest["tags"]) == ("fit", None, ["first"])
    with pytest.raises(NotFoundError, match="no such user"):
        service.history(store, "nobody")


def test_a_tag_names_its_version_wherever_a_profile_is_named(store: Store) -> None:
    add_profile(store, "alice", 1.0)
    add_profile(store, "alice", 0.0, 2.0)
    service.tag(store, "alice@1", "early")
    assert stored_profile(store, "alice@early").version == 1
    assert service.rollback(store, "alice", "early")["parents"] == ["alice@1"]
    with pytest.raises(UsageError, match="alice@1 has the tag 'early' already"):
        service.tag(store, "alice@2", "early")
    service.tag(store, "alice@2", "early", move=True)
    assert stored_profile(store, "alice@early").version == 2
    service.untag(store, "alice@2", "early")
    with pytest.raises(NotFoundError, match="alice@early"):
        stored_profile(store, "alice@early")
    with pytest.raises(NotFoundError, match="no tag"):
        service.untag(store, "alice@2", "early")


def test_going_back_takes_no_tag_and_no_note_along(store: Store) -> None:
    add_profile(store, "alice", 1.0)
    service.tag(store, "alice@1", "early")
    service.note(store, "alice@1", "the first")
    service.rollback(store, "alice", "early")
    assert stored_profile(store, "alice@early").version == 1
    assert service.read_note(store, "alice@2")["note"] is None


@pytest.mark.parametrize("text", ["", "3", "a b", "a@b", "a,b", "a=b", "x" * 101, "a\x07"])
def test_a_tag_that_would_be_read_as_something_else_is_refused(store: Store, text: str) -> None:
    add_profile(store, "alice", 1.0)
    with pytest.raises(UsageError, match="tag"):
        service.tag(store, "alice", text)


def test_a_copy_is_the_profile_under_another_name(store: Store) -> None:
    add_profile(store, "alice", 1.0, -2.0)
    made = service.copy(store, "alice", "work")
    assert (made["profile"], made["parents"]) == ("work@1", ["alice@1"])
    assert weight_of(store, "work") == weight_of(store, "alice")
    assert open_profile(stored_profile(store, "work")).user == "work"
    assert stored_profile(store, "alice").version == 1
    with pytest.raises(UsageError, match="--new-version"):
        service.copy(store, "alice", "work")
    assert service.copy(store, "alice", "work", new_version=True)["version"] == 2
    with pytest.raises(UsageError, match="rollback"):
        service.copy(store, "alice", "alice", new_version=True)


def test_renaming_moves_feedback_profiles_and_log_together(store: Store) -> None:
    store.add_feedback([said("alice", 1), said("bob", 2), said("group", 3, annotator="alice")])
    add_profile(store, "alice", 1.0)
    service.copy(store, "alice", "work")
    for name in ("alice", "bob", "alice@1=0.7,bob@1=0.3", "alice-2"):
        store.log_generation(text_prompt("x"), "y", base="tiny", user=name)
    renamed = service.rename(store, "alice", "al")
    assert (renamed["judgements"], renamed["profiles"], renamed["generations"]) == (2, 1, 2)
    assert store.users() == ["al", "bob", "group"]
    assert [row.feedback.annotator for row in store.feedback("group")] == ["al"]
    assert [row.user for row in store.generations()] == [
        "alice-2",
        "al@1=0.7,bob@1=0.3",
        "bob",
        "al",
    ]
    assert open_profile(stored_profile(store, "al@1")).user == "al"
    work = stored_profile(store, "work").summary
    assert (work["people"], work["parents"]) == (["al"], ["al@1"])
    with pytest.raises(NotFoundError):
        stored_profile(store, "alice")


def test_a_renamed_users_file_read_under_the_new_name_adds_nothing(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text('{"prompt": "How?", "chosen": "So.", "rejected": "Not so."}\n')
    ingest(store, [str(path)], user="alice")
    service.rename(store, "alice", "al")
    assert ingest(store, [str(path)], user="al").duplicates == 1
    assert store.count_feedback(Selection()) == (1, 1)


def test_a_name_that_is_somebodys_is_refused_and_nothing_changes(store: Store) -> None:
    store.add_feedback([said("alice", 1), said("group", 3, annotator="carol")])
    add_profile(store, "bob", 1.0)
    store.log_generation(text_prompt("x"), "y", base="tiny", user="dave")
    for taken in ("bob", "carol", "dave", "group"):
        with pytest.raises(UsageError, match="somebody already"):
            service.rename(store, "alice", taken)
    assert store.users() == ["alice", "group"]
    for wrong in ("", "a b", "a@2", "a,b", "alice"):
        with pytest.raises(UsageError):
            service.rename(store, "alice", wrong)
    with pytest.raises(NotFoundError, match="nobody"):
        service.rename(store, "nobody", "al")


def test_removing_a_version_leaves_the_others_and_the_feedback(store: Store) -> None:
    store.add_feedback([said("alice", 1)])
    for number in (1.0, 2.0, 3.0):
        add_profile(store, "alice", number)
    assert service.remove(store, "alice@2") == {"user": "alice", "removed": 1, "left": 2}
    assert [row["version"] for row in service.history(store, "alice")] == [3, 1]
    with pytest.raises(NotFoundError):
        service.remove(store, "alice@2")
    assert service.remove(store, "alice") == {"user": "alice", "removed": 2, "left": 0}
    assert store.has_user("alice")


def test_a_number_that_the_log_names_is_not_given_again(store: Store) -> None:
    add_profile(store, "alice", 1.0)
    add_profile(store, "alice", 2.0)
    store.log_generation(text_prompt("x"), "y", base="tiny", user="alice", version=2)
    service.remove(store, "alice@2")
    assert add_profile(store, "alice", 3.0) == 3


def test_forgetting_a_person_takes_the_copies_of_their_profile(store: Store) -> None:
    add_profile(store, "alice", 1.0)
    add_profile(store, "bob", 1.0)
    service.copy(store, "alice", "work")
    service.copy(store, "work", "home")
    assert store.forget_user("alice").profiles == 3
    assert [row.user for row in store.profiles()] == ["bob"]


def test_after_a_renaming_and_a_forgetting_no_file_holds_the_old_name(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "zebulon.jsonl"
    path.write_text('{"prompt": "p", "chosen": "good", "rejected": "bad"}\n')
    ingest(store, [str(path)], user="zebulon")
    service.rename(store, "zebulon", "zed")
    store.forget_user("zed")
    assert b"zebulon" not in b"".join(f.read_bytes() for f in store.home.rglob("*") if f.is_file())
