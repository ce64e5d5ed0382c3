"""Encodings, profiles, the generation log and the registry: what goes in comes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prefcli.errors import UsageError
from prefcli.feedback.records import Message, encoding_key, text_prompt
from prefcli.store import Encoding, Store


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


# Encodings


def encoding(number: int) -> Encoding:
    return Encoding(bytes([number % 256] * 8), bytes(8), bits_per_byte=1.5, truncated=number == 1)


def test_encodings_come_back_for_any_number_of_keys(store: Store) -> None:
    rows = {encoding_key(text_prompt("q"), str(i)): encoding(i) for i in range(1234)}
    store.add_encodings("fingerprint", rows)
    assert store.encodings("fingerprint", [*rows, *rows, b"unknown"]) == rows
    assert store.encodings("fingerprint", rows.keys()) == rows
    assert store.encodings("fingerprint", []) == {}


def test_spaces_do_not_see_the_encodings_of_each_other(store: Store) -> None:
    store.add_encodings("one", {b"key": encoding(1)})
    store.add_encodings("two", {b"key": encoding(2)})
    assert store.encodings("one", [b"key"]) == {b"key": encoding(1)}
    assert store.encodings("two", [b"key"]) == {b"key": encoding(2)}
    assert store.encodings("three", [b"key"]) == {}


def test_an_encoding_that_is_there_stays(store: Store) -> None:
    store.add_encodings("space", {b"key": encoding(1)})
    store.add_encodings("space", {b"key": encoding(2), b"other": Encoding(b"m", b"v")})
    found = store.encodings("space", [b"key", b"other"])
    assert found == {b"key": encoding(1), b"other": Encoding(b"m", b"v", None, False)}


# Profiles


def test_versions_count_from_one_within_each_user(store: Store) -> None:
    users = ["alice", "alice", "bob", "alice"]
    assert [store.add_profile(user, "space", b"", {}) for user in users] == [1, 2, 1, 3]


def test_a_profile_is_found_by_version_and_by_space(store: Store) -> None:
    for space, artifact in [("old", b"1"), ("new", b"2"), ("old", b"3")]:
        store.add_profile("alice", space, artifact, {"method": "linear"})
    chosen = [
        store.profile("alice"),
        store.profile("alice", version=1),
        store.profile("alice", space="new"),
        store.profile("alice", version=2, space="new"),
    ]
    assert [row.artifact for row in chosen if row] == [b"3", b"1", b"2", b"2"]
    assert store.profile("alice", version=4) is None
    assert store.profile("alice", version=1, space="new") is None
    assert store.profile("bob") is None


def test_a_profile_keeps_the_report_of_its_fit(store: Store) -> None:
    summary = {"pairs": 7, "heldout_accuracy": None, "warnings": ["few pairs: 7 \ud800"]}
    store.add_profile("alice", "space", b"artifact", summary)
    profile = store.profile("alice")
    assert profile is not None
    assert (profile.summary, profile.bytes, profile.version) == (summary, 8, 1)


def test_the_list_has_the_latest_version_of_each_user_newest_first(store: Store) -> None:
    for user in ["alice", "bob", "alice", "carol", "bob"]:
        store.add_profile(user, "space", b"artifact", {"pairs": 1})

    def listed(**arguments: object) -> list[tuple[str, int]]:
        rows = store.profiles(**arguments)  # type: ignore[arg-type]
        return [(row.user, row.version) for row in rows]

    assert listed() == [("bob", 2), ("carol", 1), ("alice", 2)]
    assert listed(limit=2) == [("bob", 2), ("carol", 1)]
    assert listed(user="alice") == [("alice", 2)]
    assert listed(user="alice", all_versions=True) == [("alice", 2), ("alice", 1)]
    assert len(listed(all_versions=True)) == 5


def test_a_summary_that_is_no_json_adds_no_version(store: Store) -> None:
    with pytest.raises(TypeError):
        store.add_profile("alice", "space", b"", {"pairs": 1, "oops": object()})
    assert store.profiles() == []
    assert store.add_profile("alice", "space", b"", {}) == 1


def test_profiles_of_several_users_are_kept_all_or_none(store: Store) -> None:
    with pytest.raises(TypeError):
        store.add_profiles("space", [("alice", b"a", {}), ("bob", b"b", {"oops": object()})])
    assert store.profiles() == []
    rows = [("alice", b"a", {"pairs": 1}), ("bob", b"b", {}), ("alice", b"c", {})]
    assert store.add_profiles("space", rows) == [1, 1, 2]
    kept = [store.profile("alice", 1), store.profile("bob"), store.profile("alice")]
    assert [each and each.artifact for each in kept] == [b"a", b"b", b"c"]
    assert store.add_profiles("space", []) == []


# Generations


def test_the_generation_log_comes_back_newest_first(store: Store) -> None:
    prompt = (Message("system", "be brief"), Message("user", "hi \ud800"))
    for number, user in enumerate(["alice", None, "alice=0.7,bob=0.3", "alice"]):
        store.log_generation(
            prompt,
            f"answer {number} \udfff",
            base="tiny",
            user=user,
            version=number or None,
            seed=number,
            settings={"strength": 0.5},
        )
    rows = list(store.generations())
    assert [row.seed for row in rows] == [3, 2, 1, 0]
    assert [row.user for row in rows] == ["alice", "alice=0.7,bob=0.3", None, "alice"]
    assert rows[0].prompt == prompt
    assert rows[0].response == "answer 3 \udfff"
    assert (rows[0].version, rows[0].base, rows[0].settings) == (3, "tiny", {"strength": 0.5})
    assert [row.seed for row in store.generations(limit=1, user="alice")] == [3]


def test_a_seed_that_the_log_cannot_hold_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="--seed"):
        store.log_generation(text_prompt("q"), "a", base="tiny", seed=2**63)


# Registry


def test_a_base_added_again_from_the_same_source_is_refreshed(store: Store) -> None:
    first = store.add_base("qwen", "Qwen/Qwen2.5-0.5B", None, None, "f1", {"layers": 24})
    again = store.add_base("qwen", "Qwen/Qwen2.5-0.5B", "cuda", "bfloat16", "f2", {})
    assert (again.device, again.fingerprint, again.details) == ("cuda", "f2", {})
    assert again.created == first.created
    assert store.bases() == [again]
    assert store.base("qwen") == again
    assert store.base("other") is None


def test_a_name_that_belongs_to_another_base_is_refused(store: Store) -> None:
    first = store.add_base("mine", "/models/a", None, None, "f", {})
    with pytest.raises(UsageError, match="--name"):
        store.add_base("mine", "/models/b", None, None, "f", {})
    assert store.bases() == [first]


def test_a_name_that_belongs_to_another_space_is_refused(store: Store) -> None:
    store.add_space("mine", "tiny", "f1", {})
    again = store.add_space("mine", "tiny", "f1", {"rho": 3.0})
    for base, fingerprint in [("tiny", "f2"), ("qwen", "f1")]:
        with pytest.raises(UsageError, match="--name"):
            store.add_space("mine", base, fingerprint, {})
    assert again.details == {"rho": 3.0}
    assert store.spaces() == [again]
    assert store.space("mine") == again
    assert store.space("other") is None


def test_a_setting_holds_what_was_set_last(store: Store) -> None:
    assert store.setting("base") is None
    store.set_settings(base="one")
    store.set_settings(base="two")
    assert store.setting("base") == "two"


def test_each_space_has_a_directory_in_the_home(store: Store) -> None:
    assert store.space_directory("mine") == store.home / "spaces" / "mine"
    assert not store.space_directory("mine").exists()


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "a\\b", "a b", "-x", "a\0", "c:x"])
def test_a_name_that_is_no_directory_names_no_space(store: Store, name: str) -> None:
    for use in (
        lambda: store.space_directory(name),
        lambda: store.add_space(name, "tiny", "f", {}),
        lambda: store.add_base(name, "source", None, None, "f", {}),
    ):
        with pytest.raises(UsageError, match="name"):
            use()
