from __future__ import annotations

import pytest

from prefcli.feedback.formats import detect
from prefcli.feedback.records import Message
from tests.feedback.rows import ASKED, fault, parse, turn

RULES = turn("system", "Be brief.")
TURNS = [turn("user", "What is the sky?"), turn("assistant", "Blue.")]


def test_the_end_of_the_messages_is_the_chosen_answer() -> None:
    row = {"messages": [RULES, *TURNS], "rejected_response": "Green."}
    assert detect([row]).name == "ms-swift-preference"
    pair = parse(row)
    assert pair.prompt == (Message("system", "Be brief."), ASKED)
    assert (pair.kind, pair.responses, pair.strength) == ("pair", ("Blue.", "Green."), None)
    assert parse({**row, "margin": 0.5}).strength == 0.5


def test_the_rejected_response_may_be_turns_or_a_whole_conversation() -> None:
    for field, turns in (
        ("rejected_response", [turn("assistant", "Green.")]),
        ("rejected_messages", [TURNS[0], turn("assistant", "Green.")]),
    ):
        pair = parse({"messages": TURNS, field: turns})
        assert (pair.prompt, pair.responses) == ((ASKED,), ("Blue.", "Green."))


def test_all_that_follows_the_last_question_is_the_answer() -> None:
    called = [TURNS[0], turn("tool_call", "look()"), turn("tool_response", "blue"), TURNS[1]]
    pair = parse({"messages": called, "rejected_response": "Green."})
    assert pair.prompt == (ASKED,)
    assert pair.responses == ("look()\n\nTool: blue\n\nAssistant: Blue.", "Green.")


def test_a_row_without_an_answer_or_a_question_is_bad() -> None:
    for turns in (TURNS[:1], TURNS[1:]):
        said = fault({"messages": turns, "rejected_response": "Green."})
        assert said.startswith("field 'messages': expected a user's turn and the chosen answer")
    said = fault({"messages": TURNS, "rejected_response": None}, "ms-swift-preference")
    assert said == (
        "field 'rejected_messages': expected a list of messages, "
        "came nothing (the row has no such field)"
    )


@pytest.mark.parametrize("query", ["query", "prompt", "instruction", "question", "input"])
@pytest.mark.parametrize("response", ["response", "answer", "output"])
def test_the_older_form_goes_by_many_names(query: str, response: str) -> None:
    row = {query: "What is the sky?", response: "Blue.", "rejected_response": "Green."}
    assert detect([row]).name == "ms-swift-query-preference"
    pair = parse(row)
    assert (pair.prompt, pair.responses) == ((ASKED,), ("Blue.", "Green."))


def test_the_older_form_has_a_system_prompt_a_history_and_an_input() -> None:
    row = {
        "system_prompt": "Be brief.",
        "history": [["Hello", "Hi"]],
        "instruction": "What is",
        "input": "the sky?",
        "response": "Blue.",
        "rejected_response": "Green.",
    }
    assert parse(row).prompt == (
        Message("system", "Be brief."),
        Message("user", "Hello"),
        Message("assistant", "Hi"),
        Message("user", "What is\nthe sky?"),
    )
    assert fault({**row, "history": "[]"}).startswith("field 'history': expected a list of")


def test_the_older_form_has_thumbs_too() -> None:
    row = {"query": "What is the sky?", "response": "Green.", "label": False}
    assert detect([row]).name == "ms-swift-query-kto"
    thumb = parse(row)
    assert (thumb.kind, thumb.value, thumb.responses) == ("thumb", 0, ("Green.",))
    assert fault({**row, "label": None}) == "field 'label': expected true or false, came null"


def test_thumbs_of_the_standard_form_are_those_of_sharegpt() -> None:
    assert detect([{"messages": TURNS, "label": True}]).name == "sharegpt-kto"
