"""A backup is what was there; restoring it gives all of that, or leaves what was there before."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from prefcli import migrations, tiny
from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.feedback.records import Feedback, text_prompt
from prefcli.services.backup import backup, restore
from prefcli.services.spaces import resolve_space
from prefcli.store import Store
from prefcli.store.checkup import check_catalog
from tests.made_profiles import add_profile


def fill(home: Path, user: str, rows: int = 3, space: str | None = None) -> None:
    with Store.open(home) as store:
        store.add_feedback(
            (Feedback(user, "pair", text_prompt(f"{user} {i}?"), ("So.", "No.")), "file", i + 1)
            for i in range(rows)
        )
        add_profile(store, user, 1.0)
        if space:
            shutil.copytree(tiny.space_directory(), store.space_directory(space))
            store.add_space(space, "tiny", resolve_space(store).fingerprint, {})


def users(home: Path) -> list[str]:
    with Store.open(home) as store:
        return store.users()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Bob's home."""
    fill(tmp_path / "old", "bob")
    return tmp_path / "old"


@pytest.fixture
def alices(tmp_path: Path) -> Path:
    """A backup of alice's home."""
    fill(tmp_path / "alices", "alice")
    with Store.open(tmp_path / "alices") as store:
        backup(store, tmp_path / "alice.db")
    return tmp_path / "alice.db"


def test_what_is_restored_is_what_was_backed_up(alices: Path, tmp_path: Path) -> None:
    with Store.open(tmp_path / "alices") as store:
        rows, artifact = list(store.feedback()), store.profile("alice")
    done = restore(alices, tmp_path / "new")
    assert (done["rows"]["feedback"], done["rows"]["profiles"]) == (3, 1)
    with Store.open(tmp_path / "new") as store:
        assert (list(store.feedback()), store.profile("alice")) == (rows, artifact)
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    assert (tmp_path / "new" / "catalog.db").stat().st_mode & 0o077 == 0
    assert alices.stat().st_mode & 0o077 == 0


