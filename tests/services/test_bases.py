"""Bases by name: the built-in one keeps its own, and a lost directory is told as what it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefcli import tiny
from prefcli.errors import NotFoundError, UsageError
from prefcli.services.bases import add_base, list_bases, open_base, resolve_base
from prefcli.store import Store
from tests.tiny_bases import save_tiny


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open() as store:
        yield store


@pytest.fixture
def never_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_base(*_: object) -> None:
        pytest.fail("a base was loaded")

    monkeypatch.setattr("prefcli.loading.load_base", load_base)


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        ("org/model", "tiny", "'tiny' is the built-in base's name, choose another"),
        ("org/tiny", None, "choose another; it comes from org/tiny: add --name NAME"),
        ("somewhere/tiny", None, "it comes from .*/somewhere/tiny: add --name NAME"),
        ("org/a:b", None, "base name 'a:b' cannot be used, .*; it comes from org/a:b: add --name"),
        ("/", None, "base name '' cannot be used"),
        ("", None, "SOURCE is empty"),
        ("org/model", "", "base name '' cannot be used"),
        ("org/model", "a" * 300, "base name 'a{20}...' is too long"),
        ("a" * 300, None, "is too long"),
        ("org/model", "al\udcff", "cannot be used"),
        ("org/al\udcff", "mine", "is not UTF-8 text: rename the directory"),
    ],
)
def test_a_name_that_is_reserved_or_none_is_refused_before_anything_is_loaded(
    store: Store,
    never_loaded: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    name: str | None,
    words: str,
) -> None:
    (tmp_path / "somewhere" / "tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words):
        add_base(store, source, name=name)
    assert [row["base"] for row in list_bases(store)] == ["tiny"]


def test_the_built_in_base_is_the_one_of_its_name_whatever_the_catalog_says(store: Store) -> None:
    store.add_base(tiny.NAME, "/elsewhere", None, None, "fingerprint", {})
    assert resolve_base(store, tiny.NAME).source == str(tiny.base_directory())
    assert list_bases(store)[0]["source"] == str(tiny.base_directory())


def test_a_base_is_opened_with_the_quantization_that_it_was_added_with(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_base(*asked: object) -> None:
        raise UsageError(f"{asked}")

    details = {"trust_remote_code": False, "quantize": "4bit"}
    store.add_base("small", "org/model", None, "bfloat16", "fingerprint", details)
    store.add_base("older", "org/model", None, None, "fingerprint", {})
    found = {row["base"]: row["quantize"] for row in list_bases(store)}
    assert found == {tiny.NAME: None, "small": "4bit", "older": None}
    monkeypatch.setattr("prefcli.loading.load_base", load_base)
    with pytest.raises(UsageError, match=r"\('org/model', None, 'bfloat16', False, '4bit'\)"):
        open_base(resolve_base(store, "small"))
    with pytest.raises(UsageError, match=r"\('org/model', None, None, False, None\)"):
        open_base(resolve_base(store, "older"))


def test_a_base_whose_directory_was_removed_is_not_found(store: Store, tmp_path: Path) -> None:
    directory = save_tiny("llama", tmp_path / "model")
    add_base(store, str(directory), name="good", device="cpu")
    shutil.rmtree(directory)
    with pytest.raises(NotFoundError) as caught:
        open_base(resolve_base(store, "good"))
    assert caught.value.message == (
        f"the directory of base 'good' is gone: {directory}, restore it, or add the model from "
        "elsewhere: `prefcli base add SOURCE --name OTHER`"
    )
