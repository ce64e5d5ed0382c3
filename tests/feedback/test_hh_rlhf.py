from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.feedback.formats import detect
from tests.feedback.rows import fault, parse

START = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c"


@pytest.mark.parametrize(
    ("chosen", "rejected", "prompt", "answers"),
    [
        (f"{START}\n\nAssistant: d", f"{START}\n\nAssistant: e", "abc", ("d", "e")),
        (f"{START}\n\nAssistant: ", f"{START}\n\nAssistant: e", "abc", ("", "e")),
        (f"{START}\n\nAssistant:", f"{START}\n\nAssistant: e", "abc", ("", "e")),
        # One answer begins like the other.
        (f"{START}\n\nAssistant: d", f"{START}\n\nAssistant: de", "abc", ("d", "de")),
        # They part at a human's turn: the answer before it begins what differs.
        (
            f"{START}\n\nAssistant: d",
            f"{START}!\n\nAssistant: d",
            "a",
            ("b\n\nHuman: c\n\nAssistant: d", "b\n\nHuman: c!\n\nAssistant: d"),
        ),
        # One of them goes on.
        (
            f"{START}\n\nAssistant: d",
            f"{START}\n\nAssistant: e\n\nAssistant: f",
            "abc",
            ("d", "e\n\nAssistant: f"),
        ),
        # Neither a name inside a line nor one after a single line break begins a turn.
        (
            "Human: a Assistant: x\nHuman: y\n\nAssistant: d",
            "Human: a Assistant: x\nHuman: y\n\nAssistant: e",
            ["a Assistant: x\nHuman: y"],
            ("d", "e"),
        ),
    ],
)
def test_transcripts_share_the_turns_up_to_the_last_boundary_where_both_agree(
    chosen: str, rejected: str, prompt: str | list[str], answers: tuple[str, str]
) -> None:
    row = {"chosen": chosen, "rejected": rejected}
    assert detect([row]).name == "hh-rlhf"
    feedback = parse(row)
    assert [one.content for one in feedback.prompt] == list(prompt)
    assert [one.role for one in feedback.prompt] == ["user", "assistant", "user"][: len(prompt)]
    assert feedback.responses == answers


def test_transcripts_without_a_common_turn_are_refused() -> None:
    row = {"chosen": "Human: a\n\nAssistant: b", "rejected": "Human: A\n\nAssistant: b"}
    assert "share none" in fault(row)
    assert "expected a transcript" in fault({**row, "rejected": "b"}, "hh-rlhf")


words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(st.lists(words, min_size=1, max_size=5).filter(lambda told: len(told) % 2), words, words)
def test_a_transcript_pair_comes_back_as_it_was_told(told: list[str], good: str, bad: str) -> None:
    speakers = ["Human", "Assistant"] * 3
    begin = "".join(f"\n\n{who}: {said}" for who, said in zip(speakers, told, strict=False))
    row = {"chosen": f"{begin}\n\nAssistant: {good}", "rejected": f"{begin}\n\nAssistant: {bad}"}
    feedback = parse(row)
    assert [one.content for one in feedback.prompt] == told
    assert feedback.responses == (good, bad)
