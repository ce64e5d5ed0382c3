"""Prompts from a file or stdin: lines of text, and of JSON."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from prefcli.errors import DataError, NotFoundError
from prefcli.feedback.records import Message, text_prompt
from prefcli.services.prompts import read_prompts


def test_prompts_are_read_from_lines_of_text_and_of_json(tmp_path: Path) -> None:
    path = tmp_path / "prompts"
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "u\u2028v"}]
    rows = [
        json.dumps({"prompt": "one", "responses": ["first", "second", ""]}),
        json.dumps({"prompt": turns, "responses": None}, ensure_ascii=False),
    ]
    path.write_bytes(("\ufeff two \r\n\r\n" + "\n".join(rows)).encode())
    assert read_prompts(str(path)) == [
        (text_prompt("two"), ()),
        (text_prompt("one"), ("first", "second", "")),
        ((Message("system", "s"), Message("user", "u\u2028v")), ()),
    ]


@pytest.mark.parametrize(
    "line",
    [
        '{"prompt": ',
        '{"x": 1}',
        '{"prompt": 3}',
        '{"prompt": []}',
        '{"prompt": " "}',
        '{"prompt": [{"role": "user"}]}',
        '{"prompt": "\\ud800"}',
        '{"prompt": "p", "responses": "one"}',
        '{"prompt": "p", "responses": ["one", 2]}',
        '{"prompt": "p", "responses": ["one", "one"]}',
        '{"a":' * 9999,
    ],
)
def test_a_line_of_json_without_a_prompt_is_bad_data(tmp_path: Path, line: str) -> None:
    path = tmp_path / "prompts"
    path.write_text(f"fine\n{line}\n")
    with pytest.raises(DataError, match=f"{path}:2: "):
        read_prompts(str(path))


def test_prompts_that_are_not_there_are_missing_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    for source, told in (
        (str(tmp_path), "no such file, it is a directory"),
        (str(tmp_path / "absent"), "no such file"),
        ("a" * 5000, "cannot be read"),
        ("a\0b", "cannot be read"),
        ("-", "stdin: there is no standard input; name a file"),
    ):
        with pytest.raises(NotFoundError, match=told):
            read_prompts(source)


def test_prompts_in_bytes_that_are_no_text_are_bad_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"good\nb\xffd")))
    with pytest.raises(DataError, match="stdin: byte 6 is not UTF-8, expected text"):
        read_prompts("-")
