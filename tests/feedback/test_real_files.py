from __future__ import annotations

import gzip
import json
from pathlib import Path

from prefcli.feedback.containers import Row, read_rows
from prefcli.feedback.formats import detect
from prefcli.feedback.records import Feedback


def read(path: Path) -> tuple[str, list[Row], list[Feedback]]:
    rows = list(read_rows(str(path)))
    values = [row.value for row in rows if row.value is not None]
    assert len(values) == len(rows)
    found = detect(values[:32])
    parsed = [list(found.parse(value, "alice")) for value in values]
    assert {len(one) for one in parsed} == {1}
    return found.name, rows, [one[0] for one in parsed]


def test_llamafactory_dpo_demo_is_300_pairs_of_which_5_are_said_twice(shared_data: Path) -> None:
    path = shared_data / "llamafactory_demo" / "dpo_en_demo.json"
    name, rows, parsed = read(path)
    assert name == "sharegpt-preference"
    assert len(parsed) == 300
    assert len({feedback.key for feedback in parsed}) == 295
    written = json.loads(path.read_text("utf-8"))
    assert [row.value for row in rows] == written
    assert [feedback.responses[0] for feedback in parsed] == [
        row["chosen"]["value"] for row in written
    ]
    lines = path.read_text("utf-8").split("\n")
    assert all(lines[row.line - 1] == "  {" for row in rows)


def test_llamafactory_kto_demo_is_300_thumbs_half_of_them_up(shared_data: Path) -> None:
    name, _, parsed = read(shared_data / "llamafactory_demo" / "kto_en_demo.json")
    assert name == "sharegpt-kto"
    assert len(parsed) == 300
    assert sum(feedback.value for feedback in parsed) == 150
    assert {feedback.kind for feedback in parsed} == {"thumb"}
    assert all(feedback.prompt[-1].role == "user" for feedback in parsed)


def test_hh_rlhf_is_2312_pairs_with_its_known_traps(shared_data: Path) -> None:
    path = shared_data / "hh_rlhf_harmless_test" / "harmless-base" / "test.jsonl.gz"
    name, rows, parsed = read(path)
    assert name == "hh-rlhf"
    assert [row.line for row in rows] == list(range(1, 2313))
    assert len({feedback.key for feedback in parsed}) == 2312

    empty = [row.line for row, one in zip(rows, parsed, strict=True) if not one.responses[0]]
    assert empty == [87, 517, 926, 1104]
    assert all(feedback.responses[1] for feedback in parsed)
    assert not any(feedback.says_nothing for feedback in parsed)

    several = [
        row.line
        for row, one in zip(rows, parsed, strict=True)
        if any("\n\nAssistant:" in response for response in one.responses)
    ]
    assert several == [1255, 1689, 1951, 1953, 2037]
    assert parsed[1953 - 1].responses[0].startswith("Alrighty, I\u2019ll do my best")
    assert all(feedback.prompt[0].role == "user" for feedback in parsed)


def test_hh_rlhf_transcripts_lose_nothing(shared_data: Path) -> None:
    path = shared_data / "hh_rlhf_harmless_test" / "harmless-base" / "test.jsonl.gz"
    _, _, parsed = read(path)
    speakers = {"user": "Human", "assistant": "Assistant"}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line, feedback in zip(lines, parsed, strict=True):
            row = json.loads(line)
            begin = " ".join(f"{speakers[one.role]}: {one.content}" for one in feedback.prompt)
            for response, field in zip(feedback.responses, ("chosen", "rejected"), strict=True):
                told = f"{begin} Assistant: {response}"
                assert told.split() == row[field].split()
