"""Judges score what they say, and one that fails says so in one line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.feedback.records import Message, Prompt, text_prompt
from prefcli.services.classifier_judge import ClassifierJudge
from prefcli.services.command_judge import CommandJudge
from prefcli.services.judges import FunctionJudge, Judge, choose_judge
from tests.tiny_bases import byte_tokenizer, save_tiny

TEA = text_prompt("What is tea?")
ANSWERS: list[tuple[Prompt, str]] = [(TEA, "one two three"), (TEA, ""), (TEA, "One! two ☂\n3 4")]


def scores(**options: Any) -> list[float]:
    judge = choose_judge(**options)
    assert isinstance(judge, Judge)
    assert judge.words.startswith("by ")
    return judge(ANSWERS).tolist()


def program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "judge.py"
    path.write_text(text)
    return f"{sys.executable} {path}"


def test_a_pattern_is_there_or_not() -> None:
    assert scores(regex="one") == [1, 0, 0]
    assert scores(regex="(?i)one") == [1, 0, 1]
    assert scores(not_regex="one") == [0, 1, 1]


def test_length_counts_words_up_down_or_towards_a_number() -> None:
    assert scores(length="3") == [0, -3, -1]
    assert scores(length="longer") == [3, 0, 4]
    assert scores(length="shorter") == [-3, 0, -4]


def test_a_function_gets_the_text_of_the_prompt_and_the_answer() -> None:
    judge = FunctionJudge(lambda prompt, response: len(prompt) + len(response))
    assert judge(ANSWERS).tolist() == [12 + len(text) for _, text in ANSWERS]
    with pytest.raises(PrefcliError, match="not finite"):
        FunctionJudge(lambda *_: float("nan"))(ANSWERS)


def test_a_command_gets_every_answer_once_and_its_numbers_are_the_scores(tmp_path: Path) -> None:
    seen = tmp_path / "seen.jsonl"
    command = program(
        tmp_path,
        "import json, sys\n"
        f"file = open({str(seen)!r}, 'w')\n"
        "for line in sys.stdin:\n"
        "    file.write(line)\n"
        "    print(len(json.loads(line)['response']) / 2)\n",
    )
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    answers = [*ANSWERS, (turns, "half \ud83d")]
    judge = CommandJudge(command)
    assert judge(answers).tolist() == [len(text) / 2 for _, text in answers]
    rows = [json.loads(line) for line in seen.read_text().splitlines()]
    assert [row["response"] for row in rows] == [text for _, text in answers]
    assert rows[0]["prompt"] == "What is tea?"
    assert [turn["content"] for turn in rows[3]["prompt"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import sys; sys.exit('no key')", "failed with exit code 1: no key"),
        ("raise SystemExit(3)", "failed with exit code 3, without a word on stderr"),
        ("print(1)", "printed 1 lines for 3 answers: expected a number on one line for each"),
        ("print(1, 'good', 3, sep='\\n')", "line 2 is 'good', expected a finite number"),
        ("print(1, 2, 'nan', sep='\\n')", "line 3 is 'nan', expected a finite number"),
    ],
)
def test_a_command_that_fails_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(PrefcliError) as caught:
        CommandJudge(program(tmp_path, text))(ANSWERS)
    assert told in caught.value.message
    assert "\n" not in caught.value.message


def test_a_command_that_is_interrupted_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"

    def interrupted(process: subprocess.Popen[bytes], _: bytes) -> None:
        while not (started.exists() and started.read_text().endswith("\n")):
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        CommandJudge(f"sleep 60 & echo $! > {started}; wait")(ANSWERS)
    number = int(started.read_text())
    for _ in range(500):  # until it is nobody's child any more
        if not _runs(number):
            break
        time.sleep(0.01)
    assert not _runs(number)


def _runs(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    "options",
    [
        {"regex": "("},
        {"not_regex": "["},
        {"length": "some"},
        {"length": "-3"},
        {"command": ""},
        {"regex": "a", "length": "3"},
    ],
)
def test_a_judge_that_cannot_be_understood_is_a_usage_error(options: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--judge-"):
        choose_judge(**options)


def test_nobody_is_named_and_nobody_judges() -> None:
    assert choose_judge() is None


def save_classifier(directory: Path, labels: list[str]) -> Path:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=257,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=34,
            initializer_range=0.5,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: i for i, label in enumerate(labels)},
        )
        BertForSequenceClassification(config).save_pretrained(directory)
    tokenizer = byte_tokenizer()
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(directory)
    return directory


def test_a_classifier_s_probabilities_of_its_labels_add_up_to_one(tmp_path: Path) -> None:
    directory = save_classifier(tmp_path / "model", ["Bad", "so-so", "good"])
    long = [*ANSWERS, (TEA, "x" * 500)]
    found = [ClassifierJudge(f"{directory}:{label}")(long) for label in ("bad", "1", "good")]
    assert sum(found).tolist() == pytest.approx([1] * 4)
    assert len(set(found[0].round(6).tolist())) > 1
    alone = [ClassifierJudge(f"{directory}:bad")([answer])[0] for answer in ANSWERS[:1]]
    assert alone == pytest.approx(found[0].tolist()[:1], abs=1e-5)  # padding tells nothing
    with pytest.raises(UsageError, match="no label 'great', it has Bad, so-so, good"):
        ClassifierJudge(f"{directory}:great")(ANSWERS)
    with pytest.raises(UsageError, match=f"as in {directory}:good"):
        ClassifierJudge(str(directory))(ANSWERS)


def test_a_reward_model_s_only_output_is_the_score(tmp_path: Path) -> None:
    directory = save_classifier(tmp_path / "model", ["reward"])
    found = ClassifierJudge(str(directory))(ANSWERS).tolist()
    assert len(set(found)) == 3


def test_what_is_no_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no classifier /nowhere"):
        ClassifierJudge("/nowhere/at/all")(ANSWERS)
    language_model = save_tiny("gpt2", tmp_path / "gpt2")
    with pytest.raises(DataError, match="is no trained classifier"):
        ClassifierJudge(str(language_model))(ANSWERS)
