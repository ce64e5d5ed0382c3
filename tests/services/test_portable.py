"""Spaces are carried from home to home, and thrown away, without losing or mixing up anything."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prefcli.base import Base
from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.feedback.records import text_prompt
from prefcli.latent.files import read_weights
from prefcli.latent.portable import Portable
from prefcli.services.portable import add_portable, export_space, import_space, portable_space
from prefcli.services.space_files import keep, workplace
from prefcli.services.space_removal import remove_space
from prefcli.services.spaces import list_spaces, open_space, resolve_space, space_in_use, use_space
from prefcli.store import Encoding, Store
from tests.random_spaces import random_space
from tests.tiny_bases import tiny_base

ANSWERS = [(text_prompt("Hi?"), "yes"), (text_prompt("Why?"), "Because it is so.")]


@pytest.fixture(scope="module")
def base() -> Base:
    return tiny_base("gpt2")


def make_home(directory: Path, base: Base, *spaces: str, hub_id: str = "org/model") -> Store:
    """A home with the base under the name `mine`, and a space for each seed's name."""
    store = Store.open(directory)
    store.add_base("mine", hub_id, None, None, base.fingerprint(), {})
    for seed, name in enumerate(spaces):
        with workplace(store.home / "spaces") as place:
            keep(store, random_space(base, seed), name, "mine", place)
    return store


@pytest.fixture
def store(tmp_path: Path, base: Base) -> Iterator[Store]:
    with make_home(tmp_path / "home", base, "first", "second") as store:
        yield store


@pytest.fixture
def other(tmp_path: Path, base: Base) -> Iterator[Store]:
    with make_home(tmp_path / "other", base, hub_id="/a/directory") as store:
        yield store


def left(store: Store) -> list[str]:
    return sorted(path.name for path in (store.home / "spaces").glob("*"))


def file_of(store: Store, name: str, tmp_path: Path) -> str:
    path = tmp_path / f"{name}.space.safetensors"
    export_space(store, name, str(path))
    return str(path)


# -- export and import --------------------------------------------------------------------------


def test_a_space_that_was_carried_is_the_same_to_the_last_byte(
    store: Store, other: Store, base: Base, tmp_path: Path
) -> None:
    file = file_of(store, "first", tmp_path)
    told = import_space(other, file, "carried")
    assert (told["space"], told["base"], told["imported"]) == ("carried", "mine", True)
    here, there = resolve_space(store, "first"), resolve_space(other, "carried")
    for name in ("space.json", "space.safetensors"):
        assert (here.directory / name).read_bytes() == (there.directory / name).read_bytes()
    assert told["fingerprint"] == here.fingerprint
    one, two = (next(open_space(r).encode(base, ANSWERS)) for r in (here, there))
    for (_, a), (_, b) in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.mean, b.mean)
    again = export_space(other, "carried", str(tmp_path / "again"))
    assert Path(again["file"]).read_bytes() == Path(file).read_bytes()


def test_a_carried_space_says_how_many_users_prompts_it_saw_and_not_whose(
    store: Store, tmp_path: Path
) -> None:
    path = store.space_directory("first") / "space.json"
    description = json.loads(path.read_text())
    description["provenance"] = {"prompts": {"source": "feedback", "users": ["alice", "bob"]}}
    path.write_text(json.dumps(description))
    file = Path(file_of(store, "first", tmp_path))
    assert b"alice" not in file.read_bytes()
    assert b'"users": 2' in file.read_bytes() or b'\\"users\\": 2' in file.read_bytes()
    assert "alice" in path.read_text()  # here the name is needed, to tell who was in it


def test_the_same_space_twice_adds_nothing_and_another_name_is_allowed(
    store: Store, tmp_path: Path
) -> None:
    file = file_of(store, "first", tmp_path)
    assert import_space(store, file)["imported"] is False
    assert import_space(store, file, "again")["imported"] is True
    assert left(store) == ["again", "first", "second"]


def test_an_import_gives_back_files_that_were_lost(store: Store, tmp_path: Path) -> None:
    file = file_of(store, "first", tmp_path)
    for harm in (shutil.rmtree, lambda path: (path / "space.json").write_text("{")):
        harm(store.space_directory("first"))
        assert import_space(store, file)["imported"] is True
        assert {row["state"] for row in list_spaces(store)} == {"ok"}


@pytest.mark.parametrize("name", ["second", "First", "tiny"])
def test_a_name_that_another_space_has_is_refused(store: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="already"):
        import_space(store, file_of(store, "first", tmp_path), name)
    assert left(store) == ["first", "second"]