def test_a_backup_is_of_one_moment_while_others_write(old: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(old / "catalog.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM feedback")
        with Store.open(old) as store:
            assert backup(store, tmp_path / "b.db")["rows"]["feedback"] == 3
        other.execute("ROLLBACK")


def test_spaces_come_back_with_their_files_and_the_home_keeps_its_own(
    old: Path, tmp_path: Path
) -> None:
    fill(tmp_path / "alices", "alice", space="everyday")
    shutil.copytree(tiny.space_directory(), old / "spaces" / "bobs")
    with Store.open(tmp_path / "alices") as store:
        made = backup(store, tmp_path / "all.tar", spaces=True)
    assert made["spaces"] == ["everyday"]
    done = restore(tmp_path / "all.tar", old)
    assert (done["spaces"], done["left"]) == (["everyday"], ["bobs"])
    with Store.open(old) as store:
        assert resolve_space(store, "everyday").description["latent_size"] == 11
    assert {path.name for path in (old / "spaces").iterdir()} == {"bobs", "everyday"}
    assert restore(tmp_path / "all.tar", old)["spaces"] == ["everyday"]  # once more


def test_a_space_here_of_the_same_name_that_is_another_one_stops_it_before_anything_changes(
    old: Path, tmp_path: Path
) -> None:
    fill(tmp_path / "alices", "alice", space="everyday")
    with Store.open(tmp_path / "alices") as store:
        backup(store, tmp_path / "all.tar", spaces=True)
    (old / "spaces" / "everyday").mkdir(parents=True)
    with pytest.raises(UsageError, match="another one than the backup's"):
        restore(tmp_path / "all.tar", old)
    assert users(old) == ["bob"]


def test_whoever_does_not_agree_keeps_what_is_there_and_an_empty_home_is_not_asked_about(
    old: Path, alices: Path, tmp_path: Path
) -> None:
    def refuse(lost: dict[str, int]) -> None:
        assert lost["feedback"] == 3
        raise PrefcliError("no")

    with pytest.raises(PrefcliError, match="no"):
        restore(alices, old, agreed=refuse)
    assert users(old) == ["bob"]
    Store.open(tmp_path / "empty").close()
    restore(alices, tmp_path / "empty", agreed=refuse)
    assert users(tmp_path / "empty") == ["alice"]


def test_a_process_that_has_the_catalog_open_sees_the_new_one(old: Path, alices: Path) -> None:
    with Store.open(old) as store:
        restore(alices, old)
        assert store.users() == ["alice"]
        store.add_feedback([(Feedback("carol", "thumb", text_prompt("?"), ("x",), 1.0), "f", 1)])
    assert users(old) == ["alice", "carol"]
    check_catalog(old / "catalog.db")


def test_a_backup_of_an_older_prefcli_is_brought_up_to_date(alices: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(alices, isolation_level=None)) as connection:
        connection.execute("DROP TABLE blind_picks")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = ?", (migrations.NAMES[-1],))
    restore(alices, tmp_path / "new")
    with Store.open(tmp_path / "new") as store:
        assert not list(store.picks())


def test_a_damaged_catalog_is_set_aside_and_its_backup_takes_its_place(
    old: Path, alices: Path
) -> None:
    (old / "catalog.db").write_bytes(b"no database at all, but long enough to be read" * 99)
    restore(alices, old)
    assert users(old) == ["alice"]
    assert (old / "catalog.db.before-restore").read_bytes().startswith(b"no database")


def archive(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w") as made:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return path


def test_what_is_no_backup_is_refused_and_changes_nothing(
    old: Path, alices: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.db"
    cut.write_bytes(alices.read_bytes()[:9000])
    text = tmp_path / "text"
    text.write_text("no backup")
    escaping = archive(tmp_path / "a.tar", **{"../../evil": b"x"})
    strange = archive(tmp_path / "b.tar", **{"spaces/../space.json": b"{}"})
    empty = archive(tmp_path / "c.tar")
    for path in (cut, text, escaping, strange, empty):
        with pytest.raises((DataError, UsageError)):
            restore(path, old)
    with pytest.raises(NotFoundError):
        restore(tmp_path / "none", old)
    assert users(old) == ["bob"]
    assert [path.name for path in (old / "spaces").iterdir()] == []


def test_a_backup_takes_no_other_files_place_unless_it_is_forced(old: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")
    with Store.open(old) as store:
        with pytest.raises(UsageError, match="--force"):
            backup(store, tmp_path / "there")
        assert (tmp_path / "there").read_text() == "precious"
        backup(store, tmp_path / "there", force=True)
    assert check_catalog(tmp_path / "there")["feedback"] == 3
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("step", ["restore", "backup"])
def test_a_process_killed_at_any_step_leaves_the_old_or_the_new(
    old: Path, alices: Path, tmp_path: Path, step: str
) -> None:
    """The child kills itself at its n-th touch of the file system, for every n there is."""
    target = tmp_path / "target.db"
    seen = set()
    for n in range(1, 400):
        home = tmp_path / f"home{n}"
        shutil.copytree(old, home)
        target.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            _die_at(n)
            try:
                if step == "restore":
                    restore(alices, home)
                else:
                    with Store.open(home) as store:
                        backup(store, target)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        assert check_catalog(home / "catalog.db")["feedback"] == 3
        if target.exists():
            assert check_catalog(target)["feedback"] == 3
        seen.add((users(home)[0], target.exists()))
        shutil.rmtree(home)
        if not os.WIFSIGNALED(status):
            break
    else:
        pytest.fail("it never came to an end")
    ends = {("bob", False), ("alice", False) if step == "restore" else ("bob", True)}
    assert seen == ends


def _die_at(n: int) -> None:
    events = ("open", "os.", "shutil.", "sqlite3.", "pathlib.", "tempfile.")
    left = [n]

    def count(event: str, _: tuple[object, ...]) -> None:
        if event.startswith(events):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
