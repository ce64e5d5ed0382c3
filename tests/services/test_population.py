"""What users have in common, from the feedback of everybody to the fit of one."""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.feedback.records import Feedback, text_prompt
from prefcli.services.fit import fit, fit_all
from prefcli.services.population import common_prior, from_bytes, to_bytes
from prefcli.services.spaces import resolve_space
from prefcli.solvers.population import GROUPS, Component, Population
from prefcli.store import Store

SHORT = "Rinse the rice."
LONG = "Rinse the rice. " + "Use a heavy pot with a tight lid. " * 4


def pairs(user: str, count: int, *, short: bool) -> list[tuple[Feedback, str, int]]:
    better, worse = (SHORT, LONG) if short else (LONG, SHORT)
    return [
        (
            Feedback(user, "pair", text_prompt(f"How do I cook rice {i}?"), (better, worse), 1.0),
            "file",
            i,
        )
        for i in range(count)
    ]


@pytest.fixture
def crowd(empty: Store) -> Store:
    """Twelve users who like short answers."""
    for number in range(12):
        empty.add_feedback(pairs(f"user-{number}", 4, short=True))
    return empty


def fingerprint(store: Store) -> str:
    return resolve_space(store, None).fingerprint


def test_everybody_is_fitted_under_what_the_others_have_in_common(crowd: Store) -> None:
    assert common_prior(crowd, fingerprint(crowd), "user-0") == ()
    reports = list(fit_all(crowd))
    assert all(0 < report.others_share <= 1 for report in reports)
    (component,) = common_prior(crowd, fingerprint(crowd), "somebody new")
    crowd.add_feedback(pairs("newcomer", 1, short=False))
    doubted = fit(crowd, "newcomer")
    assert doubted.others_share < min(report.others_share for report in reports)
    crowd.add_feedback(pairs("newcomer", 12, short=False)[1:])
    assert fit(crowd, "newcomer").others_share < 0.3
    assert np.linalg.norm(component.mean) > 0.1


def test_a_prior_is_kept_while_few_have_changed_and_learned_anew_with_force(crowd: Store) -> None:
    space = fingerprint(crowd)
    list(fit_all(crowd))
    first = crowd.population(space)
    crowd.add_feedback(pairs("user-0", 5, short=True))
    for number in range(30):
        crowd.add_feedback(pairs(f"late-{number}", 1, short=True))
    assert len(list(fit_all(crowd))) == 31
    second = crowd.population(space)
    assert first is not None
    assert second not in (None, first)
    crowd.add_feedback(pairs("user-0", 6, short=True))
    assert [report.user for report in fit_all(crowd)] == ["user-0"]
    assert crowd.population(space) == second
    assert len(list(fit_all(crowd, force=True))) == 42
    assert crowd.population(space) != second


def test_who_is_forgotten_takes_the_common_prior_along(crowd: Store) -> None:
    list(fit_all(crowd))
    crowd.forget_user("user-3")
    assert common_prior(crowd, fingerprint(crowd), "user-0") == ()
    list(fit_all(crowd, force=True))
    assert common_prior(crowd, fingerprint(crowd), "user-0") != ()


def test_a_damaged_prior_is_as_good_as_none(crowd: Store) -> None:
    crowd.put_population(fingerprint(crowd), b"damaged")
    assert common_prior(crowd, fingerprint(crowd), "user-0") == ()
    assert fit(crowd, "user-0").others_share == 0


def test_a_prior_survives_writing_and_reading() -> None:
    rng = np.random.default_rng(0)
    group = tuple(
        Component(0.5, rng.standard_normal(3), np.diag(rng.random(3) + 0.1)) for _ in range(2)
    )
    population = Population(7, (group,) * GROUPS)
    again = from_bytes(to_bytes(population))
    assert again.users == 7
    assert to_bytes(again) == to_bytes(population)
