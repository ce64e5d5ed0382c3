"""A batch that was interrupted goes on: the file ends as if nothing had happened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefcli.errors import DataError, UsageError
from prefcli.services.batch import generate_batch
from prefcli.services.generate import generate, generate_many
from prefcli.services.resume import Done, append, check_done
from prefcli.store import Store

LINES = [json.dumps({"prompt": f"question {i}"}) + "\n" for i in range(4)]
ANSWERS = [{"prompt": f"question {i}", "response": f"ü {i}"} for i in range(4)]


def run(path: Path, lines: list[str], count: int = 9) -> int:
    """Answer what is left, and stop after `count`; how many were done before."""
    left = iter(lines)
    done = check_done(path, left)
    rest = [json.loads(line) for line in left if line.strip()]
    made = ({**row, "response": "ü " + row["prompt"].split()[1]} for row in rest)
    for number, _ in enumerate(append(path, done, made), start=1):
        if number == count:
            break
    return done.records


@pytest.mark.parametrize("cut", range(0, 160, 7))
def test_wherever_it_was_cut_off_the_file_ends_whole(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "out.jsonl"
    run(path, LINES)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    assert run(path, LINES) == whole[:cut].count(b"\n")
    assert path.read_bytes() == whole
    assert [json.loads(line) for line in whole.splitlines()] == ANSWERS


def test_each_answer_is_in_the_file_before_the_next_is_made(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    seen = []

    def records() -> object:
        for answer in ANSWERS:
            seen.append(path.read_bytes().count(b"\n"))
            yield answer

    list(append(path, Done(0, 0, 0), records()))  # type: ignore[arg-type]
    assert seen == [0, 1, 2, 3]


def test_blank_lines_count_for_nothing_and_bad_ones_for_one(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(
        '{"error": "line 2: not JSON", "line": "so"}\n{"prompt": "b", "line": 3, "error": ""}\n'
    )
    left = iter(["\n", "so\n", '{"prompt": "b", "line": 3}\n', "more\n"])
    assert check_done(path, left) == Done(2, 2, path.stat().st_size)
    assert list(left) == ["more\n"]


@pytest.mark.parametrize(
    "content",
    [
        '{"prompt": "question 1", "response": "x"}\n',
        '{"prompt": "question 0"}\n',
        "something of mine\n",
        "".join(json.dumps(answer) + "\n" for answer in [*ANSWERS, ANSWERS[0]]),
    ],
)
def test_a_file_of_something_else_is_refused_and_stays(tmp_path: Path, content: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=r"out\.jsonl:\d"):
        run(path, LINES)
    assert path.read_text() == content


def test_seeds_go_on_where_they_were(fitted: Store) -> None:
    lines = [json.dumps({"prompt": "How do I cook rice?"})] * 3
    short = {"seed": 5, "max_new_tokens": 12}
    whole = list(generate_batch(fitted, lines, **short))
    rest = list(generate_batch(fitted, lines[2:], skipped=2, **short))
    assert [row["seed"] for row in whole] == [5, 6, 7]
    assert rest == whole[2:]
    several = list(generate_many(fitted, "How do I cook rice?", 3, **short))
    assert [each.response for each in several] == [row["response"] for row in whole]


def test_a_system_message_stands_before_the_prompt_unless_there_is_one(fitted: Store) -> None:
    question, told = "How do I cook rice?", "Use emoji. Use two sentences."
    with_it = generate(fitted, question, system=told, temperature=0, max_new_tokens=20)
    turns = [{"role": "system", "content": told}, {"role": "user", "content": question}]
    lines = [json.dumps({"prompt": each}) for each in (turns, question)]
    answers = list(
        generate_batch(fitted, lines[:1], system="Be formal.", temperature=0, max_new_tokens=20)
    ) + list(generate_batch(fitted, lines[1:], system=told, temperature=0, max_new_tokens=20))
    assert [row["response"] for row in answers] == [with_it.response] * 2
    assert generate(fitted, question, temperature=0, max_new_tokens=20).response != with_it.response
    with pytest.raises(UsageError, match="--system"):
        generate(fitted, question, system=" ")
