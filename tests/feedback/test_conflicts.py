"""Contradictions are found whatever kind of judgement they come from."""

from __future__ import annotations

from typing import Any

import pytest

from prefcli.feedback.conflicts import Conflicts
from prefcli.feedback.records import Feedback, text_prompt


def say(
    kind: Any, *responses: str, user: str = "alice", prompt: str = "q", **more: Any
) -> Feedback:
    return Feedback(user, kind, text_prompt(prompt), responses, **more)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (say("pair", "a", "b"), say("pair", "b", "a")),
        (say("pair", "a", "b"), say("edit", "b", "a")),
        (say("pair", "a", "b"), say("ranking", "c", "a", "b", ranks=(2, 3, 1))),
        (say("ranking", "a", "b", ranks=(1, 2)), say("ranking", "a", "b", ranks=(2, 1))),
        (say("thumb", "a", value=1), say("thumb", "a", value=0)),
    ],
)
def test_opposite_judgements_conflict_in_either_order(first: Feedback, second: Feedback) -> None:
    for early, late in ((first, second), (second, first)):
        conflicts: Conflicts[int] = Conflicts()
        assert conflicts.add(early, 1) is None
        assert conflicts.add(late, 2) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (say("pair", "a", "b"), say("pair", "a", "b")),
        (say("pair", "a", "b"), say("pair", "b", "a", user="bob")),
        (say("pair", "a", "b"), say("pair", "b", "a", prompt="other")),
        (say("pair", "a", "b"), say("pair", "b", "a", value=0.5)),
        (say("pair", "a", "b"), say("ranking", "b", "a", ranks=(1, 1))),
        (say("thumb", "a", value=1), say("thumb", "b", value=0)),
        (say("pair", "ab", "c"), say("pair", "c", "a")),
    ],
)
def test_what_says_the_same_or_speaks_of_something_else_does_not(
    first: Feedback, second: Feedback
) -> None:
    conflicts: Conflicts[int] = Conflicts()
    conflicts.add(first, 1)
    assert conflicts.add(second, 2) is None
