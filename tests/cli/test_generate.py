"""`prefcli generate`: where the prompt comes from, what streams, and what a batch returns."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.services import batch as batch_service
from prefcli.services import generate as service
from prefcli.services.generator import Generation
from prefcli.services.sampling import (
    HOTTEST,
    MAX_NEW_TOKENS,
    STRONGEST,
    TEMPERATURE,
    TOP_P,
)
from tests.cli.conftest import Run


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command asked of the service, which answers in capitals."""
    asked: list[dict[str, Any]] = []

    def generate(
        store: Any, prompt: str, *, on_text: Callable[[str], None] | None = None, **words: Any
    ) -> Generation:
        asked.append({"prompt": prompt, **words})
        for piece in prompt.upper().partition(" "):
            if on_text:
                on_text(piece)
        return Generation(
            *(prompt, prompt.upper(), words["profile"], 1, "tiny", words["seed"] or 7),
            warnings=["what a thing to ask"] if prompt == "strange" else [],
        )

    def generate_batch(store: Any, lines: Iterable[str], **words: Any) -> Iterator[dict[str, Any]]:
        asked.append(words)
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError as error:
                yield {"error": str(error), "line": line}
            else:
                yield {**record, "response": record["prompt"].upper()}

    monkeypatch.setattr(service, "generate", generate)
    monkeypatch.setattr(batch_service, "generate_batch", generate_batch)
    return asked


class Terminal(io.TextIOWrapper):
    """A stdin that somebody sits in front of."""

    def isatty(self) -> bool:
        return True

    def read(self, *_: Any) -> str:
        raise AssertionError("waits for a prompt")


def test_the_prompt_is_the_argument_and_the_text_ends_in_one_newline(
    run: Run, calls: list[dict[str, Any]]
) -> None:
    result = run("generate", "hello there")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "HELLO THERE\n", "")
    assert calls[0]["prompt"] == "hello there"


def test_every_option_reaches_the_service(run: Run, calls: list[dict[str, Any]]) -> None:
    run(
        *("generate", "hello", "--profile", "alice@2", "--base", "mine", "--strength", "0.5"),
        *("--seed", "3", "--max-new-tokens", "9", "--temperature", "0", "--top-p", "0.9", "--log"),
        *("--stop", "\n", "--stop", "END"),
    )
    assert calls[0].pop("progress") is not None
    assert calls == [
        {
            "prompt": "hello",
            "profile": "alice@2",
            "base": "mine",
            "strength": 0.5,
            "seed": 3,
            "max_new_tokens": 9,
            "temperature": 0.0,
            "top_p": 0.9,
            "stop": ["\n", "END"],
            "system": None,
            "log": True,
        }
    ]


def test_the_defaults_are_those_of_the_service(run: Run, calls: list[dict[str, Any]]) -> None:
    run("generate", "hello")
    assert calls[0]["max_new_tokens"] == MAX_NEW_TOKENS
    assert (calls[0]["temperature"], calls[0]["top_p"]) == (TEMPERATURE, TOP_P)
    assert calls[0]["seed"] is None


@pytest.mark.parametrize("words", [[], ["-"]])
def test_all_of_stdin_is_one_prompt(
    run: Run, calls: list[dict[str, Any]], words: list[str]
) -> None:
    result = run("generate", *words, stdin="two\n\nlines\n")
    assert calls[0]["prompt"] == "two\n\nlines"
    assert result.stdout == "TWO\n\nLINES\n"


def test_a_byte_order_mark_is_no_part_of_the_prompt(run: Run, calls: list[dict[str, Any]]) -> None:
    run("generate", stdin=b"\xef\xbb\xbfhello\r\n")
    assert calls[0]["prompt"] == "hello"


def test_stdin_that_is_not_utf_8_is_bad_data(run: Run, calls: list[dict[str, Any]]) -> None:
    result = run("generate", stdin=b"caf\xe9")
    assert (result.exit_code, result.stdout, calls) == (65, "", [])
    assert result.stderr == "prefcli: error: stdin is not UTF-8: byte 3\n"


def test_an_argument_that_is_not_utf_8_is_bad_data(run: Run, calls: list[dict[str, Any]]) -> None:
    result = run("generate", "caf\udce9")
    assert (result.exit_code, result.stdout, calls) == (65, "", [])
    assert result.stderr == "prefcli: error: the prompt is not UTF-8\n"


