from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path

import pytest

from prefcli.errors import DataError
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


def test_alpaca_demo_and_gpteacher_are_demonstrations_and_nothing_else(shared_data: Path) -> None:
    sizes = {
        "llamafactory_demo/alpaca_en_demo.json": 999,
        "gpteacher/roleplay-simple-deduped-roleplay-instruct.json": 1923,
    }
    for file, size in sizes.items():
        name, _, parsed = read(shared_data / file)
        assert name == "alpaca-demonstration"
        assert len(parsed) == size
        assert {feedback.kind for feedback in parsed} == {"demonstration"}
        written = json.loads((shared_data / file).read_text("utf-8"))
        field = "output" if "output" in written[0] else "response"
        assert [one.responses[0] for one in parsed] == [row[field] for row in written]


def test_every_persona_is_known_and_some_read_whole_are_thumbs_half_of_them_up(
    shared_data: Path, tmp_path: Path
) -> None:
    with tarfile.open(shared_data / "anthropic_evals_persona" / "persona.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    files = sorted(tmp_path.rglob("*.jsonl"))
    assert len(files) == 135
    for file in files:
        with file.open(encoding="utf-8") as lines:
            early = [json.loads(line) for line, _ in zip(lines, range(32), strict=False)]
        assert detect(early).name == "anthropic-persona"
    for file in files[::27]:
        _, rows, parsed = read(file)
        assert len(parsed) == len(rows) > 900
        assert {feedback.kind for feedback in parsed} == {"thumb"}
        assert 0.4 < sum(feedback.value for feedback in parsed) / len(parsed) < 0.6
        assert {feedback.prompt for feedback in parsed} == {parsed[0].prompt}


@pytest.mark.parametrize(
    "file", ["squality/v1-3/txt/dev.jsonl", "self_instruct/data/seed_tasks.jsonl"]
)
def test_a_file_without_judgements_is_not_taken_for_feedback(shared_data: Path, file: str) -> None:
    values = [row.value for row in read_rows(str(shared_data / file)) if row.value is not None]
    with pytest.raises(DataError, match="no known format of feedback"):
        detect(values[:32])


def test_pandalm_test_set_is_three_pairs_a_row(shared_data: Path) -> None:
    path = shared_data / "pandalm" / "testset-v1.json"
    if not path.is_file():
        pytest.skip("data/testset-v1.json of WeOpenML/PandaLM is not in ../shared/data/pandalm")
    rows = [row.value for row in read_rows(str(path)) if row.value is not None]
    found = detect(rows[:32])
    parsed = [one for row in rows for one in found.parse(row, "everyone")]
    assert (found.name, len(rows), len(parsed)) == ("pandalm", 999, 2997)
    first = [one for one in parsed if one.annotator == "annotator1"]
    assert sum(one.value == 0.5 for one in first) == 97
    assert len({one.key for one in parsed}) == 2997


@pytest.mark.parametrize(
    ("file", "format", "size"),
    [
        ("v1_dpo_demo.jsonl", "llamafactory-v1", 10),
        ("v1_sft_demo.jsonl", "sharegpt-demonstration", 500),
    ],
)
def test_the_demos_of_llamafactory_v1(shared_data: Path, file: str, format: str, size: int) -> None:
    path = shared_data / "llamafactory_demo" / file
    if not path.is_file():
        pytest.skip(f"data/{file} of LLaMA-Factory is not in ../shared/data/llamafactory_demo")
    name, _, parsed = read(path)
    assert (name, len(parsed)) == (format, size)
