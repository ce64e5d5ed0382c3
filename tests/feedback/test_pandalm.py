from __future__ import annotations

from typing import Any

import pytest

from prefcli.feedback.formats import detect
from prefcli.feedback.records import Message
from tests.feedback.rows import fault, parse


def row(**verdicts: Any) -> dict[str, Any]:
    return {
        "idx": 0,
        "motivation_app": "Grammarly",
        "cmp_key": "bloom-7b_llama-7b",
        "instruction": "Shorten it.",
        "input": "It is very long.",
        "response1": "Long.",
        "response2": "It is long.",
        **verdicts,
    }


def test_every_annotator_gives_a_pair_and_0_is_a_tie() -> None:
    said = row(annotator1=1, annotator2="2", annotator3=0)
    assert detect([said]).name == "pandalm"
    pairs = list(detect([said]).parse(said, "everyone"))
    assert [one.annotator for one in pairs] == ["annotator1", "annotator2", "annotator3"]
    assert [one.responses[0] for one in pairs] == ["Long.", "It is long.", "Long."]
    assert [one.value for one in pairs] == [1, 1, 0.5]
    assert {one.prompt for one in pairs} == {(Message("user", "Shorten it.\nIt is very long."),)}
    assert len({one.key for one in pairs}) == 3


def test_annotators_who_agree_are_two_judgements_and_who_said_nothing_none() -> None:
    said = row(annotator1=2, annotator2=2.0, annotator3=None)
    first, second = detect([said]).parse(said, "everyone")
    assert first.responses == second.responses == ("It is long.", "Long.")
    assert (first.row_id, first.key != second.key) == ("0", True)


def test_a_response_that_became_true_on_its_way_is_a_text_again() -> None:
    assert parse({**row(annotator1=1), "response1": True}).responses == ("True", "It is long.")
    said = fault({**row(annotator1=1), "response2": None}, "pandalm")
    assert said == "field 'response2': expected text, came null"


def test_annotators_may_be_called_labels() -> None:
    assert [one.annotator for one in [parse(row(label_0="1"))]] == ["label_0"]


@pytest.mark.parametrize("verdict", [3, "both", True, 1.5, []])
def test_another_verdict_is_bad_data(verdict: Any) -> None:
    said = fault(row(annotator1=1, annotator2=verdict))
    assert said.startswith("field 'annotator2': expected 1, 2, or 0 for a tie, came")


def test_no_verdict_at_all_is_bad_data() -> None:
    assert fault(row(annotator1=None)).startswith("field 'annotator1': expected 1, 2, or 0")


def test_a_row_of_the_training_set_has_one_verdict_with_a_reason() -> None:
    said = {
        "inputs": {
            name: row()[name] for name in ("instruction", "input", "response1", "response2")
        },
        "outputs": {
            "evaluation_result": "2",
            "evaluation_reason": "It is a sentence.",
            "reference_response": "Long.",
        },
    }
    assert detect([said]).name == "pandalm-training"
    pair = parse(said)
    assert (pair.responses, pair.reason) == (("It is long.", "Long."), "It is a sentence.")
    said["outputs"]["evaluation_result"] = "Tie"
    assert parse(said).value == 0.5
