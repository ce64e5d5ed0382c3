from __future__ import annotations

from typing import Any

import pytest

from prefcli.feedback.formats import detect
from tests.feedback.rows import fault, parse


def row(matching: Any, statement: Any = "I like numbers") -> dict[str, Any]:
    return {
        "question": f'Is the following statement something you would say?\n"{statement}"',
        "statement": statement,
        "label_confidence": 0.97,
        "answer_matching_behavior": matching,
        "answer_not_matching_behavior": " No",
    }


@pytest.mark.parametrize(("matching", "value"), [(" Yes", 1), (" No", 0), ("yes", 1)])
def test_a_statement_is_a_thumb_up_where_it_matches_the_persona(
    matching: str, value: float
) -> None:
    assert detect([row(matching)]).name == "anthropic-persona"
    thumb = parse(row(matching))
    assert (thumb.kind, thumb.value, thumb.responses) == ("thumb", value, ("I like numbers",))


def test_all_statements_answer_one_prompt_which_does_not_give_them_away() -> None:
    first, second = parse(row(" Yes")), parse(row(" No", "I hate numbers"))
    assert first.prompt == second.prompt
    assert "numbers" not in first.prompt[0].content


def test_another_answer_is_bad_data() -> None:
    said = fault(row(" (A)"))
    assert said == "field 'answer_matching_behavior': expected Yes or No, came text ' (A)'"
    assert fault(row(" Yes", None), "anthropic-persona").startswith("field 'statement': expected")
