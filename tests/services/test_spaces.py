"""Spaces by name, and what is said of one whose files are no good."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.services import space_training, spaces
from prefcli.store import Store
from tests.random_spaces import random_space
from tests.tiny_bases import tiny_base


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open() as store:
        yield store


def remove(directory: Path) -> None:
    shutil.rmtree(directory)


def overwrite(directory: Path) -> None:
    (directory / "space.json").write_text("[]")


def cut(directory: Path) -> None:
    file = directory / "space.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


def exchange(directory: Path) -> None:
    random_space(tiny_base("gpt2"), seed=9).save(directory)


@pytest.mark.parametrize(
    ("harm", "state", "kind"),
    [
        (remove, "missing", NotFoundError),
        (overwrite, "damaged", DataError),
        (cut, "damaged", DataError),
        (exchange, "damaged", DataError),
    ],
)
def test_a_space_without_good_files_is_told_and_harms_no_other(
    store: Store,
    prompts: str,
    training: list[Any],
    harm: Callable[[Path], None],
    state: str,
    kind: type[PrefcliError],
) -> None:
    fingerprint = space_training.train_space(store, name="bad", prompts=prompts)["fingerprint"]
    space_training.train_space(store, name="good", prompts=prompts, seed=1)
    harm(store.space_directory("bad"))
    rows = {row["space"]: row for row in spaces.list_spaces(store)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "tiny": "ok",
        "bad": state,
        "good": "ok",
    }
    assert rows["bad"].keys() == rows["good"].keys()
    for use in (
        lambda: spaces.resolve_space(store, "bad"),
        lambda: spaces.use_space(store, "bad"),
        lambda: spaces.show_space(store, "bad"),
        lambda: spaces.space_of(store, fingerprint),
    ):
        with pytest.raises(kind) as caught:
            use()
        message = caught.value.message
        assert str(store.space_directory("bad")) in message
        assert message.endswith(
            "restore that directory, or `prefcli space remove` it and import or train the space "
            "again"
        )
    for name in ("tiny", "good"):
        found = spaces.resolve_space(store, name)
        assert spaces.space_of(store, found.fingerprint) == found


def test_the_same_training_under_another_name_takes_a_lost_space_s_place(
    store: Store, prompts: str, training: list[Any]
) -> None:
    lost = space_training.train_space(store, name="lost", prompts=prompts)
    space_training.train_space(store, name="again", prompts=prompts)
    remove(store.space_directory("lost"))
    assert spaces.space_of(store, lost["fingerprint"]).name == "again"


@pytest.mark.parametrize("name", ["", "al\udcff", "a\0b"])
def test_a_name_that_is_no_text_is_no_name_to_ask_for(store: Store, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        spaces.use_space(store, name)
