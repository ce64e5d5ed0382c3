from __future__ import annotations

from typing import Any

import pytest

from prefcli.feedback.formats import by_name, detect
from tests.feedback.rows import ASKED, fault, parse, turn


def answer(response: str, **said: Any) -> dict[str, Any]:
    return {"model": "gpt-4", "principle": "honesty", "response": response, **said}


def row(*completions: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": "sharegpt",
        "instruction": "What is the sky?",
        "models": ["gpt-4", "starchat"],
        "completions": list(completions),
        "correct_answers": ["None"],
    }


def test_every_answer_with_an_overall_score_is_a_rating_from_1_to_10() -> None:
    said = row(
        answer("Blue.", overall_score=8.5, critique="Right."),
        answer("Green.", overall_score="2", critique="Wrong."),
    )
    assert detect([said]).name == "ultrafeedback"
    first, second = detect([said]).parse(said, "alice")
    assert (first.kind, first.prompt, first.responses) == ("rating", (ASKED,), ("Blue.",))
    assert (first.value, first.low, first.high, first.reason) == (8.5, 1, 10, "Right.")
    assert (second.value, second.reason) == (2, "Wrong.")


def test_without_an_overall_score_the_finer_one_counts_then_the_mean_of_the_aspects() -> None:
    aspects = {
        "helpfulness": {"Rating": "4", "Rationale": "x", "Type": ["1"]},
        "honesty": {"Rating": "N/A", "Rationale": "y"},
        "truthfulness": {"Rating": "5"},
    }
    said = row(
        answer("Blue.", overall_score=None, **{"fine-grained_score": 3.75}),
        answer("Green.", annotations=aspects),
    )
    first, second = detect([said]).parse(said, "alice")
    assert (first.value, first.low, first.high) == (3.75, 1, 5)
    assert (second.value, second.low, second.high) == (4.5, 1, 5)


def test_an_answer_without_any_score_is_passed_over_and_a_row_of_them_is_bad() -> None:
    unscored = answer("Grey.", annotations={"honesty": {"Rating": "N/A"}})
    only = parse(row(unscored, answer("Blue.", overall_score=9)))
    assert only.responses == ("Blue.",)
    assert fault(row(unscored)).startswith("field 'completions': expected a score for one answer")


@pytest.mark.parametrize(
    ("completions", "said"),
    [
        ([], "field 'completions': expected a list of objects, came an empty list"),
        (["x"], "field 'completions[0]': expected an object, came text 'x'"),
        ([{"overall_score": 3}], "field 'response': expected text, came nothing"),
        ([answer("x", overall_score=11)], "score 11 is outside its scale from 1 to 10"),
        ([answer("x", overall_score="good")], "field 'overall_score': expected a number"),
    ],
)
def test_bad_completions_are_named(completions: list[Any], said: str) -> None:
    assert fault({**row(), "completions": completions}, "ultrafeedback").startswith(said)


def binarized(better: Any, other: Any, **more: Any) -> dict[str, Any]:
    asked = turn("user", "What is the sky?")
    return {
        "prompt": "What is the sky?",
        "prompt_id": "f0e3",
        "chosen": [asked, turn("assistant", "Blue.")],
        "rejected": [asked, turn("assistant", "Green.")],
        "messages": [asked, turn("assistant", "Blue.")],
        "score_chosen": better,
        "score_rejected": other,
        **more,
    }


def test_a_binarized_pair_is_as_strong_as_its_scores_are_apart() -> None:
    assert detect([binarized(8.0, 6.5)]).name == "ultrafeedback-binarized"
    pair = parse(binarized(8.0, 6.5))
    assert (pair.kind, pair.prompt, pair.responses) == ("pair", (ASKED,), ("Blue.", "Green."))
    assert (pair.value, pair.strength, pair.low, pair.high) == (1, 1.5, 0, None)
    assert pair.row_id == "f0e3"


def test_equal_scores_are_a_tie() -> None:
    pair = parse(binarized(7, 7))
    assert (pair.value, pair.strength) == (0.5, 0)


def test_answers_may_be_texts_beside_their_scores() -> None:
    pair = parse(binarized(8, 6, chosen="Blue.", rejected="Green."))
    assert (pair.prompt, pair.responses, pair.strength) == ((ASKED,), ("Blue.", "Green."), 2)


def test_scores_that_contradict_the_choice_are_bad_data() -> None:
    assert fault(binarized(3, 4)).endswith(
        "expected the chosen answer's to be no lower, came 3 and 4"
    )
    assert fault(binarized("x", 4)) == "field 'score_chosen': expected a number, came text 'x'"
    assert by_name("ultrafeedback-binarized").matches(binarized("x", 4))
