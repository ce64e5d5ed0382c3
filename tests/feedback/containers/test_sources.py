from __future__ import annotations

from pathlib import Path

import pytest

from prefcli.errors import NotFoundError
from prefcli.feedback.containers.sources import expand, is_feedback_name


def files(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


@pytest.mark.parametrize(
    "name",
    ["a.jsonl", "a.JSON", "a.csv.gz", "a.tsv.zst", "a.gz", "a.zip", "a.tar.xz", "a.tgz", "x/a.db"],
)
def test_names_of_feedback(name: str) -> None:
    assert is_feedback_name(name)


@pytest.mark.parametrize("name", ["README.md", "a.png", "a.png.gz", "a.txt", "csv", "a.csv/b"])
def test_names_of_other_things(name: str) -> None:
    assert not is_feedback_name(name)


def test_a_directory_stands_for_its_feedback_in_order(tmp_path: Path) -> None:
    files(tmp_path, "b.csv", "a/z.jsonl.gz", "a/b/c.json", ".git/x.json", "a/.x.json", "n.md")
    notes: list[str] = []
    assert expand([str(tmp_path)], notes.append) == [
        str(tmp_path / name) for name in ("a/b/c.json", "a/z.jsonl.gz", "b.csv")
    ]
    assert notes == [f"{tmp_path}: 1 file is no feedback by name and not read: n.md"]


def test_a_pattern_stands_for_the_files_it_fits(tmp_path: Path) -> None:
    files(tmp_path, "2.log", "1.log", "x/y/3.log", "4.txt")
    deep = expand([str(tmp_path / "**" / "*.log")], [].append)
    assert deep == [str(tmp_path / name) for name in ("1.log", "2.log", "x/y/3.log")]
    assert expand([str(tmp_path / "*.log")], [].append) == deep[:2]
    with pytest.raises(NotFoundError, match="no file fits"):
        expand([str(tmp_path / "*.none")], [].append)


def test_a_file_of_that_very_name_is_no_pattern(tmp_path: Path) -> None:
    files(tmp_path, "a[1].json", "a1.json")
    assert expand([str(tmp_path / "a[1].json")], [].append) == [str(tmp_path / "a[1].json")]


def test_what_was_named_already_is_not_brought_again(tmp_path: Path) -> None:
    files(tmp_path, "a.json", "b.json")
    named = str(tmp_path / "b.json")
    found = expand([named, str(tmp_path), str(tmp_path / "*.json"), "-"], [].append)
    assert found == [named, str(tmp_path / "a.json"), "-"]


def test_a_directory_without_feedback_is_said(tmp_path: Path) -> None:
    files(tmp_path, "n.md")
    with pytest.raises(NotFoundError, match="holds no feedback"):
        expand([str(tmp_path)], [].append)
