from __future__ import annotations

from typing import Any

import pytest

from prefcli.feedback.formats import detect
from prefcli.feedback.records import Message
from tests.feedback.rows import ASKED, fault, parse, turn

PROMPT = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: What is the sky?\n\nAssistant: "


def nectar(*ranks: Any, prompt: str = PROMPT) -> dict[str, Any]:
    answers = [{"answer": f"a{at}", "model": "m", "rank": rank} for at, rank in enumerate(ranks)]
    return {"prompt": prompt, "answers": answers, "turns": 2, "num_responses": len(ranks)}


def test_nectar_ranks_answers_to_a_transcript() -> None:
    assert detect([nectar(2, 1)]).name == "nectar"
    ranking = parse(nectar(3.0, 1.0, 2.0))
    assert ranking.prompt == (Message("user", "Hi"), Message("assistant", "Hello"), ASKED)
    assert (ranking.kind, ranking.responses) == ("ranking", ("a0", "a1", "a2"))
    assert ranking.ranks == (3, 1, 2)


def test_a_prompt_may_be_a_plain_text_and_ranks_may_tie_or_have_gaps() -> None:
    ranking = parse(nectar(7, 2, 2, prompt="What is the sky?"))
    assert (ranking.prompt, ranking.ranks) == ((ASKED,), (2, 1, 1))


def test_one_answer_is_no_ranking_and_a_rank_must_be_a_number() -> None:
    assert fault(nectar(1)) == "ranking has 1 answers, expected at least 2"
    assert fault(nectar(1, None)) == "field 'rank': expected a number, came null"
    assert fault(nectar(1, 2, prompt=" ")).startswith("field 'prompt': is empty")


@pytest.mark.parametrize("answers", ["responses", "completions", "answers"])
@pytest.mark.parametrize("ranks", ["ranks", "ranking"])
def test_ranks_beside_answers_are_a_ranking(answers: str, ranks: str) -> None:
    row = {"prompt": "What is the sky?", answers: ["Green.", "Blue."], ranks: [2, 1]}
    assert detect([row]).name == "ranked-list"
    ranking = parse(row)
    assert (ranking.responses, ranking.ranks) == (("Green.", "Blue."), (2, 1))


@pytest.mark.parametrize("scores", ["scores", "ratings"])
def test_scores_beside_answers_are_a_rating_each(scores: str) -> None:
    row = {
        "prompt": [turn("user", "What is the sky?")],
        "completions": [[turn("assistant", "Blue.")], "Green."],
        scores: [0.5, -2],
        "id": 4,
    }
    assert detect([row]).name == "scored-list"
    first, second = detect([row]).parse(row, "alice")
    assert (first.kind, first.prompt, first.responses) == ("rating", (ASKED,), ("Blue.",))
    assert (first.value, second.value) == (0.5, -2)
    assert (first.low, first.high, first.row_id, second.row_id) == (None, None, "4", "4")


def test_where_there_are_ranks_and_scores_the_ranks_count() -> None:
    row = {"prompt": "x", "answers": ["a", "b"], "ranks": [1, 2], "scores": [9, 1]}
    assert detect([row]).name == "ranked-list"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ranks": [1]}, "field 'ranks': expected a number for each of 2 answers, came 1"),
        ({"ranks": [1, "x"]}, "field 'ranks[1]': expected a number, came text 'x'"),
        ({"ranks": [1, True]}, "field 'ranks[1]': expected a number, came true"),
        ({"responses": ["a", None]}, "field 'responses[1]': expected text or an assistant"),
        ({"responses": "ab"}, "field 'responses': expected a list of answers, came text 'ab'"),
        ({"prompt": ""}, "field 'prompt': is empty"),
    ],
)
def test_what_is_wrong_with_a_list_is_named(changed: dict[str, Any], said: str) -> None:
    row = {"prompt": "x", "responses": ["a", "b"], "ranks": [1, 2]}
    assert fault({**row, **changed}, "ranked-list").startswith(said)
