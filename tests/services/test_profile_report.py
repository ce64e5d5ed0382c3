"""What is told of a profile: what its user likes, how surely, from what, and whether at all."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prefcli.errors import NotFoundError
from prefcli.feedback.records import Feedback, encoding_key, text_prompt
from prefcli.services import profile_report
from prefcli.services.fit import fit
from prefcli.services.profile_report import report_profile
from prefcli.services.spaces import resolve_space
from prefcli.store import Encoding, Selection, Store


def judge(store: Store, user: str, pairs: int, taste: float, flipped: int = 0) -> None:
    """Pairs of made-up answers with made-up encodings, so that no language model has to run.

    `taste` is how much the first direction counts; the answers are shorter along it, as in the
    space itself.
    """
    reference = resolve_space(store)
    size = reference.description["latent_size"]
    rng = np.random.default_rng(pairs)
    rows, encodings = [], {}
    for number in range(pairs):
        prompt = text_prompt(f"What is {user} asking, number {number}?")
        z = rng.standard_normal((2, size)).astype("<f4")
        texts = [
            f"Answer {number} {side}: " + "word " * max(1, round(20 - 6 * float(point[0])))
            for side, point in zip("ab", z, strict=True)
        ]
        margin = taste * float(z[0, 0] - z[1, 0])
        first = rng.random() < 1 / (1 + np.exp(-margin))
        if number < flipped:
            first = margin < 0
        chosen, rejected = texts if first else texts[::-1]
        rows.append((Feedback(user, "pair", prompt, (chosen, rejected)), "t", number + 1))
        for text, point in zip(texts, z, strict=True):
            encodings[encoding_key(prompt, text)] = Encoding(point.tobytes(), point.tobytes(), 0.1)
    store.add_feedback(rows)
    store.add_encodings(reference.fingerprint, encodings)


def said(found: dict[str, Any]) -> list[str]:
    return [each["words"] for each in found["likes"]["features"]]


def test_a_clear_taste_is_sure_and_told_in_words(fitted: Store) -> None:
    judge(fitted, "carol", 150, 8.0)
    fit(fitted, "carol")
    found = report_profile(fitted, "carol")
    assert found["learned"]["verdict"] == "yes"
    assert found["certainty"]["words"] == "sure"
    assert found["certainty"]["more_answers"] == 0
    assert found["likes"]["told_by"] == ["space", "answers"]
    # Sentences and words go together along it, and of what goes together one is told.
    assert said(found)[0] == "fewer sentences"


def test_random_answers_teach_nothing_and_fit_says_so(fitted: Store) -> None:
    judge(fitted, "carol", 200, 0.0)
    report = fit(fitted, "carol")
    assert report.learned["verdict"] == "no"
    assert any(warning.startswith("nothing learned: right ") for warning in report.warnings)
    assert report_profile(fitted, "carol")["learned"]["verdict"] == "no"


def test_three_consistent_judgements_are_too_early_to_tell(fitted: Store) -> None:
    judge(fitted, "carol", 3, 50.0)
    assert fit(fitted, "carol").learned["verdict"] == "too early"
    found = report_profile(fitted, "carol")
    assert found["learned"] == {"verdict": "too early", "accuracy": None, "interval": None}
    assert found["certainty"]["words"] == "hardly anything yet"
    assert found["certainty"]["next"] == "a rough idea"


def test_more_answers_make_it_surer_and_fewer_are_needed(fitted: Store) -> None:
    asked = []
    for user, pairs in (("carol", 20), ("dave", 60)):
        judge(fitted, user, pairs, 4.0)
        fit(fitted, user)
        asked.append(report_profile(fitted, user)["certainty"])
    assert asked[0]["correlation"] < asked[1]["correlation"]
    for each in asked:
        assert each["correlation"] < each["with_twice"]
        assert 0.5 < each["in_order"] < 1
    assert asked[1]["more_answers"] is not None


def test_a_flipped_judgement_contradicts_the_rest_and_is_named(fitted: Store) -> None:
    judge(fitted, "carol", 80, 50.0, flipped=1)
    flipped = min(row.id for row in fitted.feedback("carol"))
    fit(fitted, "carol")
    found = report_profile(fitted, "carol")["contradictions"]
    assert found[0]["id"] == flipped
    assert found[0]["expected"] < profile_report.CONTRADICTS
    assert found[0]["responses"]


def test_what_counts_most_comes_first_and_is_the_user_s_own(fitted: Store) -> None:
    found = report_profile(fitted, "alice")["influence"]
    degrees = [row["degrees"] for row in found]
    assert len(degrees) == profile_report.MOST
    assert degrees == sorted(degrees, reverse=True)
    assert degrees[-1] > 0
    assert {row["user"] for row in found} == {"alice"}


def test_a_judgement_of_several_rows_counts_as_one(fitted: Store) -> None:
    judge(fitted, "carol", 60, 50.0)
    reference = resolve_space(fitted)
    size = reference.description["latent_size"]
    prompt = text_prompt("Which of these?")
    texts = ("a b c", "a b", "a")
    points = np.zeros((3, size), dtype="<f4")
    points[:, 0] = 3, 0, -3
    encodings = {
        encoding_key(prompt, text): Encoding(point.tobytes(), point.tobytes())
        for text, point in zip(texts, points, strict=True)
    }
    fitted.add_encodings(reference.fingerprint, encodings)
    ranked = Feedback("carol", "ranking", prompt, texts, ranks=(3, 2, 1))
    rated = [
        Feedback("carol", "rating", prompt, (text,), score, low=1, high=5)
        for text, score in zip(texts, (1, 3, 5), strict=True)
    ]
    fitted.add_feedback([(row, "t", 1) for row in (ranked, *rated)])
    fit(fitted, "carol")
    found = report_profile(fitted, "carol")
    ids = [row["id"] for row in found["influence"]]
    assert len(set(ids)) == len(ids)
    kinds = {row["kind"] for row in found["contradictions"]}
    assert kinds & {"ranking", "rating"}, "what puts the shortest first contradicts the rest"


def test_new_and_removed_feedback_since_the_fit_is_told(fitted: Store) -> None:
    assert report_profile(fitted, "alice")["changes"] == {"new": 0, "removed": 0}
    first = next(fitted.feedback("alice")).id
    fitted.remove_feedback(Selection(ids=[first]))
    judge(fitted, "alice", 2, 1.0)
    found = report_profile(fitted, "alice")
    assert found["changes"] == {"new": 2, "removed": 1}
    assert first not in {row["id"] for row in found["influence"]}


def test_an_id_that_is_given_again_is_new_feedback(fitted: Store) -> None:
    last = max(row.id for row in fitted.feedback("bob"))
    fitted.remove_feedback(Selection(ids=[last]))
    judge(fitted, "bob", 1, 1.0)
    assert max(row.id for row in fitted.feedback("bob")) == last
    assert report_profile(fitted, "bob")["changes"] == {"new": 1, "removed": 1}


def test_without_the_judgements_the_profile_still_says_what_it_can(fitted: Store) -> None:
    fitted.remove_feedback(Selection(user="alice"))
    found = report_profile(fitted, "alice")
    assert found["changes"] == {"new": 0, "removed": 40}
    assert (found["certainty"], found["influence"], found["contradictions"]) == (None, None, None)
    assert found["learned"]["verdict"] == "yes"


def test_a_space_that_describes_its_directions_tells_what_is_liked(
    fitted: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(fitted, "carol", 100, 8.0)
    fit(fitted, "carol")
    feature = {"name": "emoji", "low": 0, "high": 2, "effect": 3.0, "interval": [2.8, 3.2]}
    told = {
        "direction": 1,
        "features": [feature],
        "words_high": ["hooray"],
        "words_low": ["alas"],
    }
    reference = resolve_space(fitted)
    report = {**reference.description["report"], "directions_text": [told]}
    described = replace(reference, description={**reference.description, "report": report})
    monkeypatch.setattr(profile_report, "space_of", lambda *_: described)
    found = report_profile(fitted, "carol")
    # Length and emoji go together, and the answers show what the report does not tell.
    assert said(found) == ["shorter"]
    assert found["likes"]["told_by"] == ["space", "answers"]
    fitted.remove_feedback(Selection(user="carol"))
    found = report_profile(fitted, "carol")
    assert said(found) == ["more emoji"]
    likes = found["likes"]
    assert likes["told_by"] == ["space"]
    assert (likes["words"], likes["words_against"]) == (["hooray"], ["alas"])


def test_words_are_the_user_s_own_where_they_are_known(fitted: Store) -> None:
    """Bob likes it formal."""
    likes = report_profile(fitted, "bob")["likes"]
    assert {"should", "noted"} & set(likes["words"])


def test_a_profile_that_prefers_nothing_likes_nothing(fitted: Store) -> None:
    judge(fitted, "carol", 2, 1.0)
    rows = [row.feedback for row in fitted.feedback("carol")]
    ties = [(replace(row, user="dave", value=0.5), "t", 1) for row in rows]
    fitted.add_feedback(ties)
    fit(fitted, "dave")
    found = report_profile(fitted, "dave")
    assert found["learned"]["verdict"] == "no"
    assert (found["reach"], found["certainty"], said(found)) == (None, None, [])


def test_an_unknown_profile_is_not_found(fitted: Store) -> None:
    with pytest.raises(NotFoundError):
        report_profile(fitted, "nobody")


def test_it_never_imports_torch(fitted: Store) -> None:
    script = (
        "import sys; from prefcli.services.profile_report import report_profile\n"
        "from prefcli.store import Store\n"
        "with Store.open() as store: report_profile(store, 'alice')\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), 'a language model was loaded'"
    )
    environment = {**os.environ, "PREFCLI_HOME": str(fitted.home)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
