from __future__ import annotations

import pytest

from prefcli.feedback.records import Feedback, Message
from tests.feedback.rows import ASKED, fault, parse, turn


def test_sharegpt_preference_knows_all_its_roles() -> None:
    said = [
        ("human", "a"),
        ("function_call", "f"),
        ("observation", "o"),
        ("gpt", "b"),
        ("human", "c"),
    ]
    row = {
        "system": "Be brief.",
        "conversations": [{"from": role, "value": value} for role, value in said],
        "chosen": {"from": "gpt", "value": "d"},
        "rejected": {"from": "gpt", "value": ""},
    }
    feedback = parse(row)
    roles = ["system", "user", "assistant", "tool", "assistant", "user"]
    assert [one.role for one in feedback.prompt] == roles
    assert feedback.responses == ("d", "")
    assert parse({**row, "chosen": "d", "rejected": ""}) == feedback
    row["conversations"].pop()
    assert "'conversations': expected a human's turn" in fault(row)


@pytest.mark.parametrize("verdict", ["label", "kto_tag"])
@pytest.mark.parametrize("field", ["messages", "conversations"])
def test_a_kto_row_judges_the_last_turn(field: str, verdict: str) -> None:
    row = {field: [turn("user", ASKED.content), turn("assistant", "Blue.")], verdict: True}
    assert parse(row) == Feedback("alice", "thumb", (ASKED,), ("Blue.",), 1.0)
    row[field].append(turn("user", "Why?"))
    assert fault(row) == f"field '{field}': expected an assistant's turn last, came role 'user'"


def test_alpaca_rows_join_instruction_and_input() -> None:
    row = {
        "instruction": "Translate.",
        "input": "ciel",
        "system": "Be brief.",
        "history": [["a", "b"]],
        "chosen": "sky",
        "rejected": "ski",
    }
    said = [
        ("system", "Be brief."),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "Translate.\nciel"),
    ]
    assert parse(row).prompt == tuple(Message(*one) for one in said)
    row["question"] = row.pop("instruction")
    assert parse(row).prompt == tuple(Message(*one) for one in said)
    assert "field 'history[0]'" in fault({**row, "history": [["a"]]})
    thumb = {"instruction": "Translate.", "input": None, "output": "sky", "kto_tag": "false"}
    assert parse(thumb) == Feedback(
        "alice", "thumb", (Message("user", "Translate."),), ("sky",), 0.0
    )
