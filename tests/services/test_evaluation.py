"""What `eval` measures: on what the fit has not seen, with each side treated alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.feedback.records import Feedback, Prompt, text_prompt
from prefcli.services import drift, evaluation
from prefcli.services.blends import find_taste
from prefcli.services.evaluation import evaluate
from prefcli.services.generate import generate
from prefcli.services.generator import Generator, Job
from prefcli.services.judges import LengthJudge, RegexJudge
from prefcli.services.spaces import SpaceReference, space_of
from prefcli.services.unseen_prompts import kept_out, unseen_prompts
from prefcli.store import Store
from tests.made_profiles import add_profile

FEW: dict[str, Any] = {"count": 4, "answers": 1, "max_new_tokens": 20}


@pytest.fixture(autouse=True)
def little_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few and short answers: what it is measured on is asked about in one test only."""
    monkeypatch.setattr(drift, "MOST", 4)
    monkeypatch.setattr(drift, "LONGEST", 12)


def seen_by(store: Store, user: str) -> set[Prompt]:
    return {row.feedback.prompt for row in store.feedback(user)}


def reference_of(store: Store, profile: str, name: str = "tiny") -> SpaceReference:
    """The profile's space, under another name if it is not to count as the built-in one."""
    found = space_of(store, find_taste(store, profile).space)
    return SpaceReference(name, found.base, found.directory, found.description)


# Prompts


def test_prompts_are_never_those_of_the_user_s_feedback(fitted: Store, tmp_path: Path) -> None:
    taste = find_taste(fitted, "alice")
    seen = seen_by(fitted, "alice")
    topics = unseen_prompts(fitted, taste, reference_of(fitted, "alice"), None, 0)
    assert topics is not None
    assert (topics.source, len(topics.prompts) > 100) == ("topics", True)
    fresh = [text_prompt(f"How is question {i}?") for i in range(3)]
    given = unseen_prompts(
        fitted, taste, reference_of(fitted, "alice"), [*sorted(seen, key=str)[:4], *fresh], 0
    )
    assert given is not None
    assert (given.prompts, given.left_out) == (fresh, 4)
    assert not seen & {*topics.prompts, *given.prompts}
    file = tmp_path / "seen.txt"
    file.write_text("\n".join(prompt[0].content for prompt in seen))
    with pytest.raises(DataError, match="the fit has seen every prompt of"):
        evaluate(fitted, "alice", prompts=str(file))


def test_a_blend_has_seen_what_all_its_parts_have(fitted: Store) -> None:
    taste = find_taste(fitted, "alice=0.5,bob=0.5")
    given = [*seen_by(fitted, "alice"), *seen_by(fitted, "bob"), text_prompt("new")]
    found = unseen_prompts(fitted, taste, reference_of(fitted, "alice"), given, 0)
    assert found is not None
    assert found.prompts == [text_prompt("new")]


def test_in_a_space_of_one_s_own_it_is_what_only_others_were_asked(fitted: Store) -> None:
    rows = [Feedback("carol", "thumb", text_prompt(f"Only carol {i}"), ("x",)) for i in range(6)]
    fitted.add_feedback([(row, "x", 1) for row in rows])
    taste, own = find_taste(fitted, "alice"), reference_of(fitted, "alice", "everyday")
    found = unseen_prompts(fitted, taste, own, None, 0)
    assert found is not None
    assert found.source == "others"
    assert set(found.prompts) == (seen_by(fitted, "carol") | seen_by(fitted, "bob")) - seen_by(
        fitted, "alice"
    )


