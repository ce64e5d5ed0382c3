from __future__ import annotations

from typing import Any

import pytest

from prefcli.feedback.formats import detect
from prefcli.feedback.records import Message
from tests.feedback.rows import ASKED, fault, parse, turn

ANSWERED = [turn("user", "What is the sky?"), turn("assistant", "Blue.")]
OTHERWISE = [turn("user", "What is the sky?"), turn("assistant", "Green.")]
PAIR = {"chosen": "Blue.", "rejected": "Green."}
CONVERSATIONS = {"chosen": ANSWERED, "rejected": OTHERWISE}
SKY = "What is the sky?"


@pytest.mark.parametrize(
    ("type", "row", "format"),
    [
        (
            "chatml.argilla",
            {"instruction": SKY, "chosen_response": "Blue.", "rejected_response": "Green."},
            "axolotl-preference",
        ),
        ("chatml.icr", {"input": SKY, **PAIR}, "axolotl-preference"),
        ("llama3.intel", {"question": SKY, **PAIR}, "alpaca-preference"),
        ("llama3.prompt_pairs", {"prompt": SKY, **PAIR}, "trl-preference"),
        ("chatml.argilla_chat", CONVERSATIONS, "trl-conversational"),
        ("chatml.ultra", {"prompt": SKY, **CONVERSATIONS}, "trl-conversational"),
        (
            "chat_template.default",
            {"messages": ANSWERED[:1], "chosen": ANSWERED[1], "rejected": OTHERWISE[1]},
            "sharegpt-preference",
        ),
        (
            "chat_template.default with lists",
            {"messages": ANSWERED[:1], "chosen": ANSWERED[1:], "rejected": OTHERWISE[1:]},
            "sharegpt-preference",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
def test_every_type_of_pairs_has_a_reader_that_keeps_the_system_prompt(
    type: str, row: dict[str, Any], format: str
) -> None:
    assert detect([row]).name == format
    pair = parse(row)
    assert (pair.kind, pair.prompt, pair.responses) == ("pair", (ASKED,), ("Blue.", "Green."))
    ruled = parse({**row, "system": "Be brief."})
    assert ruled.prompt == (Message("system", "Be brief."), ASKED)
    assert parse({**row, "system": ""}).key == pair.key


@pytest.mark.parametrize(
    ("type", "row", "format"),
    [
        ("chatml.argilla", {"instruction": SKY, "completion": "Blue."}, "axolotl-kto"),
        ("chatml.intel", {"question": SKY, "completion": "Blue."}, "axolotl-kto"),
        ("chatml.argilla_chat", {"completion": ANSWERED}, "axolotl-kto"),
        ("llama3.ultra", {"prompt": SKY, "completion": "Blue."}, "trl-unpaired"),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
@pytest.mark.parametrize("label", [True, False])
def test_every_type_of_thumbs_has_a_reader_that_keeps_the_system_prompt(
    type: str, row: dict[str, Any], format: str, label: bool
) -> None:
    labelled = {**row, "label": label}
    assert detect([labelled]).name == format
    thumb = parse(labelled)
    assert (thumb.kind, thumb.value) == ("thumb", float(label))
    assert (thumb.prompt, thumb.responses) == ((ASKED,), ("Blue.",))
    assert parse({**labelled, "system": "Be brief."}).prompt[0] == Message("system", "Be brief.")


def test_missing_and_odd_answers_are_named() -> None:
    row = {"instruction": SKY, "chosen_response": "Blue.", "rejected_response": None}
    said = fault(row, "axolotl-preference")
    assert said == "field 'rejected_response': expected text, came null"
    empty = {"instruction": " ", "chosen_response": "a", "rejected_response": "b"}
    assert fault(empty) == "field 'instruction': is empty, expected text or messages"
    assert fault({"instruction": SKY, "completion": "Blue.", "label": "maybe"}) == (
        "field 'label': expected true or false, came text 'maybe'"
    )
    alone = {"completion": [turn("assistant", "Blue.")], "label": 1}
    assert "expected turns before the answer" in fault(alone)


def test_an_empty_answer_is_an_answer() -> None:
    assert parse({"input": SKY, "chosen": "", "rejected": "x"}).responses == ("", "x")
