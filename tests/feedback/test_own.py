"""prefcli's own format, beyond what the export's property covers."""

from __future__ import annotations

from typing import Any

import pytest

from prefcli.errors import DataError
from prefcli.feedback.formats import by_name, detect
from prefcli.feedback.formats.definition import Origin
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


def test_null_is_as_good_as_absent_and_the_catalogs_own_numbers_are_not_read() -> None:
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


def origin(**changes: Any) -> Origin | None:
    find = by_name("prefcli").origin
    assert find is not None
    return find(ROW | changes)


def test_a_row_keeps_its_origin_if_it_has_all_of_it() -> None:
    whole = {"source": "votes.jsonl", "line": 3, "created": "2026-11-30T18:00:00.120Z"}
    assert origin(**whole) == Origin("votes.jsonl", 3, "2026-11-30T18:00:00.120Z")
    for name in whole:
        assert origin(**(whole | {name: None})) is None
    assert origin() is None
    abroad = origin(**(whole | {"created": "2026-11-30T20:00:00+02:00"}))
    assert abroad is not None
    assert abroad.created == "2026-11-30T18:00:00.000Z"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": ""}, "field 'source': expected a file's name, came empty text"),
        ({"line": "3"}, "field 'line': expected a line's number, came text '3'"),
        ({"line": 2**63}, "field 'line': expected a line's number, came number"),
        ({"created": "soon"}, "field 'created': expected a time like"),
        ({"created": 17}, "field 'created': expected a time like"),
        ({"created": "0001-01-01T00:00:00+09:00"}, "field 'created': expected a time like"),
    ],
)
def test_an_origin_that_is_wrong_is_named(changes: dict[str, Any], said: str) -> None:
    whole = {"source": "votes.jsonl", "line": 3, "created": "2026-11-30"}
    with pytest.raises(DataError) as caught:
        origin(**(whole | changes))
    assert caught.value.message.startswith(said)
