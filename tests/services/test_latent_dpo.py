"""`fit --method latent-dpo`: what it learns from, what it leaves out, and how it generates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from prefcli.errors import UsageError
from prefcli.feedback.records import Feedback, encoding_key, text_prompt
from prefcli.profile import Profile
from prefcli.services.bases import open_base, resolve_base
from prefcli.services.batch import generate_batch
from prefcli.services.blends import keep_blend
from prefcli.services.fit import fit, fit_all
from prefcli.services.generate import generate
from prefcli.services.latent_dpo import METHOD, PolicyFit
from prefcli.services.profile_edit import edit
from prefcli.services.refit import refit
from prefcli.services.spaces import open_space, resolve_space
from prefcli.solvers.latent_dpo import LatentDpoConfig
from prefcli.store import Store

PROMPTS = ("How do I cook rice?", "What is a kettle?")


def latest(store: Store, user: str) -> Profile:
    stored = store.profile(user)
    assert stored is not None
    return Profile.from_bytes(stored.artifact)


def alices(store: Store) -> list[Feedback]:
    return [stored.feedback for stored in store.feedback("alice")]


def prepared(store: Store, judged: list[Feedback], config: LatentDpoConfig) -> PolicyFit:
    """A policy that is not trained yet, over answers that are encoded."""
    reference = resolve_space(store)
    base, space = open_base(resolve_base(store)), open_space(reference)
    space.attach(base)
    keys = [encoding_key(row.prompt, answer) for row in judged for answer in row.responses]
    encodings = store.encodings(reference.fingerprint, keys)
    return PolicyFit(judged, encodings, base, space, config=config)


@pytest.fixture
def trained(fitted: Store) -> Store:
    """Alice's second version is a policy; bob has none."""
    fit(fitted, "alice", method=METHOD)
    return fitted


def test_the_report_is_that_of_the_other_method_and_the_profile_stays_small(
    fitted: Store,
) -> None:
    other, report = fit(fitted, "alice"), fit(fitted, "alice", method=METHOD)
    assert report.as_dict().keys() == other.as_dict().keys()
    assert (other.method, report.method) == ("bradley-terry", METHOD)
    for name in ("pairs", "thumbs", "kinds", "prompts"):
        assert getattr(report, name) == getattr(other, name)
    assert report.train_accuracy is not None
    assert report.train_accuracy > 0.8
    assert report.heldout_accuracy is not None
    assert report.heldout_accuracy > 0.6
    assert report.bytes <= 16 * 1024


def test_a_blend_and_an_edit_say_that_the_policy_is_lost(trained: Store, tmp_path: Path) -> None:
    made = keep_blend(trained, "alice=1,bob=1", "both")
    (told,) = made["warnings"]
    assert "alice@2: this latent-dpo policy" in told
    assert keep_blend(trained, "alice@1=1,bob=1", "both", new_version=True)["warnings"] == []
    (tmp_path / "short.txt").write_text("Rinse it.")
    edited = edit(trained, "alice@2", [str(tmp_path / "short.txt")])
    assert any("the edit keeps what it does on average" in each for each in edited["warnings"])


def test_the_same_feedback_gives_the_same_policy(trained: Store) -> None:
    first = latest(trained, "alice")
    fit(trained, "alice", method=METHOD)
    again = latest(trained, "alice")
    assert first.policy is not None
    assert again.policy is not None
    for name, array in vars(first.policy).items():
        np.testing.assert_array_equal(array, getattr(again.policy, name))


def test_every_prompt_has_a_z_of_its_own_within_the_reach(trained: Store) -> None:
    profile = latest(trained, "alice")
    reference = resolve_space(trained)
    base, space = open_base(resolve_base(trained)), open_space(reference)
    features = space.read_prompts(base, [text_prompt(prompt) for prompt in PROMPTS])
    points = [profile.latent(1.0, features=row) for row in features]
    one, other = (z for z in points if z is not None)
    assert np.linalg.norm(one - other) > 0.01
    assert max(np.linalg.norm(one), np.linalg.norm(other)) <= profile.rho + 1e-6


