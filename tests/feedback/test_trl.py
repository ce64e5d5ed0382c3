from __future__ import annotations

from typing import Any

import pytest

from prefcli.errors import DataError
from prefcli.feedback.formats import detect
from prefcli.feedback.records import Feedback, Message
from tests.feedback.rows import ASKED, fault, parse, turn


def test_trl_preference() -> None:
    feedback = parse({"prompt": ASKED.content, "chosen": " blue.", "rejected": ""})
    assert feedback == Feedback("alice", "pair", (ASKED,), (" blue.", ""))


def test_trl_conversational_with_a_prompt() -> None:
    row = {
        "prompt": [turn("system", "Be brief."), turn("user", ASKED.content)],
        "chosen": [turn("assistant", "Blue.")],
        "rejected": [turn("assistant", "Green.")],
    }
    feedback = parse(row)
    assert feedback.prompt == (Message("system", "Be brief."), ASKED)
    assert feedback.responses == ("Blue.", "Green.")
    whole = {**row, **{name: row["prompt"] + row[name] for name in ("chosen", "rejected")}}
    assert parse(whole) == feedback
    assert parse({**whole, "prompt": None}) == feedback
    del whole["prompt"]
    assert parse(whole) == feedback
    assert parse({**row, "chosen": "Blue.", "rejected": "Green."}) == feedback


def test_a_text_prompt_may_repeat_the_first_turn_of_conversations() -> None:
    row = {
        "prompt": ASKED.content,
        "chosen": [turn("user", ASKED.content), turn("assistant", "Blue.")],
        "rejected": [turn("user", ASKED.content), turn("assistant", "Green.")],
    }
    assert parse(row).prompt == (ASKED,)
    assert "field 'prompt'" in fault({**row, "prompt": "Something else?"})


def test_conversations_that_part_early_share_the_turns_before() -> None:
    begin = [turn("user", "a"), turn("assistant", "b")]
    row = {
        "chosen": [*begin, turn("user", "c"), turn("assistant", "d")],
        "rejected": [*begin, turn("user", "C"), turn("assistant", "D")],
    }
    feedback = parse(row)
    assert feedback.prompt == (Message("user", "a"),)
    assert feedback.responses == (
        "b\n\nHuman: c\n\nAssistant: d",
        "b\n\nHuman: C\n\nAssistant: D",
    )
    assert parse({**row, "rejected": begin}).responses[1] == "b"


def test_ultrafeedback_rows_have_a_prompt_conversations_and_messages() -> None:
    asked = turn("user", ASKED.content)
    row = {
        "prompt": ASKED.content,
        "prompt_id": "x",
        "chosen": [asked, turn("assistant", "Blue.")],
        "rejected": [asked, turn("assistant", "Green.")],
        "messages": [asked, turn("assistant", "Blue.")],
        "score_chosen": 8.0,
    }
    assert parse(row) == Feedback("alice", "pair", (ASKED,), ("Blue.", "Green."))


def test_identical_conversations_are_a_tie_over_the_last_answer() -> None:
    turns = [turn("user", "a"), turn("assistant", "b"), turn("user", "c"), turn("assistant", "d")]
    feedback = parse({"chosen": turns, "rejected": turns})
    assert feedback.says_nothing
    assert len(feedback.prompt) == 3


def test_conversations_without_a_common_turn_are_refused() -> None:
    row = {
        "chosen": [turn("user", "a"), turn("assistant", "b")],
        "rejected": [turn("user", "A"), turn("assistant", "b")],
    }
    assert "share none" in fault(row)


@pytest.mark.parametrize(
    ("chosen", "rejected", "prompt", "answers"),
    [
        ("The sky is blue.", "The sky is green.", "The sky is", (" blue.", " green.")),
        ("The sky is blue.", "The sky is black.", "The sky is", (" blue.", " black.")),
        ("Hello", "Hello there", "Hello", ("", " there")),
        ("Say:\nyes", "Say:\nno", "Say:", ("\nyes", "\nno")),
    ],
)
def test_the_common_words_of_two_texts_are_their_prompt(
    chosen: str, rejected: str, prompt: str, answers: tuple[str, str]
) -> None:
    feedback = parse({"chosen": chosen, "rejected": rejected})
    assert feedback.prompt == (Message("user", prompt),)
    assert feedback.responses == answers


def test_texts_without_common_words_have_no_prompt() -> None:
    assert "or a field 'prompt'" in fault({"chosen": "Yes", "rejected": "Yo"})
    with pytest.raises(DataError, match=r"query, .*nearest: trl-preference \(missing: prompt\)"):
        detect([{"query": "x", "chosen": "The a", "rejected": "The b"}])


@pytest.mark.parametrize(
    ("label", "value"),
    [(True, 1.0), (False, 0.0), (1, 1.0), (0, 0.0), ("true", 1.0), ("False", 0.0), (" 1", 1.0)],
)
def test_a_label_may_be_a_boolean_a_number_or_a_word(label: Any, value: float) -> None:
    row = {"prompt": ASKED.content, "completion": "Blue.", "label": label}
    assert parse(row) == Feedback("alice", "thumb", (ASKED,), ("Blue.",), value)


@pytest.mark.parametrize("label", [None, 2, 0.5, "", "good", [], {}])
def test_any_other_label_is_refused(label: Any) -> None:
    row = {"prompt": ASKED.content, "completion": "Blue.", "label": label}
    assert fault(row).startswith("field 'label': expected true or false, came ")


def test_trl_unpaired_conversational() -> None:
    row = {
        "prompt": [turn("user", ASKED.content)],
        "completion": [turn("assistant", "Blue.")],
        "label": False,
    }
    feedback = Feedback("alice", "thumb", (ASKED,), ("Blue.",), 0.0)
    assert parse(row) == feedback
    assert parse({**row, "completion": row["prompt"] + row["completion"]}) == feedback