@pytest.mark.parametrize(
    ("source", "told"),
    [("a b.space.safetensors", "it is the file's: give a NAME after it"), ("-", "has no name")],
)
def test_a_file_whose_name_is_none_asks_for_one(store: Store, source: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        import_space(store, source)


def test_a_space_whose_base_is_not_here_names_the_base(store: Store, tmp_path: Path) -> None:
    file = file_of(store, "first", tmp_path)
    with Store.open(tmp_path / "bare") as bare:
        with pytest.raises(NotFoundError) as caught:
            import_space(bare, file)
        assert caught.value.message == (
            "the space was trained on base 'somewhere' (org/model), which is not here: "
            "`prefcli base add org/model` first"
        )
        with pytest.raises(DataError, match=r"trained on base 'somewhere' .*, not on 'tiny'"):
            import_space(bare, file, base="tiny")
        assert left(bare) == []


def test_of_two_bases_with_one_fingerprint_the_one_named_is_taken(
    store: Store, base: Base, tmp_path: Path
) -> None:
    store.add_base("twin", "/elsewhere", None, None, base.fingerprint(), {})
    file = file_of(store, "first", tmp_path)
    assert import_space(store, file, "a", base="twin")["base"] == "twin"
    store.set_settings(base="twin")
    assert import_space(store, file, "b")["base"] == "twin"


def test_the_embedded_space_can_be_carried_too(other: Store, tmp_path: Path) -> None:
    assert import_space(other, file_of(other, "tiny", tmp_path), "mine")["base"] == "tiny"


def changed(store: Store, **members: Any) -> bytes:
    """The first space with another description, and the checksum of that."""
    _, portable = portable_space(store, "first")
    return Portable(portable.description | members, portable.tensors).to_bytes()


@pytest.mark.parametrize(
    ("part", "size", "value"),
    [
        ("encoder", "width", 10**9),
        ("encoder", "heads", 0),
        ("encoder", "heads", 3),
        ("encoder", "latent_size", 10**30),
        ("adapter", "latent_size", 4),
        ("adapter", "width", 10**12),
        ("adapter", "layers", -1),
        ("adapter", "kind", "magic"),
        ("adapter", "surprise", 1),
    ],
)
def test_sizes_that_do_not_fit_are_bad_data_and_leave_nothing(
    store: Store, other: Store, part: str, size: str, value: Any
) -> None:
    description = resolve_space(store, "first").description
    content = changed(store, **{part: description[part] | {size: value}})
    with pytest.raises(DataError, match=r"f is no sound space .* do not fit together") as caught:
        add_portable(other, content, "bad", None, "f")
    assert ".training" not in caught.value.message
    assert left(other) == []


def test_weights_that_are_here_are_not_taken_with_other_settings(store: Store) -> None:
    """Their fingerprint would be one, and so would the cache of their encodings."""
    with pytest.raises(DataError, match="weights of space 'first' but another 'max_prompt_tokens'"):
        add_portable(store, changed(store, max_prompt_tokens=7), "cut", None, "f")


def test_sizes_that_only_the_base_can_judge_are_told_when_it_is_there(
    store: Store, other: Store, base: Base
) -> None:
    adapter = resolve_space(store, "first").description["adapter"]
    assert (adapter["heads"], adapter["head_dim"]) == (4, 8)
    content = changed(store, adapter=adapter | {"heads": 8, "head_dim": 4})
    add_portable(other, content, "turned", None, "f")
    with pytest.raises(DataError, match="sizes are not those of base"):
        open_space(resolve_space(other, "turned")).attach(base)


def test_an_export_is_whole_or_not_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "out"
    directory.mkdir()
    target = directory / "s"
    with monkeypatch.context() as patch:

        def full(path: Path, content: bytes) -> None:
            with path.open("wb") as file:
                file.write(content[:10])
            raise OSError(28, "No space left on device")

        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(PrefcliError, match=r"cannot write .*/s \(No space left on device\)"):
            export_space(store, "first", str(target))
    assert list(directory.iterdir()) == []
    target.write_text("mine")
    with pytest.raises(UsageError, match="exists already: --force overwrites it"):
        export_space(store, "first", str(target))
    assert target.read_text() == "mine"
    export_space(store, "first", str(target), force=True)
    assert list(directory.iterdir()) == [target]
    assert import_space(store, str(target), "again")["imported"]


def test_a_damaged_space_is_not_exported(store: Store, tmp_path: Path) -> None:
    path = store.space_directory("first") / "space.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="not those that its fingerprint is of"):
        export_space(store, "first", str(tmp_path / "s"))
    assert not (tmp_path / "s").exists()


def test_what_cannot_be_read_is_missing_input(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    for source in (str(tmp_path), str(tmp_path / "absent"), "a\0b", "-"):
        with pytest.raises(NotFoundError):
            import_space(store, source, "name")


def test_stdin_is_a_file_like_another(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    content = portable_space(store, "first")[1].to_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert import_space(store, "-", "again")["imported"] is True


# -- remove -------------------------------------------------------------------------------------


def fill(store: Store, name: str) -> str:
    """Two encodings and a profile of a space."""
    fingerprint = resolve_space(store, name).fingerprint
    rows = {bytes([i]) * 16: Encoding(b"m", b"v") for i in range(2)}
    store.add_encodings(fingerprint, rows)
    store.add_profile("alice", fingerprint, b"x", {"space": name})
    return fingerprint


def unharmed(directory: Path) -> None:
    pass


def cut(directory: Path) -> None:
    (directory / "space.safetensors").write_bytes(b"short")


@pytest.mark.parametrize("harm", [unharmed, shutil.rmtree, cut])
def test_a_space_is_removed_whatever_became_of_its_files_and_profiles_stay(
    store: Store, base: Base, harm: Callable[[Path], None]
) -> None:
    gone, kept = fill(store, "first"), fill(store, "second")
    harm(store.space_directory("first"))
    told = remove_space(store, "first")
    assert (told["encodings"], told["profiles"]) == (2, 1)
    assert left(store) == ["second"]
    assert [row["space"] for row in list_spaces(store)] == ["tiny", "second"]
    assert (store.count_encodings(gone), store.count_encodings(kept)) == (0, 2)
    assert (store.count_profiles(gone), store.count_profiles(kept)) == (1, 1)
    with workplace(store.home / "spaces") as place:  # the name is free
        keep(store, random_space(base, 7), "first", "mine", place)


def test_encodings_that_another_name_shares_stay(store: Store, tmp_path: Path) -> None:
    fingerprint = fill(store, "first")
    import_space(store, file_of(store, "first", tmp_path), "again")
    assert remove_space(store, "first")["encodings"] == 0
    assert store.count_encodings(fingerprint) == 2
    assert remove_space(store, "again")["encodings"] == 2


def test_what_was_in_use_gives_way_to_a_sound_space_of_its_base(store: Store) -> None:
    use_space(store, "second")
    assert remove_space(store, "second")["in_use"] == space_in_use(store) == "first"
    cut(store.space_directory("first"))
    assert remove_space(store, "first")["in_use"] == space_in_use(store) == "tiny"
    assert (store.setting("space"), store.setting("base")) == (None, "mine")


def test_what_was_not_in_use_changes_nothing_of_it(store: Store) -> None:
    use_space(store, "second")
    assert remove_space(store, "first")["in_use"] == space_in_use(store) == "second"


def test_nothing_goes_unless_agreed_or_if_the_catalog_cannot_be_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = fill(store, "first")
    asked: list[dict[str, Any]] = []
    with pytest.raises(PrefcliError, match="nothing was removed"):
        remove_space(store, "first", lambda plan: bool(asked.append(plan)))
    assert (asked[0]["encodings"], asked[0]["profiles"]) == (2, 1)
    execute = store._catalog.execute

    def fail(sql: str, *words: Any) -> Any:
        if sql == "COMMIT":
            raise PrefcliError("no space left")
        return execute(sql, *words)

    with monkeypatch.context() as patch:
        patch.setattr(store._catalog, "execute", fail)
        with pytest.raises(PrefcliError, match="no space left"):
            remove_space(store, "first")
    assert {row["space"]: row["state"] for row in list_spaces(store)}["first"] == "ok"
    assert store.count_encodings(fingerprint) == 2
    read_weights(store.space_directory("first"), fingerprint)


def test_the_built_in_space_and_no_space_cannot_be_removed(store: Store) -> None:
    with pytest.raises(UsageError, match="the built-in space"):
        remove_space(store, "tiny")
    with pytest.raises(NotFoundError, match="no space 'absent'"):
        remove_space(store, "absent")


def test_a_space_that_is_exchanged_while_it_is_at_work_is_told(
    store: Store, tmp_path: Path
) -> None:
    reference = resolve_space(store, "first")
    remove_space(store, "first")
    import_space(store, file_of(store, "second", tmp_path), "first")
    with pytest.raises(DataError, match="'first' became another one meanwhile"):
        open_space(reference)
    assert json.loads((reference.directory / "space.json").read_text())
