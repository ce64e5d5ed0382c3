"""Doctor finds what is broken, names the remedy, and touches nothing."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prefcli import __version__, migrations, tiny
from prefcli.feedback.records import Feedback, text_prompt
from prefcli.services import doctor
from prefcli.services.doctor import examine, worst
from prefcli.services.findings import Finding
from prefcli.services.machine import check_device, check_versions
from prefcli.services.spaces import resolve_space
from prefcli.store import Store
from tests.made_profiles import add_profile


@pytest.fixture(autouse=True)
def one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing torch takes seconds, and every test would look at the same machine."""
    monkeypatch.setattr(doctor, "check_device", lambda: iter(()))


@pytest.fixture
def home(home: Path) -> Path:
    """Feedback and a profile of alice."""
    with Store.open(home) as store:
        said = Feedback("alice", "pair", text_prompt("Why?"), ("So.", "No."))
        store.add_feedback([(said, "file", 1)])
        add_profile(store, "alice", 1.0)
    return home


def found(home: Path, state: str, deep: bool = False) -> list[Finding]:
    return [each for each in examine(home, deep=deep) if each.state == state]


def write(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / "catalog.db", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_sound_home_has_nothing_bad_and_no_warning(home: Path) -> None:
    findings = list(examine(home))
    assert worst([each.as_dict() for each in findings]) == "ok"
    told = {each.topic: each.told for each in findings}
    assert told["profiles"] == "1 opened, of 1 users"
    assert "1 feedback" in told["catalog"]


def test_a_home_that_is_not_there_is_fine_and_is_not_made(tmp_path: Path) -> None:
    assert found(tmp_path / "none" / "home", "bad") == []
    assert not (tmp_path / "none").exists()


def test_looking_changes_no_file(home: Path) -> None:
    def contents() -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in home.rglob("*")
            if path.is_file() and not path.name.endswith(("-shm", "-wal"))
        }

    before = contents()
    list(examine(home, deep=False))
    assert contents() == before


def test_a_damaged_catalog_is_bad_and_no_exception(home: Path) -> None:
    path = home / "catalog.db"
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)
    (broken,) = found(home, "bad")
    assert (broken.topic, "restore FILE" in broken.remedy) == ("catalog", True)
    path.write_bytes(b"no database at all, but long enough to be read" * 99)
    (broken,) = found(home, "bad")
    assert broken.topic == "catalog"


def test_another_programs_database_and_a_newer_catalog_are_bad(home: Path) -> None:
    write(home, "INSERT INTO _sqlite_migrations VALUES (99, 'prefcli', 'm999_later', 'now')")
    (newer,) = found(home, "bad")
    assert newer.remedy == "upgrade prefcli"
    write(home, "PRAGMA application_id = 7")
    (other,) = found(home, "bad")
    assert "no catalog of prefcli" in other.told


def test_an_older_catalog_is_a_warning_and_stays_old(home: Path) -> None:
    last = migrations.NAMES[-1]
    write(home, f"DELETE FROM _sqlite_migrations WHERE name = '{last}'")  # noqa: S608
    (old,) = found(home, "warning")
    assert last in old.told
    assert found(home, "warning") == [old]


def test_what_others_can_read_is_a_warning_with_the_command_that_ends_it(home: Path) -> None:
    home.chmod(0o755)
    (home / "catalog.db").chmod(0o640)
    remedies = [each.remedy for each in found(home, "warning")]
    assert remedies == [f"chmod 700 '{home}'", f"chmod 600 '{home / 'catalog.db'}'"]


def test_profiles_that_do_not_open_or_lost_contents_or_space_are_named(home: Path) -> None:
    with Store.open(home) as store:
        here = resolve_space(store).fingerprint
        store.add_profile("bob", here, b"no profile", {})
        store.add_profile("carol", here, b"gone", {})
        add_profile(store, "dave", 1.0, space="0123456789abcdef")
    write(home, "DELETE FROM profile_artifacts WHERE artifact = x'676f6e65'")
    told = {each.told: each.state for each in examine(home) if each.topic == "profiles"}
    assert told == {
        "their space is not here or no good: dave@1": "warning",
        "contents are gone: carol@1": "bad",
        "cannot be opened: bob@1": "bad",
    }


def test_bases_and_spaces_that_lost_their_files_are_bad_and_changed_weights_only_when_deep(
    home: Path, tmp_path: Path
) -> None:
    with Store.open(home) as store:
        copy = store.space_directory("copy")
        reference = resolve_space(store)
        shutil.copytree(tiny.space_directory(), copy)
        store.add_base("gone", str(tmp_path / "gone"), None, None, "x", {})
        store.add_space("copy", "tiny", reference.fingerprint, {})
        store.add_space("lost", "tiny", "0123456789abcdef", {})
        store.set_settings(base="removed")
    assert [each.topic for each in found(home, "bad")] == ["base gone", "space lost", "bases"]
    weights = copy / "space.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    assert "space copy" not in [each.topic for each in found(home, "bad")]
    assert (
        doctor._space(copy, "copy", "tiny", reference.fingerprint, {"tiny": "any"}, deep=True).state
        == "bad"
    )


def test_a_space_whose_base_is_missing_or_another_is_a_warning(home: Path) -> None:
    with Store.open(home) as store:
        fingerprint = resolve_space(store).fingerprint
        shutil.copytree(tiny.space_directory(), store.space_directory("copy"))
        store.add_space("copy", "absent", fingerprint, {})
    (missing,) = found(home, "warning")
    assert missing.remedy == "`prefcli base add SOURCE --name absent`"


def test_versions_name_the_program_and_what_is_installed() -> None:
    told = " ".join(each.told for each in check_versions())
    assert f"prefcli {__version__}" in told
    assert "torch 2." in told


def test_the_device_is_told_with_the_precision_that_pays() -> None:
    (device,) = [each for each in check_device() if each.state == "ok"]
    assert "bases load in" in device.told
