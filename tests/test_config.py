"""Which directory is the home."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefcli.config import catalog_path, home_directory
from prefcli.errors import PrefcliError


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PREFCLI_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_without_variables_the_home_is_in_the_user_data_directory(tmp_path: Path) -> None:
    assert home_directory() == tmp_path / ".local" / "share" / "prefcli"


def test_xdg_data_home_comes_before_the_user_data_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert home_directory() == Path("/data/prefcli")


def test_prefcli_home_comes_before_xdg_data_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("PREFCLI_HOME", "/own")
    assert home_directory() == Path("/own")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("PREFCLI_HOME", "")
    assert home_directory() == tmp_path / ".local" / "share" / "prefcli"


def test_a_relative_xdg_data_home_is_ignored_as_its_specification_asks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    assert home_directory() == tmp_path / ".local" / "share" / "prefcli"


def test_a_relative_prefcli_home_starts_at_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFCLI_HOME", "own")
    assert home_directory() == tmp_path / "own"


def test_a_tilde_in_prefcli_home_is_the_home_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFCLI_HOME", "~/own")
    assert home_directory() == tmp_path / "own"


def test_a_tilde_that_means_nobody_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PREFCLI_HOME", "~no-such-user-here/own")
    with pytest.raises(PrefcliError, match="set PREFCLI_HOME"):
        home_directory()


def test_the_home_is_not_made_by_asking_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFCLI_HOME", str(tmp_path / "own"))
    assert catalog_path() == tmp_path / "own" / "catalog.db"
    assert catalog_path(tmp_path) == tmp_path / "catalog.db"
    assert not (tmp_path / "own").exists()
