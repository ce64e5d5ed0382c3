"""What several tests of services share: a home with the starter users, and trainings in no time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.base import Base
from prefcli.latent.space import Space
from prefcli.services import space_training
from prefcli.services.fit import fit
from prefcli.services.ingest import ingest
from prefcli.services.starters import starter_directory
from prefcli.store import Store
from tests.random_spaces import random_space
from tests.tiny_bases import tiny_base

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


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(f"Question {i}?" for i in range(12)))
    return str(path)


@pytest.fixture(scope="session")
def base() -> Base:
    return tiny_base("gpt2")


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch, base: Base) -> list[Callable[[], object]]:
    """What happens while a space is trained; the space's weights depend on the seed."""
    meanwhile: list[Callable[[], object]] = []

    def train(base: Base, _: Any, config: Any, *__: Any, **___: Any) -> Space:
        for act in meanwhile:
            act()
        return random_space(base, seed=config.seed % 2**32)

    monkeypatch.setattr("prefcli.latent.train.train_space", train)
    monkeypatch.setattr(space_training, "open_base", lambda *_: base)
    return meanwhile
