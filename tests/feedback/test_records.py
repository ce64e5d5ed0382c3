"""Judgements as values: what each kind holds, and when two of them are the same."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prefcli.errors import DataError
from prefcli.feedback.records import (
    Feedback,
    Message,
    check_user,
    encoding_key,
    prompt_to_json,
    text_prompt,
    texts_to_json,
)

RICE = text_prompt("How do I cook rice?")
SYSTEM = (Message("system", "Be kind."), *RICE)


@pytest.mark.parametrize(
    ("feedback", "digest"),
    [
        (
            Feedback("alice", "pair", RICE, ("Rinse it.", "It depends.")),
            "9359d1b80b591104aa49930047446abb",
        ),
        (
            Feedback("alice", "pair", RICE, ("Rinse it.", "It depends."), 0.5),
            "3826074e465500f8ca3fb03e3034218e",
        ),
        (
            Feedback("alice", "pair", SYSTEM, ("Æ 🍚", "\udcff"), 1.0, "7", "2024-05-01"),
            "45eec37ef25e15b688c4454f4ba7cadd",
        ),
        (Feedback("bob", "thumb", RICE, ("Rinse it.",)), "8165bb81646ac3fd5609a1626ab77d6a"),
        (Feedback("bob", "thumb", RICE, ("",), 0, None, "1.5"), "f89a52f43822c0604c0e3ac0d0755926"),
    ],
)
def test_pairs_and_thumbs_have_the_keys_that_the_first_catalogs_hold(
    feedback: Feedback, digest: str
) -> None:
    assert feedback.key.hex() == digest


PAIR = Feedback("team", "pair", RICE, ("a", "b"), strength=2, low=0, high=3)
RATING = Feedback("team", "rating", RICE, ("a",), 4, low=1, high=5)
RANKING = Feedback("team", "ranking", RICE, ("a", "b", "c"), ranks=(1, 2, 2))


@pytest.mark.parametrize(
    ("feedback", "digest"),
    [
        (dataclasses.replace(PAIR, annotator="zoe"), "4ba1d2daecbe667a22badd472e0335e2"),
        (
            Feedback("team", "rating", SYSTEM, ('say "é"\n',), -0.5, time="x", low=-1),
            "8532e997b12e96a702d468770ee24f78",
        ),
        (dataclasses.replace(RANKING, ranks=(2, 1, 2)), "b0bb5ec3ebe56a740399efbca10f7b5d"),
        (
            Feedback("team", "edit", RICE, ("a\u2028", "b"), row_id="1"),
            "c53c8a0b5499f1b2b80076cbcff98d6c",
        ),
    ],
)
def test_the_other_kinds_have_the_keys_that_catalogs_hold(feedback: Feedback, digest: str) -> None:
    assert feedback.key.hex() == digest


def test_an_encoding_is_found_by_the_key_that_catalogs_hold() -> None:
    assert encoding_key(SYSTEM, "Æ 🍚\udcff").hex() == "db47252f76635ecf60746ad13e126120"


@given(st.lists(st.text(), min_size=1), st.text(min_size=1), st.none() | st.text(), st.floats(0, 5))
@example(["plain"], "plain", None, 1.0)
@example(["\x7f"], 'a\x7f\n"b"', "\x7f", 1.0)
def test_a_key_is_the_hash_of_plain_json(
    turns: list[str], answer: str, row_id: str | None, score: float
) -> None:
    prompt = (*RICE, *(Message("user", turn) for turn in turns))
    written = json.dumps([[turn.role, turn.content] for turn in prompt], ensure_ascii=False)
    assert prompt_to_json(prompt) == written
    assert texts_to_json(turns) == json.dumps(turns, ensure_ascii=False)
    rating = Feedback("zoë", "rating", prompt, (answer,), score, row_id, low=0)
    parts = ["zoë", "rating", written, [answer], score + 0.0, row_id, None, {"low": 0.0}]
    digest = hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).digest()
    assert (
        rating.key == rating.key_over(written, json.dumps([answer], ensure_ascii=False)) == digest
    )


@pytest.mark.parametrize(
    ("feedback", "changes"),
    [
        (PAIR, {"strength": 1.0}),
        (PAIR, {"strength": None, "low": None, "high": None}),
        (PAIR, {"high": 7}),
        (PAIR, {"annotator": "zoe"}),
        (RATING, {"value": 3}),
        (RATING, {"low": None, "high": None}),
        (RATING, {"high": 10}),
        (RANKING, {"ranks": (1, 1, 2)}),
        (RANKING, {"kind": "pair", "responses": ("a", "b"), "ranks": None}),
    ],
)
def test_what_says_something_else_has_another_key(
    feedback: Feedback, changes: dict[str, Any]
) -> None:
    assert dataclasses.replace(feedback, **changes).key != feedback.key


def test_the_same_judgement_has_the_same_key_however_it_is_written() -> None:
    listed = dataclasses.replace(RANKING, responses=("c", "a", "b"), ranks=(2, 1, 2))
    assert listed.key == RANKING.key
    assert dataclasses.replace(RATING, value=4.0, low=1.0).key == RATING.key
    zeros = [Feedback("a", "rating", RICE, ("x",), zero) for zero in (0, 0.0, -0.0)]
    assert len({zero.key for zero in zeros}) == 1
    assert dataclasses.replace(PAIR, reason="it is shorter").key == PAIR.key


def test_only_answers_that_are_all_the_same_text_say_nothing() -> None:
    for kind in ("pair", "edit"):
        assert Feedback("a", kind, RICE, ("x", "x")).says_nothing
        assert not Feedback("a", kind, RICE, ("x", "y")).says_nothing
    assert Feedback("a", "ranking", RICE, ("x", "x", "x"), ranks=(1, 2, 3)).says_nothing
    assert not Feedback("a", "ranking", RICE, ("x", "x", "y"), ranks=(1, 2, 3)).says_nothing
    assert not Feedback("a", "rating", RICE, ("x",), 3).says_nothing


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "vote"}, "kind is 'vote', expected one of pair, thumb, rating,"),
        ({"kind": "pair"}, "pair has 1 answers, expected 2"),
        ({"kind": "edit"}, "edit has 1 answers, expected 2"),
        ({"kind": "thumb", "value": 0.5}, "thumb has value 0.5"),
        ({"kind": "demonstration", "value": 0}, "demonstration has value 0.0"),
        ({"kind": "rating", "value": float("nan")}, "value is nan, expected a finite number"),
        ({"kind": "rating", "value": 10**400}, "value is inf, expected a finite number"),
        (
            {"kind": "rating", "value": 6, "low": 1, "high": 5},
            "score 6 is outside its scale",
        ),
        ({"kind": "rating", "value": 6, "high": 5}, "score 6 is outside its scale from -inf to 5"),
        ({"kind": "rating", "value": 1, "low": 1, "high": 1}, "scale goes from 1 to 1"),
        ({"kind": "thumb", "low": 0}, "thumb has a scale"),
        ({"kind": "thumb", "strength": 1}, "thumb has a strength"),
        ({"kind": "thumb", "ranks": (1,)}, "thumb has ranks"),
        ({"kind": "ranking", "ranks": (1,)}, "ranking has 1 answers, expected at least 2"),
        ({"kind": "ranking", "responses": ("a", "b")}, "ranking has 2 answers and 0 ranks"),
        (
            {"kind": "ranking", "responses": ("a", "b"), "ranks": (1, 3)},
            r"ranking has ranks \[1, 3\], expected 1, 2, ... and no gap",
        ),
    ],
)
def test_a_field_out_of_its_range_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Feedback(**({"user": "a", "prompt": RICE, "responses": ("x",)} | fields))


def test_a_name_that_cannot_be_used_comes_with_the_flag_that_renames_it() -> None:
    with pytest.raises(DataError) as caught:
        check_user("Zoë O'Hara, PhD")
    flag = caught.value.message.split("rename it: ")[1]
    assert flag == """--map-user 'Zoë O'"'"'Hara, PhD=Zoë-O'"'"'Hara-PhD'"""
    with pytest.raises(DataError) as caught:
        check_user("")
    assert "--map-user" not in caught.value.message
