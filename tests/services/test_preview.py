"""A dry run tells what an ingest would do, and does nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.errors import DataError, UsageError
from prefcli.services.ingest import ingest
from prefcli.services.preview import preview
from prefcli.store import Store


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


def pair(prompt: str, chosen: str, rejected: str, **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def write(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def state(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.iterdir() if "shm" not in path.name}


def test_everything_about_the_files_is_told(store: Store, tmp_path: Path) -> None:
    ingest(store, [write(tmp_path / "old.jsonl", pair("q", "a", "b"))], user="alice")
    path = write(
        tmp_path / "x.jsonl",
        pair("q", "a", "b"),
        pair("one two", "a b c", ""),
        pair("one two", "a b c", ""),
        pair("q", "same", "same"),
        pair("q", "b", "a"),
        pair("three words here", "d", "e", id=5),
    )
    found = preview(store, [path], user="alice").as_dict()
    samples = found.pop("samples")
    assert found == {
        "read": 6,
        "inserted": 3,
        "duplicates": 2,
        "repeated": 1,
        "ties": 1,
        "rejected": 0,
        "formats": ["trl-preference"],
        "users": {"alice": 5},
        "kinds": {"pair": 5},
        "equal": 0,
        "conflicts": 1,
        "first_conflict": f"{path}:5 contradicts the catalog (id 1)",
        "empty": 2,
        "prompt_words": {"median": 2, "max": 3},
        "answer_words": {"median": 1, "max": 3},
        "warnings": [
            f"2 judgements have an empty answer, the first in {path}:2",
            "1 pair has two identical answers, which say nothing: not stored",
        ],
    }
    assert [row["responses"] for row in samples] == [["a", "b"], ["a b c", ""], ["a b c", ""]]
    assert (samples[0]["source"], samples[0]["line"], samples[0]["user"]) == (path, 1, "alice")


def test_nothing_is_changed_not_even_by_pseudonyms(store: Store, tmp_path: Path) -> None:
    ingest(store, [write(tmp_path / "old.jsonl", pair("q", "a", "b"))], user="alice")
    before = state(store.home)
    path = write(tmp_path / "x.jsonl", pair("q", "c", "d"))
    found = preview(store, [path], user="zoe", pseudonymize=True)
    assert found.inserted == 1
    assert state(store.home) == before


def test_a_dry_run_foretells_the_ingest(store: Store, tmp_path: Path) -> None:
    rows = [pair(f"q{number % 1300}", "a", "b") for number in range(2600)]
    path = write(tmp_path / "x.jsonl", *rows, {"prompt": "q"})
    foretold = preview(store, [path], user="alice", skip_bad=True).as_dict()
    done = ingest(store, [path], user="alice", skip_bad=True).as_dict()
    same = ("read", "inserted", "duplicates", "repeated", "ties", "rejected", "formats", "warnings")
    for name in same:
        assert foretold[name] == done[name], name
    assert done["repeated"] == 1300
    assert preview(store, [path], user="alice", skip_bad=True).duplicates == 2600


def test_ties_and_rankings_with_ties_are_counted(store: Store, tmp_path: Path) -> None:
    def row(kind: str, **more: Any) -> dict[str, Any]:
        prompt = [{"role": "user", "content": "q"}]
        return {"user": "bob", "kind": kind, "prompt": prompt, **more}

    path = write(
        tmp_path / "x.jsonl",
        row("pair", responses=["a", "b"], value=0.5),
        row("ranking", responses=["a", "b", "c"], ranks=[1, 1, 2]),
        row("ranking", responses=["a", "b", "c"], ranks=[1, 3, 2]),
    )
    found = preview(store, [path])
    assert (found.equal, found.kinds) == (2, {"pair": 1, "ranking": 2})


def test_what_an_ingest_refuses_a_dry_run_refuses(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 of 1 rows are bad"):
        preview(
            store,
            [write(tmp_path / "x.jsonl", {"prompt": "q", "chosen": 1})],
            user="a",
            format="trl-preference",
        )
    with pytest.raises(UsageError, match="nothing to ingest"):
        preview(store, [], user="a")
