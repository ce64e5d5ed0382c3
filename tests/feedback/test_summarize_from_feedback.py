from __future__ import annotations

from typing import Any

import pytest

from prefcli.feedback.formats import detect
from tests.feedback.rows import fault, parse


def comparison(**changed: Any) -> dict[str, Any]:
    return {
        "info": {"id": "t3_2v", "post": "I had an accident.", "title": "Help", "subreddit": "law"},
        "summaries": [
            {"text": " Nothing happened.", "policy": "sup4", "note": "Odd."},
            {"text": " An accident.", "policy": "ref", "note": None},
        ],
        "choice": 1,
        "worker": "ikN",
        "batch": "batch9",
        "split": "train",
        "extra": {"confidence": 8},
        **changed,
    }


def test_the_summary_at_the_place_chosen_is_the_better_one() -> None:
    assert detect([comparison()]).name == "summarize-comparison"
    assert detect([comparison()]).users == ("worker",)
    pair = parse(comparison())
    (turn,) = pair.prompt
    assert turn.content == ("SUBREDDIT: r/law\n\nTITLE: Help\n\nPOST: I had an accident.\n\nTL;DR:")
    assert (pair.kind, pair.responses) == ("pair", ("An accident.", "Nothing happened."))
    assert (pair.strength, pair.row_id) == (8, "t3_2v")
    other = parse(comparison(choice=0, extra={"confidence": None}))
    assert (other.responses, other.strength) == (("Nothing happened.", "An accident."), None)


def axes(**changed: Any) -> dict[str, Any]:
    return {
        "info": {"id": "167f", "site": "dailymail", "title": "T", "article": "A red card."},
        "split": "test",
        "summary": {"text": "Red.", "axes": {"overall": 3, "accuracy": 5}, "note": "x"},
        "worker": "qo6",
        **changed,
    }


def test_the_overall_axis_is_a_rating_on_seven_points() -> None:
    assert detect([axes()]).name == "summarize-axes"
    rating = parse(axes())
    assert rating.prompt[0].content == "Article:\n\nA red card.\n\nTL;DR:"
    assert (rating.kind, rating.responses, rating.value) == ("rating", ("Red.",), 3)
    assert (rating.low, rating.high, rating.row_id) == (1, 7, "167f")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (comparison(choice=2), "field 'choice': expected true or false, came number 2"),
        (comparison(summaries=[{"text": "x"}]), "field 'summaries': expected a list of two"),
        (comparison(summaries=[{}, {}]), "field 'text': expected text, came nothing"),
        (comparison(info={}), "field 'article': expected text, came nothing"),
        (axes(summary={"text": "x"}), "field 'axes': expected an object, came nothing"),
        (axes(summary={"text": "x", "axes": {"overall": None}}), "field 'overall': expected a"),
        (axes(summary={"text": "x", "axes": {"overall": 8}}), "score 8 is outside its scale"),
    ],
)
def test_what_is_wrong_is_named(row: dict[str, Any], said: str) -> None:
    assert fault(row).startswith(said)
