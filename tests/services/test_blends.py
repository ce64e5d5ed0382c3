"""Blends by name: in a prompt's profile, in a batch, and kept as a profile."""

from __future__ import annotations

import json

import numpy as np
import pytest

from prefcli.errors import NotFoundError, UsageError
from prefcli.services.batch import generate_batch
from prefcli.services.blends import find_taste, keep_blend, parse_blend
from prefcli.services.generate import generate
from prefcli.services.profiles import open_profile, stored_profile
from prefcli.store import Store
from tests.made_profiles import add_profile

PROMPT = "How do I cook rice?"
BLEND = "alice=0.7,bob=0.3"


def test_a_blend_has_parts_and_shares() -> None:
    assert parse_blend(" alice=0.7, bob@2=3e-1") == [("alice", 0.7), ("bob@2", 0.3)]
    assert parse_blend("a=b=1") == [("a=b", 1.0)]
    assert parse_blend("alice@2") is None


@pytest.mark.parametrize(
    "name",
    [
        *("alice,bob", "alice=", "=1", "alice=0", "alice=-1,bob=2", "alice=x", "a=inf", "a=1,a=2"),
        *("a=1,", ",".join(f"u{i}=1" for i in range(33))),
    ],
)
def test_a_blend_that_makes_no_sense_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--profile"):
        parse_blend(name)


def test_generating_with_a_blend_names_the_versions_and_gives_it_again(fitted: Store) -> None:
    answer = generate(fitted, PROMPT, profile=BLEND, seed=3)
    assert (answer.profile, answer.version) == ("alice@1=0.7,bob@1=0.3", None)
    again = generate(fitted, PROMPT, profile=answer.profile, seed=3)
    assert again.response == answer.response


def test_a_blend_of_one_is_that_profile(fitted: Store) -> None:
    alone = generate(fitted, PROMPT, profile="alice", seed=3)
    assert generate(fitted, PROMPT, profile="alice=2", seed=3).response == alone.response


def test_a_batch_mixes_blends_and_profiles(fitted: Store) -> None:
    names = [BLEND, "alice", None, BLEND, "alice=1,nobody=1"]
    lines = [json.dumps({"prompt": PROMPT, "profile": name, "seed": 5}) for name in names]
    answers = list(generate_batch(fitted, lines))
    assert answers[0]["response"] == answers[3]["response"]
    assert answers[0]["response"] == generate(fitted, PROMPT, profile=BLEND, seed=5).response
    assert "nobody" in answers[4]["error"]


def test_a_kept_blend_is_what_the_notation_gives(fitted: Store) -> None:
    made = keep_blend(fitted, BLEND, "family")
    assert (made["profile"], made["parents"]) == ("family@1", ["alice@1=0.7", "bob@1=0.3"])
    kept, told = open_profile(stored_profile(fitted, "family")), find_taste(fitted, BLEND).open()
    assert kept.z is not None
    assert told.z is not None
    assert np.array_equal(kept.z, told.z)
    with pytest.raises(UsageError, match="--new-version"):
        keep_blend(fitted, BLEND, "family")
    with pytest.raises(UsageError, match="no blend"):
        keep_blend(fitted, "alice", "twice")
    fitted.forget_user("bob")
    with pytest.raises(NotFoundError):
        stored_profile(fitted, "family")


def test_profiles_of_different_spaces_do_not_blend(fitted: Store) -> None:
    add_profile(fitted, "carol", 1.0, space="0123456789abcdef")
    with pytest.raises(UsageError, match="different spaces"):
        find_taste(fitted, "alice=1,carol=1")


def test_a_user_whose_name_holds_an_equals_sign_is_that_user(fitted: Store) -> None:
    add_profile(fitted, "a=1", 1.0)
    assert find_taste(fitted, "a=1").version == 1
    assert find_taste(fitted, "a=1@1").version == 1
    assert find_taste(fitted, "a=1=0.5,alice=0.5").name == "a=1@1=0.5,alice@1=0.5"
