"""A blind test tells nobody which answer is whose, and counts what was picked."""

from __future__ import annotations

from typing import Any

import pytest

from prefcli.errors import DataError, UsageError
from prefcli.feedback.records import Feedback, text_prompt
from prefcli.services.blind_test import BlindQuestion, BlindTest, blind_scores, blind_test
from prefcli.services.generate import generate
from prefcli.store import Store
from tests.made_profiles import add_profile

PROMPTS = ["What is tea?", "How do I iron a shirt?", "What is rain?", "How do I boil an egg?"]
SHORT: dict[str, Any] = {"max_new_tokens": 12, "seed": 3}


@pytest.fixture
def tested(empty: Store) -> Store:
    add_profile(empty, "alice", 2.0)
    return empty


def letter(question: BlindQuestion, whose: str) -> str:
    """The key for the answer that is the profile's, or the base's."""
    return "1" if question.profile_first == (whose == "profile") else "2"


def start(store: Store, **options: Any) -> BlindTest:
    return blind_test(store, "alice", **{"prompts": PROMPTS, **SHORT} | options)


def test_both_answers_are_what_generate_gives_with_the_question_s_seed(tested: Store) -> None:
    test = start(tested)
    assert [question.prompt for question in test.questions] == list(map(text_prompt, PROMPTS))
    question = test.questions[0]
    answers = {
        profile: generate(
            tested, PROMPTS[0], profile=profile, seed=question.seed, max_new_tokens=12
        ).response
        for profile in (None, "alice")
    }
    shown = (question.first, question.second)
    assert shown == (
        (answers["alice"], answers[None])
        if question.profile_first
        else (answers[None], answers["alice"])
    )


def test_which_comes_first_is_drawn_anew_and_does_not_follow_the_place(tested: Store) -> None:
    test = start(tested, questions=16, max_new_tokens=4)
    assert 2 < sum(question.profile_first for question in test.questions) < 14
    again = start(tested, questions=16, max_new_tokens=4)
    assert again.questions == test.questions
    assert start(tested, questions=16, max_new_tokens=4, seed=4).questions != test.questions


def test_a_key_counts_for_the_side_whose_answer_stood_there(tested: Store) -> None:
    test = start(tested)
    said = ["profile", "base", "profile", "tie"]
    for question, whose in zip(test.questions, said, strict=True):
        key = "tie" if whose == "tie" else letter(question, whose)
        assert test.answer(question, key) == whose
    picks = list(tested.picks("alice", 1))
    assert [pick.choice for pick in picks] == said
    for pick, question in zip(picks, test.questions, strict=True):
        shown = (pick.of_profile, pick.of_base)
        assert shown[:: 1 if pick.profile_first else -1] == (question.first, question.second)
    score = test.score()
    assert (score["wins"], score["ties"], score["losses"], score["prompts"]) == (2, 1, 1, 4)
    assert score["win_rate"] == 0.625
    assert "by alice's own blind picks" in score["summary"]
    assert list(tested.feedback()) == []
    with pytest.raises(UsageError, match="choice '3'"):
        test.answer(test.questions[0], "3")


def test_scores_stand_for_each_version_and_strength(tested: Store) -> None:
    first = start(tested)
    first.answer(first.questions[0], letter(first.questions[0], "profile"))
    weak = start(tested, strength=0.9)
    weak.answer(weak.questions[0], letter(weak.questions[0], "base"))
    add_profile(tested, "alice", -2.0)
    second = start(tested)
    second.answer(second.questions[0], "tie")
    rows = blind_scores(tested)
    assert [(row["profile"], row["strength"], row["win_rate"]) for row in rows] == [
        ("alice@1", 0.9, 0.0),
        ("alice@1", 1.0, 1.0),
        ("alice@2", 1.0, 0.5),
    ]
    assert blind_scores(tested, "alice@2") == rows[2:]
    assert blind_scores(tested, "alice") == rows


def test_what_the_fit_has_seen_is_not_asked_and_a_kept_pick_is_seen_by_later_fits(
    tested: Store,
) -> None:
    seen = Feedback("alice", "thumb", text_prompt(PROMPTS[1]), ("x",))
    tested.add_feedback([(seen, "x", 1)])
    test = start(tested, keep=True)
    assert test.notes == ["prompts left out, since the fit has seen them: 1"]
    assert len(test.questions) == 3
    question = test.questions[0]
    test.answer(question, letter(question, "base"))
    [kept] = [row for row in tested.feedback("alice") if row.source == "ab"]
    [pick] = tested.picks()
    assert kept.feedback.responses == (pick.of_base, pick.of_profile)
    assert question.prompt not in [each.prompt for each in start(tested).questions]
    assert test.score()["losses"] == 1


def test_prompts_that_were_asked_about_before_come_last(tested: Store) -> None:
    first = blind_test(tested, "alice", questions=2, **SHORT)
    for question in first.questions:
        first.answer(question, "tie")
    second = blind_test(tested, "alice", questions=2, **SHORT)
    asked = {question.prompt for question in first.questions}
    assert len(asked) == 2
    assert not asked & {question.prompt for question in second.questions}


def test_nothing_to_tell_apart_is_said_and_not_asked(empty: Store) -> None:
    add_profile(empty, "nobody", 0.0)
    with pytest.raises(DataError, match="learned nothing"):
        blind_test(empty, "nobody", **SHORT)
    add_profile(empty, "alice", 2.0)
    for options in ({"strength": 0}, {"questions": 0}):
        with pytest.raises(UsageError):
            start(empty, **options)
    with pytest.raises(DataError, match="a prompt is empty"):
        start(empty, prompts=["What is tea?", " "])
    with pytest.raises(UsageError, match="is a blend"):
        blind_test(empty, "alice=1,nobody=1", **SHORT)
    assert list(empty.picks()) == []
