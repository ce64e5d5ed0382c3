"""The difference between two profiles: nothing for the same one, and signs that turn round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from prefcli.errors import UsageError
from prefcli.latent.describe import in_words
from prefcli.services.profile_diff import agreement, diff, move_in_words
from prefcli.services.profiles import open_profile, stored_profile
from prefcli.services.spaces import reference_encodings, resolve_space
from prefcli.store import Store
from tests.made_profiles import add_profile

TOLD = {
    "direction": 2,
    "features": [{"name": "words", "low": 21.0, "high": 38.0, "effect": 1.0}],
    "words_low": ["never"],
    "words_high": ["you"],
}


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


def test_a_profile_does_not_differ_from_itself(store: Store) -> None:
    add_profile(store, "alice", 1.0, -2.0)
    found = diff(store, "alice", "alice@1")
    assert (found["distance"], found["agreement"], found["cosine"]) == (0.0, 1.0, 1.0)
    assert not any(each["told"] for each in found["moved"])
    assert found["summary"].startswith("alice@1 generates as alice@1 does")


def test_opposite_tastes_agree_on_nothing(store: Store) -> None:
    add_profile(store, "alice", 0.0, 2.0)
    add_profile(store, "bob", 0.0, -2.0)
    found = diff(store, "alice", "bob")
    assert (found["agreement"], found["cosine"]) == (0.0, -1.0)
    assert found["distance"] == pytest.approx(6.0, abs=1e-3)  # from one end of the reach to another
    first = found["moved"][0]
    assert (first["direction"], first["told"]) == (2, True)
    assert first["change"] == pytest.approx(-6.0, abs=1e-3)


def test_swapping_the_two_turns_every_move_round(store: Store) -> None:
    add_profile(store, "alice", 1.0, 0.5, -1.0)
    add_profile(store, "bob", -0.3, 2.0)
    there, back = diff(store, "alice", "bob"), diff(store, "bob", "alice")
    assert [each["change"] for each in there["moved"]] == [-e["change"] for e in back["moved"]]
    assert there["agreement"] == back["agreement"]


def test_a_user_who_prefers_nothing_is_compared_as_the_base(store: Store) -> None:
    add_profile(store, "alice", 0.0, 2.0)
    add_profile(store, "nobody", 0.0)
    found = diff(store, "nobody", "alice")
    assert (found["agreement"], found["cosine"]) == (None, None)
    assert found["summary"] == "nobody@1 is the plain base, alice@1 is 3.00 away from it"


def test_agreement_is_the_share_of_pairs_counted_one_by_one(store: Store) -> None:
    add_profile(store, "alice", 1.0, 0.5, -1.0)
    add_profile(store, "bob", -0.3, 2.0)
    alice, bob = (open_profile(stored_profile(store, name)) for name in ("alice", "bob"))
    answers = reference_encodings(resolve_space(store))[:9]
    same = [
        (alice.reward(pair)[0] > alice.reward(pair)[1])
        == (bob.reward(pair)[0] > bob.reward(pair)[1])
        for i in range(9)
        for j in range(i)
        for pair in [answers[[i, j]]]
    ]
    assert agreement(alice, bob, answers) == pytest.approx(float(np.mean(same)))


def test_profiles_of_different_spaces_are_not_compared(store: Store) -> None:
    add_profile(store, "alice", 1.0)
    add_profile(store, "bob", 1.0, space="0123456789abcdef")
    with pytest.raises(UsageError, match="different spaces"):
        diff(store, "alice", "bob")


def test_a_move_backwards_is_described_from_the_other_end() -> None:
    assert move_in_words(TOLD, 1.0) == in_words(TOLD)
    assert move_in_words(TOLD, 1.0).startswith("longer (38 against 21 words)")
    assert (
        move_in_words(TOLD, -1.0) == 'shorter (21 against 38 words); words: "never"; against "you"'
    )
