"""Judgements made from a row: the same in every format."""

from __future__ import annotations

from prefcli.feedback import judgements
from prefcli.feedback.records import text_prompt

SKY = text_prompt("What is the sky?")


def test_ranks_are_any_numbers_of_which_only_the_order_counts() -> None:
    ranked = judgements.ranking({}, "alice", SKY, ["a", "b", "c", "d"], [2.5, -1, 2.5, 90])
    assert ranked.ranks == (2, 1, 2, 3)
    assert ranked.responses == ("a", "b", "c", "d")


def test_an_edit_holds_the_persons_own_text_first() -> None:
    edited = judgements.edit({}, "alice", SKY, original="Green.", edited="Blue.")
    assert edited.responses == ("Blue.", "Green.")


def test_a_strength_keeps_its_scale_and_no_strength_has_none() -> None:
    strong = judgements.pair({}, "alice", SKY, "a", "b", strength=2, scale=(1, 3))
    assert (strong.strength, strong.low, strong.high) == (2, 1, 3)
    plain = judgements.pair({}, "alice", SKY, "a", "b", scale=(1, 3))
    assert (plain.strength, plain.low, plain.high) == (None, None, None)
    assert judgements.pair({}, "alice", SKY, "a", "b", tie=True).value == 0.5


def test_every_kind_keeps_who_judged_when_and_why() -> None:
    row = {"id": 7, "time": 1.5, "comment": "too long", "reason": ""}
    made = [
        judgements.pair(row, "team", SKY, "a", "b", annotator="zoe"),
        judgements.thumb(row, "team", SKY, "a", 1.0, annotator="zoe"),
        judgements.rating(row, "team", SKY, "a", 4, scale=(1, 5), annotator="zoe"),
        judgements.ranking(row, "team", SKY, ["a", "b"], [1, 2], annotator="zoe"),
        judgements.edit(row, "team", SKY, "a", "b", annotator="zoe"),
        judgements.demonstration(row, "team", SKY, "a", annotator="zoe"),
    ]
    for one in made:
        assert (one.row_id, one.time, one.annotator, one.reason) == ("7", "1.5", "zoe", "too long")


def test_the_user_themself_is_no_annotator() -> None:
    assert judgements.thumb({}, "zoe", SKY, "a", 1.0, annotator="zoe").annotator is None
    assert judgements.thumb({}, "zoe", SKY, "a", 1.0, annotator="").annotator is None
