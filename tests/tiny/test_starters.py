"""The starter profiles are what their feedback says, and belong to the space that is shipped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from prefcli import pref_file
from prefcli.errors import DataError
from prefcli.latent.space import Space
from prefcli.profile import Profile
from prefcli.tiny import space_directory, starters, tastes
from prefcli.tiny.starters import Pair
from prefcli.tiny.styles import STYLES, Starter, bullets, sentences

FOLDER = Path(__file__).parents[2] / "profiles"
REMAKE = "run `python -m prefcli.tiny.build --only starters`, then `python -m benchmarks.starters`"


def rows(name: str) -> list[dict[str, str]]:
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_style_has_feedback_and_a_profile_and_nothing_else_has() -> None:
    assert {path.stem for path in FOLDER.glob("*.pref")} == set(STYLES)
    assert {path.stem for path in FOLDER.glob("*.jsonl")} == {*STYLES, *tastes.STARTERS}


@pytest.mark.parametrize("name", STYLES)
def test_each_judgement_is_what_the_style_says(name: str) -> None:
    utility = STYLES[name].utility
    judged = rows(name)
    assert len(judged) == len({row["prompt"] for row in judged}) == starters.PAIRS
    assert all(utility(row["chosen"]) > utility(row["rejected"]) for row in judged)


@pytest.mark.parametrize("name", STYLES)
def test_each_profile_belongs_to_the_space_that_is_shipped(name: str) -> None:
    content = (FOLDER / f"{name}.pref").read_bytes()
    artifact, about = pref_file.unpack(content, name)
    profile = Profile.from_bytes(artifact)
    shipped = Space.load(space_directory()).fingerprint()
    assert profile.space == about["space"]["fingerprint"] == shipped, REMAKE
    assert about["note"] == f"likes {STYLES[name].likes}", REMAKE
    assert profile.latent(1.0) is not None
    assert len(content) < 4_000


def test_a_profile_is_what_its_feedback_fits() -> None:
    likes = {name: STYLES[name].likes for name in ("brief", "formal")}
    for name, content in starters.fitted(FOLDER, likes).items():
        assert starters.same(content, (FOLDER / f"{name}.pref").read_bytes()), REMAKE


def test_two_files_are_the_same_but_for_the_last_digits() -> None:
    content = (FOLDER / "brief.pref").read_bytes()
    artifact, about = pref_file.unpack(content, "brief")
    assert starters.same(content, content)
    for shift, expected in ((1e-5, True), (0.05, False)):
        profile = Profile.from_bytes(artifact)
        profile.reward.weight[:] += np.float32(shift)
        assert starters.same(content, pref_file.pack(profile.to_bytes(), about)) is expected
    assert not starters.same(content, pref_file.pack(artifact, about | {"note": "likes tea"}))


class TestJudgements:
    LONGER = Starter("words", lambda text: float(len(text)))

    def test_ties_are_passed_over_and_the_first_that_differ_are_taken(self) -> None:
        pairs = [Pair(f"q{i}", "one", "two" if i % 2 else "three") for i in range(100)]
        found = starters.judgements("x", self.LONGER, pairs)
        assert len(found) == starters.PAIRS
        assert {(row["chosen"], row["rejected"]) for row in found} == {("three", "one")}
        assert [row["id"] for row in found[:2]] == ["001", "002"]

    def test_too_few_pairs_that_differ_are_an_error(self) -> None:
        with pytest.raises(DataError, match="tells 1 of 2 pairs apart: 40 needed"):
            starters.judgements(
                "x", self.LONGER, [Pair("a", "one", "two"), Pair("b", "one", "three")]
            )


class TestStyles:
    def test_numbers_of_a_list_end_no_sentence(self) -> None:
        assert sentences("1. Rinse it.\n2. Boil it! 🍳") == 2

    def test_only_bullets_are_bullets(self) -> None:
        assert bullets("- a\n- b\n1. c") == 2

    @pytest.mark.parametrize(
        ("name", "better", "worse"),
        [
            ("prose", "Rinse it. Boil it.", "Rinse it."),
            ("prose", "Rinse it.", "- Rinse it.\n- Boil it."),
            ("plain", "Rinse it.", "Rinse it! 🍳"),
            ("direct", "Rinse it.", "Perhaps rinse it."),
            ("hedged", "Perhaps rinse it.", "Perhaps rinse it. Boil it. Eat it."),
            ("formal", "It is advisable to rinse it.", "Just rinse it."),
            ("casual", "Just rinse it.", "It is advisable to rinse it."),
            ("about-20-words", "word " * 21, "word " * 18),
            ("short-list", "- a\n- b\n- c", "- a\n- b"),
            ("short-list", "- a\n- b\n- c", "- a\n- b\n- c\n" + "word " * 60),
            ("curious", "Rinse it. What do you think?", "Rinse it."),
        ],
    )
    def test_a_style_prefers_what_it_is_named_for(self, name: str, better: str, worse: str) -> None:
        utility = STYLES[name].utility
        assert utility(better) > utility(worse)