def test_nothing_waits_for_a_prompt_in_front_of_a_terminal(
    run: Run, calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.testing._NamedTextIOWrapper", _terminal_for_stdin)
    result = run("generate")
    assert (result.exit_code, result.stdout, calls) == (2, "", [])
    assert result.stderr == (
        "prefcli: error: no prompt: give it as an argument, or on stdin, or use --batch FILE\n"
    )


def _terminal_for_stdin(buffer: Any, *, name: str, mode: str, **words: Any) -> io.TextIOWrapper:
    return Terminal(buffer, **words) if mode == "r" else io.TextIOWrapper(buffer, **words)


def test_json_is_one_object_with_all_that_made_the_answer(
    run: Run, calls: list[dict[str, Any]]
) -> None:
    result = run("generate", "hello", "--profile", "alice", "--json")
    assert json.loads(result.stdout) == {
        "prompt": "hello",
        "response": "HELLO",
        "profile": "alice",
        "version": 1,
        "base": "tiny",
        "seed": 7,
        "log_id": None,
        "warnings": [],
    }


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_warning_follows_the_answer_on_stderr(
    run: Run, calls: list[dict[str, Any]], more: list[str]
) -> None:
    result = run("generate", "strange", *more)
    assert "STRANGE" in result.stdout
    assert result.stderr == "prefcli: warning: what a thing to ask\n"


def test_the_warnings_of_a_batch_are_told_once_on_stderr(run: Run, calls: list[Any]) -> None:
    lines = '{"prompt": "a", "warnings": ["odd"]}\n{"prompt": "b", "warnings": ["odd"]}\n'
    result = run("generate", "--batch", "-", stdin=lines)
    assert result.exit_code == 0
    assert result.stderr == "prefcli: warning: 2 records: odd\n"


def test_a_batch_comes_back_in_order_with_all_its_fields(
    run: Run, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "a", "id": 1}\n{"prompt": "ü", "profile": "bob"}\n')
    result = run("generate", "--batch", path, "--batch-size", "4", "--profile", "alice")
    assert result.exit_code == 0
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"prompt": "a", "id": 1, "response": "A"},
        {"prompt": "ü", "profile": "bob", "response": "Ü"},
    ]
    assert (calls[0]["batch_size"], calls[0]["profile"]) == (4, "alice")


def test_bad_records_come_back_with_an_error_and_the_code_is_65_at_the_end(
    run: Run, calls: list[dict[str, Any]]
) -> None:
    lines = b'{"prompt": "a"}\n{oops\n{"prompt": "caf\xe9"}\n{"prompt": "b"}\n'
    result = run("generate", "--batch", "-", stdin=lines)
    assert result.exit_code == 65
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row.get("response") for row in rows] == ["A", None, None, "B"]
    assert "error" in rows[1]
    assert "error" in rows[2]
    assert result.stderr == (
        "prefcli: error: -: 2 records were bad, see the field 'error' of the output\n"
    )


@pytest.mark.parametrize("words", [["hello", "--batch", "x"], ["--batch", "x", "--json"]])
def test_words_that_do_not_fit_together_are_a_usage_error(
    run: Run, calls: list[dict[str, Any]], words: list[str]
) -> None:
    result = run("generate", *words)
    assert (result.exit_code, result.stdout, calls) == (2, "", [])
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", [".", "file/x", "y" * 300, "nothing"])
def test_a_batch_that_cannot_be_read_is_one_line_with_its_path(
    run: Run, calls: list[dict[str, Any]], tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / name
    result = run("generate", "--batch", path)
    assert (result.exit_code, result.stdout) == (66, "")
    assert str(path) in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_batch_without_a_name_is_a_usage_error(run: Run, calls: list[dict[str, Any]]) -> None:
    result = run("generate", "--batch", "")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "prefcli: error: --batch needs the name of a file, or - for stdin\n"


def test_a_gzipped_batch_is_read_as_a_plain_one(
    run: Run, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "prompts"
    path.write_bytes(gzip.compress(b'{"prompt": "a"}\n{"prompt": "b"}\n'))
    result = run("generate", "--batch", path)
    assert result.exit_code == 0
    assert [json.loads(line)["response"] for line in result.stdout.splitlines()] == ["A", "B"]


def test_a_gzipped_batch_that_is_cut_off_is_bad_data(
    run: Run, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "prompts.gz"
    path.write_bytes(gzip.compress(b'{"prompt": "a"}\n')[:-6])
    result = run("generate", "--batch", path)
    assert result.exit_code == 65
    assert "the gzip data is cut off or damaged after line" in result.stderr


@pytest.mark.parametrize(
    ("option", "value"), [("--strength", "10.1"), ("--strength", "1e308"), ("--temperature", "101")]
)
def test_a_setting_far_out_of_range_names_its_option(
    run: Run, calls: list[dict[str, Any]], option: str, value: str
) -> None:
    result = run("generate", "hello", option, value)
    assert (result.exit_code, result.stdout, calls) == (2, "", [])
    assert option in result.stderr


def test_the_largest_settings_are_those_of_the_service(
    run: Run, calls: list[dict[str, Any]]
) -> None:
    words = ("--strength", STRONGEST, "--temperature", HOTTEST)
    assert run("generate", "hello", *map(str, words)).exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--batch", "x.jsonl", "--count", "2"),
        ("--resume", "x.jsonl", "hello"),
        ("--count", "0", "hello"),
    ],
)
def test_words_that_do_not_fit_together_are_refused(
    run: Run, calls: list[dict[str, Any]], words: tuple[str, ...]
) -> None:
    result = run("generate", *words)
    assert (result.exit_code, result.stdout, calls) == (2, "", [])
    assert result.stderr.count("\n") == 1


def test_a_resumed_batch_goes_to_its_file_and_counts_every_bad_line(
    run: Run, calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"prompt": "a"}\nso\n{"prompt": "b"}\n')
    for told in ("", "prefcli: " + f"{target}: 3 answers there already\n"):
        result = run("generate", "--batch", source, "--resume", target)
        assert (result.exit_code, result.stdout) == (65, "")
        assert result.stderr.startswith(told)
        assert "1 record was bad" in result.stderr
    assert len(target.read_text().splitlines()) == 3
    assert [call["skipped"] for call in calls] == [0, 3]
