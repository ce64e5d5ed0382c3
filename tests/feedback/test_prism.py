from __future__ import annotations

from typing import Any

import pytest

from prefcli.feedback.formats import detect
from prefcli.feedback.records import Feedback, Message
from tests.feedback.rows import fault


def asked(turn: int, content: str) -> dict[str, Any]:
    return {"turn": turn, "role": "user", "content": content}


def said(turn: int, content: str, score: Any, chosen: Any = False) -> dict[str, Any]:
    return {
        "turn": turn,
        "role": "model",
        "content": content,
        "model_name": "m",
        "score": score,
        "if_chosen": chosen,
        "within_turn_id": 0,
    }


def row(*turns: dict[str, Any]) -> dict[str, Any]:
    return {
        "conversation_id": "c7",
        "user_id": "user3",
        "conversation_type": "unguided",
        "generated_datetime": "2023-12-01",
        "open_feedback": "It went well.",
        "conversation_history": list(turns),
    }


def parse(*turns: dict[str, Any]) -> list[Feedback]:
    found = detect([row(*turns)])
    assert (found.name, found.users) == ("prism", ("user_id",))
    return list(found.parse(row(*turns), "user3"))


def test_every_score_is_a_rating_after_the_conversation_as_it_went_on() -> None:
    ratings = parse(
        asked(0, "Hi"),
        said(0, "No.", 5),
        said(0, "Hello", 90, True),
        asked(1, "Bye"),
        said(1, "Bye", 70, True),
        said(1, "What?", 1),
    )
    assert [one.value for one in ratings] == [5, 90, 70, 1]
    assert {(one.kind, one.low, one.high) for one in ratings} == {("rating", 1, 100)}
    assert ratings[0].prompt == ratings[1].prompt == (Message("user", "Hi"),)
    assert ratings[3].prompt == (
        Message("user", "Hi"),
        Message("assistant", "Hello"),
        Message("user", "Bye"),
    )
    assert {(one.row_id, one.time, one.reason) for one in ratings} == {
        ("c7", "2023-12-01", "It went well.")
    }


def test_without_scores_the_chosen_answer_is_better_than_each_other() -> None:
    pairs = parse(asked(0, "Hi"), said(0, "a", None), said(0, "b", None, True), said(0, "c", None))
    assert [(one.kind, one.responses) for one in pairs] == [
        ("pair", ("b", "a")),
        ("pair", ("b", "c")),
    ]


def test_where_nobody_chose_later_turns_reply_to_what_is_not_known() -> None:
    ratings = parse(asked(0, "Hi"), said(0, "a", 3), asked(1, "Bye"), said(1, "b", 4))
    assert [one.responses for one in ratings] == [("a",)]


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ([said(0, "a", 3)], "field 'conversation_history[0].role': expected a user's turn first"),
        ([asked(0, "Hi"), {"role": "x"}], "field 'conversation_history[1].role': expected user or"),
        ([asked(0, "Hi"), said(0, "a", None)], "field 'conversation_history': expected an answer"),
        ([asked(0, "Hi"), said(0, "a", 101)], "score 101 is outside its scale from 1 to 100"),
        ([asked(0, "Hi"), said(0, "a", "x")], "field 'score': expected a number, came text 'x'"),
        ([asked(0, ""), said(0, "a", 9)], "prompt is empty, expected text or messages"),
        ([], "field 'conversation_history': expected a list of objects, came an empty list"),
    ],
)
def test_what_is_wrong_is_named(turns: list[dict[str, Any]], message: str) -> None:
    assert fault(row(*turns), "prism").startswith(message)
