"""How a space comes to be: what is refused first, what an ended or a killed training leaves.

No space is trained here: one with random weights takes the place of what training would give.
"""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.base import Base
from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.services import space_files, space_training, spaces
from prefcli.services.space_plan import unfinished
from prefcli.store import Store
from tests.random_spaces import random_space
from tests.tiny_bases import tiny_base


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open() as store:
        yield store


def states(store: Store) -> dict[str, str]:
    return {row["space"]: row["state"] for row in spaces.list_spaces(store)}


def left(store: Store) -> list[str]:
    """What lies where the spaces lie."""
    return sorted(path.name for path in (store.home / "spaces").glob("*"))


def test_a_trained_space_is_listed_and_private(
    store: Store, prompts: str, training: list[Any]
) -> None:
    row = space_training.train_space(store, name="mine", prompts=prompts, seed=2**63 - 1)
    assert (row["space"], row["state"], row["base"]) == ("mine", "ok", "tiny")
    assert states(store) == {"tiny": "ok", "mine": "ok"}
    assert left(store) == ["mine"]
    assert stat.S_IMODE((store.home / "spaces").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"name": "a" * 300}, "is too long: choose one of at most 200 bytes"),
        ({"name": "there"}, "a space 'there' exists already: choose another name"),
        ({"name": "There"}, "a space 'there' exists already"),
        ({"name": "tiny"}, "a space 'tiny' exists already"),
        ({"name": "al\udcff"}, "cannot be used"),
        ({"name": ""}, "cannot be used"),
        ({"base": ""}, "base name '' cannot be used"),
        ({"base": "al\udcff"}, "cannot be used"),
        ({"prompts": ""}, "--prompts is empty: name a file, or - for stdin"),
        ({"seed": -1}, "--seed -1: expected 0 to 9223372036854775807"),
        ({"seed": 2**63}, "--seed 9223372036854775808: expected 0 to"),
        ({"steps": 10**30}, "--steps of more than 64 bits: expected 1 to 1000000"),
        ({"steps": 0}, "--steps 0: expected"),
        ({"latent_size": 10**6}, "--latent-size 1000000: expected 1 to 1024"),
        ({"latent_size": 0}, "--latent-size 0"),
        ({"samples": 10**6}, "--samples 1000000: expected 2 to 1024"),
        ({"samples": 1}, "--samples 1"),
        ({"max_new_tokens": 10**9}, "--max-new-tokens 1000000000: expected 1 to 65536"),
        ({"trunk_layers": 4}, "--trunk-layers 4: expected 1 to 3"),
        ({"trunk_layers": 0}, "--trunk-layers 0"),
    ],
)
def test_words_that_cannot_be_followed_are_refused_before_sampling(
    store: Store, prompts: str, training: list[Any], words: dict[str, Any], told: str
) -> None:
    store.add_space("there", "tiny", "fingerprint", {})
    training.append(lambda: pytest.fail("training began"))
    with pytest.raises(UsageError, match=told):
        space_training.train_space(store, **{"name": "mine", "prompts": prompts, **words})
    assert left(store) == []


def test_a_home_that_cannot_be_written_to_is_told_before_sampling(
    store: Store, prompts: str, training: list[Any]
) -> None:
    (store.home / "spaces").write_text("no directory")
    training.append(lambda: pytest.fail("training began"))
    with pytest.raises(PrefcliError, match=r"cannot write to .*spaces \(File exists\): check"):
        space_training.train_space(store, name="mine", prompts=prompts)


def test_a_second_training_of_a_name_waits_for_the_first_to_end(
    store: Store, prompts: str, training: list[Any]
) -> None:
    def other() -> None:
        training.clear()
        with pytest.raises(PrefcliError, match="another process is training this space"):
            space_training.train_space(store, name="mine", prompts=prompts, seed=1)

    training.append(other)
    space_training.train_space(store, name="mine", prompts=prompts, seed=2)
    kept = spaces.open_space(spaces.resolve_space(store, "mine"))
    assert kept.fingerprint() == random_space(tiny_base("gpt2"), seed=2).fingerprint()
    assert left(store) == ["mine"]


def test_a_space_that_took_the_name_meanwhile_keeps_it(
    store: Store, prompts: str, training: list[Any], base: Base
) -> None:
    def arrive() -> None:
        space = random_space(base, seed=7)
        space.save(store.space_directory("mine"))
        store.add_space("mine", "tiny", space.fingerprint(), {})

    training.append(arrive)
    with pytest.raises(UsageError, match="space 'mine' exists already"):
        space_training.train_space(store, name="mine", prompts=prompts, seed=2)
    kept = spaces.open_space(spaces.resolve_space(store, "mine"))
    assert kept.fingerprint() == random_space(base, seed=7).fingerprint()
    assert left(store) == ["mine"]