def test_an_untrained_policy_generates_as_the_base(fitted: Store) -> None:
    policy = prepared(fitted, alices(fitted), LatentDpoConfig(epochs=0, fewest_steps=0))
    fingerprint = resolve_space(fitted).fingerprint
    blob = policy.profile("carol", fingerprint).to_bytes()
    fitted.add_profile("carol", fingerprint, blob, policy.summary())
    plain, own = (
        generate(fitted, PROMPTS[0], profile=profile, seed=3, max_new_tokens=24).response
        for profile in (None, "carol")
    )
    assert own == plain


def test_strength_zero_is_the_base_and_one_is_not(trained: Store) -> None:
    plain, none, full = (
        generate(trained, PROMPTS[0], seed=3, max_new_tokens=24, **more).response  # type: ignore[arg-type]
        for more in ({}, {"profile": "alice", "strength": 0.0}, {"profile": "alice"})
    )
    assert none == plain
    assert full != plain


def test_a_batch_that_mixes_methods_answers_as_one_at_a_time(trained: Store) -> None:
    records = [
        {"prompt": prompt, "profile": profile, "seed": seed}
        for seed, prompt in enumerate(PROMPTS)
        for profile in ("alice", "alice@1", "bob", None)
    ]
    lines = [json.dumps(record) for record in records]
    for answer in generate_batch(trained, lines, max_new_tokens=24):
        alone = generate(
            trained,
            answer["prompt"],
            profile=f"{answer['profile']}@{answer['version']}" if answer["profile"] else None,
            seed=answer["seed"],
            max_new_tokens=24,
        )
        assert answer["response"] == alone.response


def test_swapping_chosen_and_rejected_turns_the_profile_round(fitted: Store) -> None:
    judged = alices(fitted)
    turned = [Feedback("alice", "pair", row.prompt, row.responses[::-1]) for row in judged]
    config = LatentDpoConfig()
    one, other = (
        prepared(fitted, rows, config).profile("alice", "space").z for rows in (judged, turned)
    )
    assert one is not None
    assert other is not None
    assert one @ other < -0.5 * np.linalg.norm(one) * np.linalg.norm(other)


def test_answers_judged_alone_have_no_say_and_it_is_told(trained: Store) -> None:
    before = latest(trained, "alice")
    rice = text_prompt(PROMPTS[0])
    rows = [
        Feedback("alice", "thumb", rice, ("Rinse the rice.",), 1.0),
        Feedback("alice", "demonstration", rice, ("Rinse the rice well.",)),
        Feedback("alice", "rating", rice, ("Rinse it.",), 4, low=1, high=5),
    ]
    tie = Feedback("alice", "pair", text_prompt(PROMPTS[1]), ("A pot.", "A cup."), 0.5)
    trained.add_feedback([(row, "t", 1) for row in [*rows, tie]])
    report = fit(trained, "alice", method=METHOD)
    assert report.thumbs == 0
    assert report.kinds == {"pair": 41}
    assert [w for w in report.warnings if "no other to compare them with: 3" in w]
    assert before.policy is not None
    after = latest(trained, "alice").policy
    assert after is not None
    np.testing.assert_allclose(after.level, before.policy.level, atol=1e-3)


def test_thumbs_alone_teach_it_nothing(fitted: Store) -> None:
    thumb = Feedback("carol", "thumb", text_prompt(PROMPTS[0]), ("Rinse the rice.",), 1.0)
    fitted.add_feedback([(thumb, "t", 1)])
    report = fit(fitted, "carol", method=METHOD)
    assert (report.pairs, report.prompts, report.train_accuracy) == (0, 0, None)
    assert any("nothing learned" in warning for warning in report.warnings)
    assert any("bradley-terry uses them" in warning for warning in report.warnings)


def test_every_user_can_be_fitted_by_it_and_moving_keeps_the_method(fitted: Store) -> None:
    assert {report.method for report in fit_all(fitted, method=METHOD)} == {METHOD}
    fit(fitted, "bob")
    moved = refit(fitted, "tiny", users=["alice", "bob"])
    assert [report.method for report in moved] == [METHOD, "bradley-terry"]


def test_an_unknown_method_is_refused(fitted: Store) -> None:
    with pytest.raises(UsageError, match="--method dpo: expected bradley-terry or latent-dpo"):
        fit(fitted, "alice", method="dpo")
