"""Lines of `ask --jsonl` with a choice in them."""

from __future__ import annotations

from typing import Any

import pytest

from prefcli.feedback.formats import detect
from tests.feedback.rows import fault, read

ROW: dict[str, Any] = {"user": "alice", "prompt": "x", "a": "one", "b": "two", "information": 0.3}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("a", [("pair", ("one", "two"), 1.0)]),
        ("B", [("pair", ("two", "one"), 1.0)]),
        ("tie", [("pair", ("one", "two"), 0.5)]),
        ("both_bad", [("thumb", ("one",), 0.0), ("thumb", ("two",), 0.0)]),
        ("skip", []),
        (None, []),
    ],
)
def test_a_choice_is_a_pair_or_two_thumbs_down(choice: str | None, said: list[Any]) -> None:
    found = read({**ROW, "choice": choice})
    assert [(each.kind, each.responses, each.value) for each in found] == said


def test_a_question_without_a_choice_is_known_and_says_nothing() -> None:
    assert detect([ROW]).name == "prefcli-ask"
    assert list(read(ROW)) == []


def test_another_choice_is_bad() -> None:
    assert fault({**ROW, "choice": "c"}) == (
        "field 'choice': expected a, b, tie, both-bad or skip, came text 'c'"
    )
