"""Fitting: what is reported, what is cached, and what is said when it cannot mean much."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from prefcli.errors import NotFoundError, UsageError
from prefcli.feedback.records import Feedback, Prompt, text_prompt
from prefcli.profile import Profile
from prefcli.services.fit import fit, fit_all
from prefcli.services.generate import generate
from prefcli.services.ingest import ingest
from prefcli.store import Store

PROMISED = {
    "user",
    "profile",
    "version",
    "space",
    "method",
    "pairs",
    "prompts",
    "train_accuracy",
    "heldout_accuracy",
    "encode_seconds",
    "solve_seconds",
    "bytes",
}
SHORT, LONG = "Rinse the rice.", "Rinse the rice. " + "Use a heavy pot with a tight lid. " * 4


def thumbs(user: str, values: list[float]) -> list[tuple[Feedback, str, int]]:
    answers = {1.0: SHORT, 0.0: LONG}
    return [
        (Feedback(user, "thumb", text_prompt(f"How do I cook rice {i}?"), (answers[v],), v), "t", i)
        for i, v in enumerate(values)
    ]


def test_a_report_has_every_promised_field(fitted: Store) -> None:
    report = fit(fitted, "alice").as_dict()
    assert report.keys() >= PROMISED
    assert report["profile"] == "alice@2"
    assert report["pairs"] == report["prompts"] == 40
    assert report["bytes"] <= 16 * 1024
    assert report["heldout_accuracy"] > 0.7
    assert report["warnings"] == []


def test_a_fit_from_cached_encodings_is_the_same_and_never_imports_torch(fitted: Store) -> None:
    script = (
        "import sys; from prefcli.services.fit import fit; from prefcli.store import Store\n"
        "with Store.open() as store: fit(store, 'alice')\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), 'a language model was loaded'"
    )
    environment = {**os.environ, "PREFCLI_HOME": str(fitted.home)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    first, second = (fitted.profile("alice", version) for version in (1, 2))
    assert first is not None
    assert second is not None
    a, b = Profile.from_bytes(first.artifact), Profile.from_bytes(second.artifact)
    assert a.z is not None
    assert b.z is not None
    np.testing.assert_array_equal(a.z, b.z)


def test_every_user_is_fitted_by_fit_all(fitted: Store) -> None:
    assert [report.profile for report in fit_all(fitted, force=True)] == ["alice@2", "bob@2"]


def test_fit_all_leaves_those_alone_whose_feedback_is_what_it_was(fitted: Store) -> None:
    assert list(fit_all(fitted)) == []
    fitted.add_feedback(thumbs("alice", [1.0]))
    assert [report.profile for report in fit_all(fitted)] == ["alice@2"]
    assert list(fit_all(fitted)) == []
    assert [r.profile for r in fit_all(fitted, half_life=30)] == ["alice@3", "bob@2"]


def test_recent_judgements_count_more_with_a_half_life(empty: Store) -> None:
    # Two weeks ago short answers were bad, today they are good.
    rows = []
    for number in range(8):
        prompt = text_prompt(f"How do I cook rice {number}?")
        for day, better, worse in ((1, LONG, SHORT), (15, SHORT, LONG)):
            time = f"2026-01-{day:02d}T00:00:00Z"
            rows.append(
                (Feedback("carol", "pair", prompt, (better, worse), 1.0, time=time), "t", number)
            )
    empty.add_feedback(rows)
    torn, recent = fit(empty, "carol"), fit(empty, "carol", half_life=2)
    assert torn.warnings  # both ways alike: nothing learned
    assert not any("nothing learned" in warning for warning in recent.warnings)
    answers = [generate(empty, "How do I boil an egg?", profile="carol", seed=s) for s in range(6)]
    plain = [generate(empty, "How do I boil an egg?", seed=s) for s in range(6)]
    assert sum(len(a.response) for a in answers) < sum(len(a.response) for a in plain)
    with pytest.raises(UsageError, match="--half-life -1: use a number of days, or 0 for none"):
        fit(empty, "carol", half_life=-1)


def test_too_few_prompts_give_no_heldout_accuracy(fitted: Store) -> None:
    fitted.add_feedback(thumbs("carol", [1.0, 0.0, 1.0]))
    assert fit(fitted, "carol").heldout_accuracy is None


def test_thumbs_alone_pull_towards_what_was_liked(fitted: Store) -> None:
    fitted.add_feedback(thumbs("carol", [1.0, 0.0] * 6))
    fitted.add_feedback(thumbs("dave", [1.0] * 6))
    for user in ("carol", "dave"):
        report = fit(fitted, user)
        assert report.pairs == 0
        assert report.thumbs > 0
        stored = fitted.profile(user)
        assert stored is not None
        reward = Profile.from_bytes(stored.artifact).reward
        judged = [row.feedback for row in fitted.feedback("carol")]
        found = _means(fitted, stored.space, judged)
        assert reward(found[SHORT]).mean() > reward(found[LONG]).mean()


def test_every_kind_of_judgement_has_a_say(fitted: Store) -> None:
    def rice(number: int) -> Prompt:
        return text_prompt(f"How do I cook rice {number}?")

    middle = "Rinse the rice. Use a heavy pot."
    rows = [
        Feedback("carol", "pair", rice(0), (SHORT, LONG), strength=2, low=1, high=3),
        Feedback("carol", "thumb", rice(1), (LONG,), 0.0),
        Feedback("carol", "ranking", rice(2), (LONG, middle, SHORT), ranks=(3, 2, 1)),
        Feedback("carol", "rating", rice(3), (SHORT,), 5, low=1, high=5),
        Feedback("carol", "rating", rice(3), (LONG,), 2, low=1, high=5),
        Feedback("carol", "edit", rice(4), (SHORT, LONG)),
        Feedback("carol", "demonstration", rice(5), (SHORT,)),
    ]
    fitted.add_feedback([(row, "t", 1) for row in rows])
    report = fit(fitted, "carol")
    assert report.kinds == {
        "pair": 1,
        "thumb": 1,
        "rating": 2,
        "ranking": 1,
        "edit": 1,
        "demonstration": 1,
    }
    assert (report.pairs, report.thumbs, report.prompts) == (6, 4, 6)
    assert report.train_accuracy == 1.0
    lone = Feedback("carol", "rating", rice(6), (SHORT,), 5)
    fitted.add_feedback([(lone, "t", 1)])
    said = [warning for warning in fit(fitted, "carol").warnings if "say nothing" in warning]
    assert said[0].startswith("ratings that say nothing: 1, on a scale that is not known")


def test_ties_alone_learn_nothing_and_say_so(fitted: Store) -> None:
    tie = Feedback("carol", "pair", text_prompt("How do I cook rice?"), (SHORT, LONG), 0.5)
    fitted.add_feedback([(tie, "t", 1)])
    report = fit(fitted, "carol")
    assert any("nothing learned" in warning for warning in report.warnings)


def test_someone_without_feedback_is_not_found(fitted: Store) -> None:
    with pytest.raises(NotFoundError, match="no feedback by user 'nobody'"):
        fit(fitted, "nobody")


@pytest.mark.parametrize(
    "name",
    [
        "llamafactory_demo/dpo_en_demo.json",
        "llamafactory_demo/kto_en_demo.json",
        pytest.param("hh_rlhf_harmless_test/harmless-base/test.jsonl.gz", marks=pytest.mark.slow),
    ],
)
def test_feedback_outside_the_bases_world_is_told_apart(
    fitted: Store, shared_data: Path, name: str
) -> None:
    ingest(fitted, [str(shared_data / name)], user="carol")
    report = fit(fitted, "carol")
    assert any("outside the world of base tiny" in warning for warning in report.warnings)
    assert any("longer than the space reads" in warning for warning in report.warnings)
    assert generate(fitted, "How do I cook rice?", profile="carol", max_new_tokens=8).response


def _means(store: Store, space: str, judged: list[Feedback]) -> dict[str, np.ndarray]:
    from prefcli.feedback.records import encoding_key

    keys = {encoding_key(row.prompt, row.responses[0]): row.responses[0] for row in judged}
    found: dict[str, list[np.ndarray]] = {}
    for key, encoding in store.encodings(space, keys).items():
        found.setdefault(keys[key], []).append(np.frombuffer(encoding.mean, dtype="<f4"))
    return {text: np.stack(means).astype(np.float64) for text, means in found.items()}
