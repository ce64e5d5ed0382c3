"""People move to another space, all or none, and no profile is used in a space not its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefcli.errors import DataError, NotFoundError
from prefcli.feedback.records import Feedback, text_prompt
from prefcli.latent.files import fingerprint_of
from prefcli.latent.portable import Portable
from prefcli.profile import Profile
from prefcli.services import feedback_blocks
from prefcli.services.batch import generate_batch
from prefcli.services.fit import fit
from prefcli.services.generate import generate
from prefcli.services.portable import add_portable, portable_space
from prefcli.services.profiles import show_profile
from prefcli.services.refit import refit
from prefcli.services.space_removal import remove_space
from prefcli.services.spaces import resolve_space, space_in_use
from prefcli.store import Store

PROMPT = "How do I cook rice?"


def add_sibling(store: Store, name: str = "sibling") -> str:
    """Another space of the embedded base: its directions are those of the built-in one, turned."""
    _, portable = portable_space(store, "tiny")
    tensors = {key: tensor.copy() for key, tensor in portable.tensors.items()}
    tensors["reference"] *= -1
    tensors["encoder.whiten"] *= -1
    tensors["adapter.inner.weight"] *= -1
    fingerprint = fingerprint_of(portable.description["base_fingerprint"], tensors)
    sibling = Portable(portable.description | {"fingerprint": fingerprint}, tensors)
    add_portable(store, sibling.to_bytes(), name, None, "sibling")
    return fingerprint


def versions(store: Store) -> dict[str, tuple[int, str]]:
    return {row.user: (row.version, row.space) for row in store.profiles()}


def test_everybody_whose_profile_is_elsewhere_moves_once(fitted: Store) -> None:
    fingerprint = add_sibling(fitted)
    fit(fitted, "alice", space="sibling")
    assert [report.profile for report in refit(fitted, "sibling", use=False)] == ["bob@2"]
    assert versions(fitted) == {"alice": (2, fingerprint), "bob": (2, fingerprint)}
    assert space_in_use(fitted) == "tiny"
    assert list(refit(fitted, "sibling")) == []
    assert space_in_use(fitted) == "sibling"


def test_nobody_moves_and_nothing_is_used_if_one_cannot(fitted: Store) -> None:
    add_sibling(fitted)
    fitted.add_profile("carol", "elsewhere", b"x", {})
    with pytest.raises(NotFoundError, match="no feedback by user 'carol'"):
        list(refit(fitted, "sibling"))
    assert {user: row[0] for user, row in versions(fitted).items()} == {
        "alice": 1,
        "bob": 1,
        "carol": 1,
    }
    assert space_in_use(fitted) == "tiny"


def test_who_moves_keeps_the_half_life_of_their_latest_profile(fitted: Store) -> None:
    add_sibling(fitted)
    fit(fitted, "alice", half_life=30)
    moved = {report.user: report.half_life for report in refit(fitted, "sibling")}
    assert moved == {"alice": 30, "bob": None}


def test_users_who_are_named_move_and_so_does_everybody(fitted: Store) -> None:
    fingerprint = add_sibling(fitted)
    fitted.add_feedback(
        [(Feedback("carol", "pair", text_prompt(PROMPT), ("Rinse it.", "Well."), 1.0), "t", 1)]
    )
    named = [report.user for report in refit(fitted, "sibling", users=["bob", "bob"])]
    assert named == ["bob"]
    assert [report.user for report in refit(fitted, "sibling", all_users=True)] == [
        "alice",
        "bob",
        "carol",
    ]
    assert {row[1] for row in versions(fitted).values()} == {fingerprint}


def test_a_profile_whose_space_is_gone_is_told_and_works_again_once_it_is_back(
    fitted: Store,
) -> None:
    add_sibling(fitted)
    list(refit(fitted, "sibling", users=["alice"], use=False))
    before = generate(fitted, PROMPT, profile="alice", seed=1, max_new_tokens=8).response
    remove_space(fitted, "sibling")
    for use in (
        lambda: generate(fitted, PROMPT, profile="alice", max_new_tokens=8),
        lambda: generate(fitted, PROMPT, profile="alice", base="tiny", max_new_tokens=8),
        lambda: show_profile(fitted, "alice"),
        lambda: list(generate_batch(fitted, [json.dumps({"prompt": PROMPT})], profile="alice")),
    ):
        with pytest.raises(NotFoundError, match="of this profile is not here: import it"):
            use()
    lines = [json.dumps({"prompt": PROMPT, "profile": user}) for user in ("alice", "bob")]
    gone, here = generate_batch(fitted, lines, max_new_tokens=4)
    assert "is not here" in gone["error"]
    assert here["response"]
    add_sibling(fitted, "back")
    after = generate(fitted, PROMPT, profile="alice", seed=1, max_new_tokens=8).response
    assert after == before


def test_a_batch_may_mix_spaces_and_each_answers_as_it_does_alone(fitted: Store) -> None:
    add_sibling(fitted)
    list(refit(fitted, "sibling", users=["alice"], use=False))
    lines = [
        json.dumps({"prompt": PROMPT, "profile": name, "seed": 1})
        for name in ("alice@1", "alice@2", "bob")
    ]
    together = [row["response"] for row in generate_batch(fitted, lines, max_new_tokens=12)]
    alone = [
        generate(fitted, PROMPT, profile=name, seed=1, max_new_tokens=12).response
        for name in ("alice@1", "alice@2", "bob")
    ]
    assert together == alone


@pytest.mark.parametrize("kept_as", ["0" * 16, "tiny"])
def test_what_was_learned_in_one_space_is_not_used_as_of_another(
    fitted: Store, kept_as: str
) -> None:
    """A row of the catalog that says another space than the profile itself."""
    sibling = add_sibling(fitted)
    stored = fitted.profile("alice")
    assert stored is not None
    claimed = sibling if kept_as == "tiny" else stored.space
    artifact = stored.artifact
    if kept_as != "tiny":
        profile = Profile.from_bytes(artifact)
        artifact = Profile.from_reward("alice", kept_as, profile.reward, profile.rho).to_bytes()
    fitted.add_profile("alice", claimed, artifact, stored.summary)
    for use in (
        lambda: generate(fitted, PROMPT, profile="alice", max_new_tokens=4),
        lambda: show_profile(fitted, "alice"),
    ):
        with pytest.raises(DataError, match=r"alice@2: what was learned in space .* fit the user"):
            use()


def test_a_space_exchanged_during_a_fit_is_told_and_nothing_is_stored(
    fitted: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefcli.services.fit import fit_users

    monkeypatch.setattr(feedback_blocks, "TOGETHER", 1)  # everybody is a block
    add_sibling(fitted)
    reports = fit_users(fitted, ["alice", "bob"], space="sibling")
    assert next(reports).profile == "alice@2"
    fitted.add_feedback(
        [(Feedback("dave", "pair", text_prompt(PROMPT), ("New.", "Other."), 1.0), "t", 1)]
    )
    reports = fit_users(fitted, ["alice", "dave"], space="sibling")
    assert next(reports).profile == "alice@3"
    fingerprint = resolve_space(fitted, "sibling").fingerprint
    remove_space(fitted, "sibling")
    tiny = portable_space(fitted, "tiny")[1].to_bytes()
    add_portable(fitted, tiny, "sibling", None, "f")
    with pytest.raises(DataError, match="'sibling' became another one meanwhile"):
        next(reports)
    assert fitted.count_encodings(fingerprint) == 0
    assert fitted.profile("dave") is None
