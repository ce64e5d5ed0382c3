"""What the next fit makes of the profile that is there: it keeps the choices of the user."""

from __future__ import annotations

from prefcli.feedback.records import Feedback, text_prompt
from prefcli.services.blends import keep_blend
from prefcli.services.fit import fit, fit_all, fit_users
from prefcli.services.fit_before import as_before
from prefcli.services.latent_dpo import METHOD
from prefcli.services.profile_versions import rollback
from prefcli.services.spaces import resolve_space
from prefcli.store import Store


def say_more(store: Store) -> None:
    rice = text_prompt("How do I cook rice?")
    store.add_feedback([(Feedback("alice", "pair", rice, ("Rinse it.", "It depends.")), "new", 1)])


def test_fit_all_keeps_the_method_and_the_half_life_of_a_profile(fitted: Store) -> None:
    fit(fitted, "alice", method=METHOD, half_life=30)
    assert list(fit_all(fitted)) == []
    say_more(fitted)
    (report,) = fit_all(fitted)
    assert (report.user, report.method, report.half_life) == ("alice", METHOD, 30)


def test_a_half_life_of_zero_takes_it_away_and_is_fitted_once(fitted: Store) -> None:
    fit(fitted, "alice", half_life=30)
    reports = list(fit_all(fitted, half_life=0))
    assert [(report.user, report.half_life) for report in reports] == [("alice", None)]
    assert list(fit_all(fitted, half_life=0)) == []
    assert list(fit_all(fitted)) == []


def test_whoever_is_fitted_after_an_ingest_keeps_their_method(fitted: Store) -> None:
    fit(fitted, "alice", method=METHOD)
    found = {report.user: report.method for report in fit_users(fitted, ["alice", "bob"])}
    assert found == {"alice": METHOD, "bob": "bradley-terry"}


def test_a_fit_of_one_user_has_the_method_and_half_life_it_is_given(fitted: Store) -> None:
    fit(fitted, "alice", method=METHOD, half_life=30)
    report = fit(fitted, "alice")
    assert (report.method, report.half_life) == ("bradley-terry", None)


def test_fit_all_does_not_undo_a_rollback_until_there_is_new_feedback(fitted: Store) -> None:
    say_more(fitted)
    assert [report.profile for report in fit_all(fitted)] == ["alice@2"]
    rollback(fitted, "alice", "1")
    assert list(fit_all(fitted)) == []
    fitted.add_feedback(
        [(Feedback("alice", "thumb", text_prompt("What is tea?"), ("A drink.",), 1.0), "new", 2)]
    )
    (report,) = fit_all(fitted)
    assert report.profile == "alice@4"
    assert not any("goes back" in warning for warning in report.warnings)


def test_a_fit_after_a_version_that_was_made_otherwise_says_how_to_have_it_back(
    fitted: Store,
) -> None:
    keep_blend(fitted, "alice=1,bob=1", "alice", new_version=True)
    assert list(fit_all(fitted)) == []
    fingerprint = resolve_space(fitted).fingerprint
    assert as_before(fitted, "alice", fingerprint, None, None) == ("bradley-terry", None)
    (told,) = [w for w in fit(fitted, "alice").warnings if "goes back" in w]
    assert told.startswith("alice@2 was made by blend")
    assert "`prefcli profile rollback alice 2`" in told
