from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.feedback.verdicts import up_or_down


@pytest.mark.parametrize(
    "value",
    [
        True,
        1,
        1.0,
        "1",
        "1.0",
        "+1",
        "TRUE",
        " yes ",
        "Good",
        "thumbs_up",
        "thumbsUp",
        "Thumbs Up",
        "\U0001f44d",
        "\U0001f44d\U0001f3fd",
        "\u2764\ufe0f",
        ":+1:",
        "like",
    ],
)
def test_these_say_up(value: Any) -> None:
    assert up_or_down(value) == 1.0


@pytest.mark.parametrize(
    "value",
    [
        False,
        0,
        -1,
        -1.0,
        "0",
        "-1",
        "No",
        "bad",
        "thumbs-down",
        "thumbsDown",
        "\U0001f44e",
        "dislike",
    ],
)
def test_these_say_down(value: Any) -> None:
    assert up_or_down(value) == 0.0


@settings(deadline=None)
@given(st.none() | st.floats(min_value=1.5) | st.integers(min_value=2) | st.lists(st.integers()))
def test_what_says_neither_is_not_guessed(value: Any) -> None:
    assert up_or_down(value) is None


@pytest.mark.parametrize("value", ["", "maybe", "2", "goodish", "N/A", "5 stars"])
def test_words_that_say_neither_are_not_guessed(value: str) -> None:
    assert up_or_down(value) is None
