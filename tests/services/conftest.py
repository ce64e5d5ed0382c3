"""A home in which the starter users have been read and fitted, made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefcli.services.demo import starter_directory
from prefcli.services.fit import fit
from prefcli.services.ingest import ingest
from prefcli.store import Store

USERS = ("alice", "bob")


@pytest.fixture(scope="session")
def fitted_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("fitted") / "home"
    with Store.open(home) as store:
        for user in USERS:
            ingest(store, [str(starter_directory() / f"{user}.jsonl")], user=user)
            fit(store, user)
    return home


@pytest.fixture
def empty(home: Path) -> Iterator[Store]:
    """A home with nothing in it."""
    with Store.open(home) as store:
        yield store


@pytest.fixture
def fitted(fitted_home: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of it that a test may change."""
    shutil.copytree(fitted_home, tmp_path / "home")
    with Store.open(tmp_path / "home") as store:
        yield store