def test_alone_a_user_s_own_prompts_are_kept_out_of_a_fit_in_turn(fitted: Store) -> None:
    fitted.forget_user("bob")
    taste, own = find_taste(fitted, "alice"), reference_of(fitted, "alice", "everyday")
    if (others := unseen_prompts(fitted, taste, own, None, 0)) is not None:
        assert not set(others.prompts) & seen_by(fitted, "alice")
        pytest.fail("alice is not alone")
    parts = kept_out(fitted, taste, own, 0)
    every = [prompt for prompts, _ in parts for prompt in prompts]
    assert len(every) == len(set(every))
    assert set(every) == seen_by(fitted, "alice")
    full = taste.open().reward.weight
    for _, profile in parts:
        assert not np.allclose(profile.reward.weight, full)
        cosine = profile.reward.weight @ full
        assert cosine / np.linalg.norm(full) / np.linalg.norm(profile.reward.weight) > 0.7


def test_kept_out_prompts_are_answered_by_fits_that_have_not_seen_them(
    fitted: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "unseen_prompts", lambda *_: None)
    full = find_taste(fitted, "alice").open().latent(1.0)
    jobs: list[Job] = []

    def answer(_: Generator, given: Sequence[Job]) -> list[str]:
        jobs.extend(given)
        return [f"answer {i}" for i in range(len(given))]

    monkeypatch.setattr(Generator, "answer", answer)
    found = evaluate(fitted, "alice", **FEW | {"count": 8})
    assert (found["source"], found["prompts"], found["left_out"]) == ("kept out", 8, 0)
    parts = kept_out(fitted, find_taste(fitted, "alice"), reference_of(fitted, "alice"), 0)
    without = {prompt: profile.latent(1.0) for prompts, profile in parts for prompt in prompts}
    sides = [job for job in jobs if job.profile is not None]
    assert len(sides) == len(jobs) / 2 == 8
    for job in sides:
        assert job.profile is not None
        assert np.array_equal(job.profile.z, without[job.prompt])
        assert not np.allclose(job.profile.z, full)
    names = {(job.profile.user, tuple(job.profile.z)) for job in sides if job.profile}
    assert len({name for name, _ in names}) == len(names)  # none shares another one's prefix


def test_what_is_no_fit_cannot_be_fitted_again(empty: Store) -> None:
    add_profile(empty, "alice", 1.0)
    empty.change_summaries("alice", lambda _, summary: summary | {"origin": "import"})
    with pytest.raises(DataError, match="name some with --prompts FILE"):
        kept_out(empty, find_taste(empty, "alice"), reference_of(empty, "alice"), 0)


# The measurement


def test_each_side_answers_as_generate_does_with_the_same_seed(
    fitted: Store, tmp_path: Path
) -> None:
    saved = tmp_path / "answers.jsonl"
    prompts = ["What is tea?", "How do I iron a shirt?"]
    file = tmp_path / "prompts.txt"
    file.write_text("\n".join(prompts))
    found = evaluate(
        fitted, "alice", prompts=str(file), answers=2, max_new_tokens=12, seed=5,
        save=str(saved), judge=lambda _, response: len(response),
    )  # fmt: skip
    rows = [json.loads(line) for line in saved.read_text().splitlines()]
    assert (len(rows), found["prompts"]) == (4, 2)
    assert sorted(row["seed"] for row in rows) == [5, 6, 7, 8]
    for row in rows[1:3]:  # one of each prompt
        prompt = row["prompt"][0]["content"]
        for side, profile in (("base", None), ("profile", "alice")):
            answer = generate(
                fitted, prompt, profile=profile, seed=row["seed"], max_new_tokens=12
            ).response
            assert row[side] == answer
    for row in rows:
        for side in ("base", "profile"):
            assert row[f"{side}_score"] == len(row[side])
    wins = sum(row["profile_score"] > row["base_score"] for row in rows)
    ties = sum(row["profile_score"] == row["base_score"] for row in rows)
    assert (found["wins"], found["ties"], found["losses"]) == (wins, ties, 4 - wins - ties)


def test_prompts_that_the_built_in_base_cannot_read_are_told(fitted: Store) -> None:
    prompts = [text_prompt("What is tea?"), text_prompt("Derive the Navier-Stokes equations")]
    found = evaluate(fitted, "alice", prompts=prompts, judge=RegexJudge("a"), **FEW)
    [told] = found["warnings"]
    assert told.startswith("1 of 2 prompts: the built-in base never met such a prompt")


