"""Starter profiles are found by name, after files and before an error."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from prefcli.errors import NotFoundError, UsageError
from prefcli.services.profile_files import import_profile
from prefcli.services.profiles import show_profile
from prefcli.services.starters import list_starters, starter_directory, starter_file
from prefcli.store import Store


def test_all_starters_are_listed_with_what_they_like() -> None:
    listed = list_starters()
    names = [row["name"] for row in listed]
    assert names == sorted(names)
    assert len(names) >= 10
    assert all(row["likes"] and not row["likes"].startswith("likes") for row in listed)
    assert all(starter_file(row["name"]) == Path(row["file"]) for row in listed)


def test_a_starter_is_imported_by_its_name(empty: Store) -> None:
    made = import_profile(empty, "brief")
    assert (made["profile"], made["space"], made["imported"]) == ("brief@1", "tiny", True)
    assert show_profile(empty, "brief")["note"] == "likes few words"
    assert import_profile(empty, "brief")["imported"] is False
    assert import_profile(empty, "brief", name="anna")["profile"] == "anna@1"


def test_a_file_of_that_name_comes_first(
    empty: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(starter_directory() / "warm.pref", "brief")
    assert import_profile(empty, "brief")["profile"] == "warm@1"


@pytest.mark.parametrize(
    "name", ["nobody", "../profiles/brief", "brief.pref", "x" * 5_000, "brief\0", "."]
)
def test_what_is_neither_file_nor_starter_is_not_found(empty: Store, name: str) -> None:
    assert starter_file(name) is None
    with pytest.raises(NotFoundError):
        import_profile(empty, name)


def test_an_empty_name_is_a_usage_error_as_before(empty: Store) -> None:
    with pytest.raises(UsageError, match="FILE is empty"):
        import_profile(empty, "")


def test_a_starter_that_is_not_imported_yet_is_pointed_out(empty: Store) -> None:
    with pytest.raises(NotFoundError, match="`prefcli profile import brief` first"):
        show_profile(empty, "brief")
