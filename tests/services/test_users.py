"""Whose a judgement is: found, renamed, and replaced by a pseudonym."""

from __future__ import annotations

import json
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.services.feedback import forget, list_feedback
from prefcli.services.fit import fit
from prefcli.services.ingest import ingest
from prefcli.services.users import parse_renames
from prefcli.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "home") as opened:
        yield opened


def pair(number: int, **more: Any) -> dict[str, Any]:
    return {"prompt": f"question {number}", "chosen": "Blue.", "rejected": "Green.", **more}


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def test_a_pattern_finds_the_user_in_the_files_name(store: Store, tmp_path: Path) -> None:
    inside = tmp_path / "votes-of.old"
    inside.mkdir()
    paths = [write(inside / f"votes-{name}.jsonl", [pair(1)]) for name in ("zoe", "ada")]
    report = ingest(store, paths, user_pattern=r"votes-(?P<user>[^.]+)\.jsonl")
    assert report.users == ["ada", "zoe"]
    assert [row.feedback.user for row in store.feedback()] == ["zoe", "ada"]
    folder = write(inside / "x.jsonl", [pair(2)])
    assert ingest(store, [folder], user_pattern=r"votes-(?P<user>\w+)").users == ["of"]
    with pytest.raises(DataError) as caught:
        ingest(store, [folder], user_pattern=r"ballots-(?P<user>\w+)")
    assert "file name 'x.jsonl': no user found" in caught.value.details[0]


def test_a_name_that_cannot_be_used_is_renamed_with_the_flag_that_the_error_gives(
    store: Store, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1, by="Zoë Doe"), pair(2, by="bob")])
    with pytest.raises(DataError) as caught:
        ingest(store, [path], user_field="by")
    (detail,) = caught.value.details
    _, flag = shlex.split(detail.split("rename it: ")[1])
    report = ingest(store, [path], user_field="by", map_user=parse_renames([flag]))
    assert report.users == ["Zoë-Doe", "bob"]


def test_pseudonyms_are_stable_and_leave_no_name_behind(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "votes-zoe.jsonl", [pair(1), pair(2)])
    pattern = r"votes-(?P<user>[^.]+)\.jsonl"
    (name,) = ingest(store, [path], user_pattern=pattern, pseudonymize=True).users
    assert re.fullmatch(r"u-[a-z2-7]{12}", name)
    assert ingest(store, [path], user="zoe", pseudonymize=True).duplicates == 2
    another = write(tmp_path / "votes.jsonl", [pair(1)])
    assert ingest(store, [another], user="ada", pseudonymize=True).users != [name]
    key = store.home / "pseudonym.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32
    # Elsewhere the same person has another pseudonym.
    with Store.open(tmp_path / "other") as other:
        assert ingest(other, [path], user="zoe", pseudonymize=True).users != [name]
    store.close()
    held = b"".join(file.read_bytes() for file in store.home.iterdir())
    assert b"question 1" in held
    assert b"zoe" not in held


def test_who_knows_the_name_finds_and_forgets_the_person_behind_a_pseudonym(
    store: Store, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1), pair(2)])
    (name,) = ingest(store, [path], user="zoe", pseudonymize=True).users
    ingest(store, [write(tmp_path / "y.jsonl", [pair(3)])], user="zoe")
    ingest(store, [path], user="ada", pseudonymize=True)
    assert [row["user"] for row in list_feedback(store, "zoe")] == ["zoe"]
    (ada,) = {row["user"] for row in list_feedback(store, "ada")}
    assert ada not in ("ada", name)
    with pytest.raises(NotFoundError, match=f"here they are {ada}: `prefcli fit --user {ada}`"):
        fit(store, "ada")
    gone = forget(store, "zoe")
    assert (gone["pseudonym"], gone["judgements"]) == (name, 3)
    assert store.users() == [ada]
    assert forget(store, ada) | {"user": None} == forgotten_of(2)
    with pytest.raises(NotFoundError):
        forget(store, "ada")
    store.close()
    held = b"".join(file.read_bytes() for file in store.home.iterdir())
    assert not any(each.encode() in held for each in ("zoe", name, ada, "question"))


def forgotten_of(judgements: int) -> dict[str, Any]:
    counts = {"judgements": judgements, "encodings": 0, "profiles": 0, "generations": 0}
    counts["picks"] = 0
    return {"user": None, "pseudonym": None, "spaces": [], "unfinished": [], **counts}


def test_a_pseudonym_needs_no_renaming(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1, by="Zoë Doe")])
    assert ingest(store, [path], user_field="by", pseudonymize=True).users[0].startswith("u-")


def test_a_renaming_is_split_at_its_last_equals_sign() -> None:
    assert parse_renames(["a=b=c", "x y=z"]) == {"a=b": "c", "x y": "z"}
    for texts, said in [
        (["a"], "expected OLD=NEW"),
        (["=a"], "expected OLD=NEW"),
        (["a=b", "a=c"], "'a' is renamed to 'b' and to 'c'"),
    ]:
        with pytest.raises(UsageError, match=said):
            parse_renames(texts)