def test_a_judge_sees_all_answers_at_once_and_not_whose_they_are(fitted: Store) -> None:
    calls: list[list[str]] = []

    class Deaf(LengthJudge):
        def __call__(self, answers: Sequence[Any], *_: Any) -> Any:
            calls.append([text for _, text in answers])
            return np.arange(len(answers), dtype=float)

    found = evaluate(fitted, "alice", judge=Deaf(None), **FEW | {"count": 16, "max_new_tokens": 4})
    assert [len(call) for call in calls] == [32]
    assert 0 < found["wins"] < 16  # by place alone, neither side has an advantage


def test_opposite_judges_say_opposite_things(fitted: Store) -> None:
    longer, shorter = (
        evaluate(fitted, "alice", judge=LengthJudge(None, longer), **FEW)
        for longer in (True, False)
    )
    assert (longer["wins"], longer["ties"]) == (shorter["losses"], shorter["ties"])
    assert longer["win_rate"] == pytest.approx(1 - shorter["win_rate"])
    assert longer["fluency"] == shorter["fluency"]
    assert longer["drift"] == shorter["drift"]


def test_a_profile_that_learned_nothing_is_the_base(empty: Store) -> None:
    add_profile(empty, "nobody", 0.0)
    found = evaluate(empty, "nobody", **FEW)
    assert (found["win_rate"], found["ties"], found["verdict"]) == (0.5, 4, "not known yet")
    assert found["fluency"]["base"] == found["fluency"]["profile"]
    assert (found["drift"]["kl"], found["fluency"]["nll_more"]) == (0, 0)
    assert found["summary"] == "nobody@1 learned nothing and answers exactly as the base does."


def test_its_own_reward_prefers_a_profile_s_answers_and_is_said_to_be_no_judge(
    fitted: Store,
) -> None:
    found = evaluate(fitted, "alice", count=6, answers=1, max_new_tokens=48)
    assert found["scores"]["profile"] > found["scores"]["base"]
    assert found["win_rate"] >= 0.8
    assert (found["judge"], found["independent"]) == ("reward", False)
    assert "which is no independent judge" in found["summary"]
    assert found["heldout"]["verdict"] == "yes"
    assert found["drift"]["kl"] > 0
    assert found["drift"]["on"] == "the same prompts"


def test_drift_grows_with_strength_and_can_be_measured_elsewhere(
    fitted: Store, tmp_path: Path
) -> None:
    file = tmp_path / "neutral.txt"
    file.write_text("What is rain?\nWhat is bread?\n")
    judge = RegexJudge("a")
    weak, strong = (
        evaluate(fitted, "alice", judge=judge, strength=x, neutral=str(file), **FEW)["drift"]
        for x in (0.1, 1)
    )
    assert (weak["on"], weak["prompts"], weak["answers"]) == ("file", 2, 4)
    assert weak["kl"] < strong["kl"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"count": 0}, UsageError),
        ({"answers": 0}, UsageError),
        ({"strength": 0}, UsageError),
        ({"seed": -1}, UsageError),
        ({"prompts": "/nowhere"}, NotFoundError),
        ({"neutral": "/nowhere"}, NotFoundError),
        ({"save": "/nowhere/at/all"}, NotFoundError),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is(
    fitted: Store, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], error: type[Exception]
) -> None:
    monkeypatch.setattr("prefcli.services.generator.open_base", None)  # which would fail
    with pytest.raises(error):
        evaluate(fitted, "alice", **options)
    with pytest.raises(NotFoundError):
        evaluate(fitted, "nobody")


def test_a_judge_that_gives_other_than_a_number_each_is_an_error(fitted: Store) -> None:
    class Short(LengthJudge):
        def __call__(self, *_: Any) -> Any:
            return np.zeros(1)

    with pytest.raises(PrefcliError, match="1 numbers for 8 answers"):
        evaluate(fitted, "alice", judge=Short(None), **FEW | {"max_new_tokens": 2})