def test_a_training_that_fails_leaves_nothing_and_the_name_is_free(
    store: Store, prompts: str, training: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        with pytest.raises(PrefcliError, match=r"cannot write to .*mine \(No space left"):
            space_training.train_space(store, name="mine", prompts=prompts)
    assert (left(store), states(store)) == ([], {"tiny": "ok"})
    space_training.train_space(store, name="mine", prompts=prompts)
    assert left(store) == ["mine"]


def test_what_a_killed_training_leaves_is_in_nobodys_way(
    store: Store, prompts: str, training: list[Any]
) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from prefcli.services import space_files\n"
        "with space_files.workplace(Path(sys.argv[1])) as workplace:\n"
        "    (workplace / 'half').touch(); os.kill(os.getpid(), signal.SIGTERM)"
    )
    directory = store.space_directory("mine")
    killed = subprocess.run([sys.executable, "-c", script, str(directory.parent)], check=False)
    assert killed.returncode == -signal.SIGTERM
    assert len(left(store)) == 1
    work = unfinished(directory)
    work.mkdir(parents=True)
    for name in (".checkpoint.pt.123", ".plan.json"):  # half-written
        (work / name).touch()
    directory.mkdir()  # or killed later, between putting the files there and the commit
    (directory / "space.json").write_text("{}")
    assert states(store) == {"tiny": "ok"}
    space_training.train_space(store, name="mine", prompts=prompts)
    assert states(store) == {"tiny": "ok", "mine": "ok"}
    assert left(store) == ["mine"]


def test_a_workplace_is_not_swept_while_its_process_lives(
    store: Store, prompts: str, training: list[Any]
) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from prefcli.services import space_files\n"
        "with space_files.workplace(Path(sys.argv[1])) as workplace:\n"
        "    print(workplace, flush=True); sys.stdin.read()"
    )
    spaces_directory = store.home / "spaces"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(spaces_directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        space_training.train_space(store, name="mine", prompts=prompts)
        assert theirs.is_dir()
        other.kill()
    assert theirs.is_dir()
    assert space_files.sweep(spaces_directory) == 1
    assert left(store) == ["mine"]


# -- unfinished trainings ------------------------------------------------------------------------


@pytest.fixture
def half_done(store: Store, prompts: str, training: list[Any]) -> Path:
    """The directory of a training of `mine` that was interrupted."""
    directory = unfinished(store.space_directory("mine"))

    def interrupt() -> None:
        training.clear()
        (directory / "checkpoint.pt").touch()
        (directory / ".checkpoint.pt.123").touch()
        raise KeyboardInterrupt

    training.append(interrupt)
    with pytest.raises(KeyboardInterrupt):
        space_training.train_space(store, name="mine", prompts=prompts, seed=5)
    return directory


def test_an_interrupted_training_is_gone_on_with_and_leaves_nothing(
    store: Store, prompts: str, half_done: Path, base: Base
) -> None:
    assert sorted(path.name for path in half_done.iterdir()) == [
        "checkpoint.pt",
        "lock",
        "plan.json",
    ]
    with pytest.raises(UsageError, match="is unfinished: go on with --resume, or throw away"):
        space_training.train_space(store, name="mine", prompts=prompts)
    Path(prompts).unlink()  # it is not needed any more
    row = space_training.train_space(store, name="mine", resume=True)
    assert row is not None
    assert row["fingerprint"] == random_space(base, seed=5).fingerprint()
    assert left(store) == ["mine"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"seed": 6}, "--seed 5: leave out --seed, or begin anew"),
        ({"prompts": "other"}, "leave out --prompts"),
        ({"base": "other"}, "with the base of that training, tiny: leave out --base"),
    ],
)
def test_a_training_that_is_gone_on_with_stays_what_it_was(
    store: Store, half_done: Path, words: dict[str, Any], told: str
) -> None:
    store.add_base("other", "somewhere", "cpu", None, "fingerprint", {})
    with pytest.raises(UsageError, match=told):
        space_training.train_space(store, name="mine", resume=True, **words)
    assert (half_done / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", "null", '{"format": 1}', '{"format": 1, "base": "tiny"}', "[" * 9999],
)
def test_a_plan_that_is_damaged_is_told_and_thrown_away_by_restart(
    store: Store, prompts: str, half_done: Path, content: str
) -> None:
    (half_done / "plan.json").write_text(content)
    with pytest.raises(DataError, match="is damaged: begin anew with --restart"):
        space_training.train_space(store, name="mine", resume=True)
    space_training.train_space(store, name="mine", prompts=prompts, restart=True)
    assert left(store) == ["mine"]


def test_without_a_plan_there_is_nothing_to_go_on_with(
    store: Store, prompts: str, half_done: Path
) -> None:
    (half_done / "plan.json").write_text('{"format": 2}')
    with pytest.raises(DataError, match="of another version of prefcli: begin anew"):
        space_training.train_space(store, name="mine", resume=True)
    (half_done / "plan.json").unlink()
    with pytest.raises(NotFoundError, match="no unfinished training of space 'mine'"):
        space_training.train_space(store, name="mine", resume=True)
    space_training.train_space(store, name="mine", prompts=prompts)
    assert left(store) == ["mine"]


def test_a_training_killed_when_its_space_was_there_has_ended(
    store: Store, prompts: str, half_done: Path
) -> None:
    row = space_training.train_space(store, name="mine", resume=True)
    assert row is not None
    half_done.mkdir()
    (half_done / "checkpoint.pt").touch()
    (half_done / ".kept").write_text(row["fingerprint"])
    assert space_training.train_space(store, name="mine", resume=True) == row
    assert left(store) == ["mine"]
