"""prefcli's own format, beyond what the export's property covers."""

from __future__ import annotations

from typing import Any

import pytest

from prefcli.feedback.formats import detect
from tests.feedback.rows import fault, parse, turn

ROW = {
    "user": "alice",
    "kind": "rating",
    "prompt": [turn("user", "What is the sky?")],
    "responses": ["Blue."],
    "value": 4,
    "low": 1,
    "high": None,
    "id": 17,
    "created": "2026-11-30",
}


def test_null_is_as_good_as_absent_and_the_catalogs_own_fields_are_not_read() -> None:
    rating = parse(ROW)
    assert (rating.value, rating.low, rating.high) == (4, 1, None)
    assert (rating.row_id, rating.time, rating.ranks) == (None, None, None)


def test_rows_written_by_hand_with_a_text_as_prompt_are_recognised() -> None:
    by_hand = ROW | {"prompt": "What is the sky?"}
    assert parse(by_hand) == parse(ROW)
    ranking = {key: by_hand[key] for key in ("user", "prompt")} | {
        "kind": "ranking",
        "responses": ["Blue.", "Green."],
        "ranks": [2, 1],
    }
    # The names of a ranking's fields are those of another layout too, which has no kinds.
    assert detect([ranking, by_hand, by_hand]).name == "prefcli"
    assert parse(ranking).kind == "ranking"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"responses": ["a", 1]}, "field 'responses': expected a list of texts, came a list of 2"),
        ({"responses": ["a", "b"]}, "rating has 2 answers, expected 1"),
        ({"kind": "vote"}, "field 'kind': expected one of pair, thumb, rating,"),
        ({"kind": ["pair"]}, "field 'kind': expected text, came a list of 1"),
        ({"value": "much"}, "field 'value': expected a number, came text 'much'"),
        ({"ranks": "1, 2"}, "field 'ranks': expected a list of whole numbers, came text '1, 2'"),
        ({"ranks": [1.5]}, "field 'ranks': expected a list of whole numbers, came a list of 1"),
        ({"reason": 5}, "field 'reason': expected text, came number 5"),
    ],
)
def test_a_field_that_is_wrong_is_named(changes: dict[str, Any], said: str) -> None:
    assert fault(ROW | changes, "prefcli").startswith(said)
