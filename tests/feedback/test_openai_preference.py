from __future__ import annotations

from typing import Any

import pytest

from prefcli.feedback.formats import detect
from tests.feedback.rows import ASKED, fault, parse, turn


def row(**changed: Any) -> dict[str, Any]:
    return {
        "input": {
            "messages": [turn("user", "What is the sky?")],
            "tools": [],
            "parallel_tool_calls": True,
        },
        "preferred_output": [turn("assistant", "Blue.")],
        "non_preferred_output": [turn("assistant", [{"type": "text", "text": "Green."}])],
        **changed,
    }


def test_the_preferred_output_is_the_chosen_answer() -> None:
    assert detect([row()]).name == "openai-preference"
    pair = parse(row())
    assert (pair.kind, pair.prompt, pair.responses) == ("pair", (ASKED,), ("Blue.", "Green."))


def test_the_outputs_were_once_called_completions() -> None:
    older = {
        "input": row()["input"],
        "preferred_completion": row()["preferred_output"],
        "non_preferred_completion": row()["non_preferred_output"],
    }
    assert detect([older]).name == "openai-preference"
    assert parse(older).key == parse(row()).key


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"input": {}}, "field 'messages': expected a list of messages, came nothing"),
        ({"input": None}, "field 'input': expected an object, came null"),
        ({"preferred_output": []}, "field 'preferred_output': expected a list of messages"),
        (
            {"non_preferred_output": [turn("user", "x")]},
            "field 'non_preferred_output': expected an assistant message, came role 'user'",
        ),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, Any], said: str) -> None:
    assert fault(row(**changed), "openai-preference").startswith(said)
