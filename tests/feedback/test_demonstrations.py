from __future__ import annotations

from typing import Any

import pytest

from prefcli.errors import DataError
from prefcli.feedback.formats import by_name, detect
from prefcli.feedback.records import Message
from tests.feedback.rows import ASKED, fault, parse, turn

ALPACA = {"instruction": "What is", "input": "the sky?", "output": "Blue."}
SHAREGPT = {
    "conversations": [
        {"from": "human", "value": "What is the sky?"},
        {"from": "gpt", "value": "Blue."},
    ]
}
TRL = {"prompt": "What is the sky?", "completion": "Blue."}
FILES = [
    ("alpaca-demonstration", ALPACA),
    ("sharegpt-demonstration", SHAREGPT),
    ("trl-demonstration", TRL),
]


@pytest.mark.parametrize(("name", "row"), FILES, ids=[name for name, _ in FILES])
def test_an_answer_is_a_demonstration(name: str, row: dict[str, Any]) -> None:
    assert detect([row]).name == name
    demonstration = parse({**row, "id": 3, "system": "Be brief.", "source": "us"})
    assert (demonstration.kind, demonstration.responses) == ("demonstration", ("Blue.",))
    assert demonstration.row_id == "3"
    assert demonstration.prompt[0] == Message("system", "Be brief.")
    assert demonstration.prompt[1].content.split() == ASKED.content.split()


@pytest.mark.parametrize(("name", "row"), FILES, ids=[name for name, _ in FILES])
@pytest.mark.parametrize("field", ["score", "label", "kto_tag", "rejected", "quality", "votes"])
def test_a_row_that_may_hold_a_verdict_is_not_taken_for_a_demonstration(
    name: str, row: dict[str, Any], field: str
) -> None:
    judged = {**row, field: 1}
    assert not by_name(name).matches(judged)
    try:
        assert "demonstration" not in detect([judged]).name
    except DataError as error:
        assert error.message.startswith("no known format of feedback")
    (forced,) = by_name(name).parse(judged, "alice")
    assert forced.kind == "demonstration"


def test_the_last_answer_of_a_conversation_is_the_demonstration() -> None:
    turns = [turn("user", "Hi"), turn("assistant", "Hello"), turn("user", "What is the sky?")]
    row = {"messages": [*turns, turn("assistant", "Blue.")]}
    assert detect([row]).name == "sharegpt-demonstration"
    assert parse(row).prompt == (Message("user", "Hi"), Message("assistant", "Hello"), ASKED)
    assert fault({"messages": turns}).startswith("field 'messages': expected an assistant's turn")


def test_content_may_be_in_parts_of_a_type_and_a_value() -> None:
    parts = [{"type": "text", "value": "What is "}, {"type": "text", "value": "the sky?"}]
    answer = turn("assistant", [{"type": "text", "value": "Blue."}])
    row = {"messages": [{**turn("user", parts), "loss_weight": 0.0}, answer]}
    assert parse(row).prompt == (ASKED,)
    answer["content"] = [{"type": "image_url", "value": "a.png"}]
    assert fault(row).endswith("expected text parts only, came text 'image_url'")


def test_the_answer_of_alpaca_may_be_called_a_response() -> None:
    row = {"instruction": "What is the sky?", "input": "", "response": "Blue."}
    assert (detect([row]).name, parse(row).prompt) == ("alpaca-demonstration", (ASKED,))


def test_a_bad_row_among_demonstrations_says_what_is_wrong() -> None:
    assert detect([ALPACA, ALPACA, {"instruction": None, "output": "x"}]).name == FILES[0][0]
    bad = {"instruction": None, "output": "x"}
    assert fault(bad, "alpaca-demonstration") == "field 'instruction': expected text, came null"
