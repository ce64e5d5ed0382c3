"""Judging what was generated: feedback of the right person, of which the last counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.feedback.records import text_prompt
from prefcli.services import log as service
from prefcli.services.fit import fit
from prefcli.services.generate import generate
from prefcli.services.profile_versions import rename
from prefcli.store import Store


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """A log of four answers: alice's two, the base's, and a blend's to another prompt."""
    with Store.open(home) as opened:
        for user, version, prompt, response in (
            ("alice", 1, "What is tea?", "A drink."),
            ("alice", 2, "What is tea?", "A hot drink."),
            (None, None, "What is tea?", "Leaves."),
            ("alice@1=1,bob@1=1", None, "Why?", "So."),
        ):
            opened.log_generation(
                text_prompt(prompt), response, base="tiny", user=user, version=version
            )
        yield opened


def said(store: Store) -> list[tuple[str, str, float, tuple[str, ...]]]:
    rows = (row.feedback for row in store.feedback())
    return [(row.user, row.kind, row.value, row.responses) for row in rows]


def test_every_way_of_judging_becomes_feedback_of_the_profiles_user(store: Store) -> None:
    service.rate(store, 1, up=True)
    service.rate(store, 1, score=4, of=5)
    service.rate(store, 2, edited="A hot drink of leaves.")
    service.pick(store, 2, 1)
    assert said(store) == [
        ("alice", "thumb", 1.0, ("A drink.",)),
        ("alice", "rating", 4.0, ("A drink.",)),
        ("alice", "edit", 1.0, ("A hot drink of leaves.", "A hot drink.")),
        ("alice", "pair", 1.0, ("A hot drink.", "A drink.")),
    ]
    rating = next(row.feedback for row in store.feedback() if row.feedback.kind == "rating")
    assert (rating.low, rating.high) == (1.0, 5.0)


def test_the_last_judgement_of_a_kind_counts(store: Store) -> None:
    assert service.rate(store, 1, up=True)["new"]
    assert not service.rate(store, 1, up=True)["new"]
    assert service.rate(store, 1, up=False)["replaced"] == 1
    service.pick(store, 1, 2)
    assert service.pick(store, 2, 1)["replaced"] == 1
    assert [row[2] for row in said(store)] == [0.0, 1.0]
    assert said(store)[1][3] == ("A hot drink.", "A drink.")


def test_one_persons_judgement_leaves_anothers(store: Store) -> None:
    service.rate(store, 1, up=True)
    service.rate(store, 1, up=False, user="bob")
    assert [(row[0], row[2]) for row in said(store)] == [("alice", 1.0), ("bob", 0.0)]


def test_an_answer_of_nobody_needs_a_name(store: Store) -> None:
    for number in (3, 4):
        with pytest.raises(UsageError, match="--user"):
            service.rate(store, number, up=True)
    assert service.rate(store, 3, up=True, user="carol")["user"] == "carol"
    assert service.pick(store, 1, 3)["user"] == "alice"  # the base against alice's


def test_what_says_nothing_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="different prompts"):
        service.pick(store, 1, 4)
    with pytest.raises(UsageError, match="same text"):
        service.pick(store, 1, 1)
    with pytest.raises(DataError, match="as it was"):
        service.rate(store, 1, edited="A drink.")
    with pytest.raises(DataError, match="outside its scale"):
        service.rate(store, 1, score=6, of=5)
    with pytest.raises(UsageError, match="belong together"):
        service.rate(store, 1, score=6)
    for number in (0, -1, 99, 2**70):
        with pytest.raises(NotFoundError, match="in the log"):
            service.rate(store, number, up=True)
    assert said(store) == []


def test_what_is_judged_is_told_and_what_is_not_can_be_listed(store: Store) -> None:
    service.pick(store, 2, 1)
    assert [row["id"] for row in service.list_log(store) if row["rated"]] == [2, 1]
    assert [row["id"] for row in service.list_log(store, unrated=True)] == [4, 3]
    assert [row["id"] for row in service.list_log(store, "alice", 1)] == [2]
    assert service.show_log(store, 1)["judgements"][0]["kind"] == "pair"


def test_removing_an_entry_leaves_what_was_said_of_it(store: Store) -> None:
    service.rate(store, 1, up=True)
    assert service.remove_log(store, service.meant(store, [1], None, False)) == {"removed": 1}
    assert [row["id"] for row in service.list_log(store)] == [4, 3, 2]
    assert len(said(store)) == 1
    with pytest.raises(NotFoundError):
        service.meant(store, [1, 2], None, False)
    with pytest.raises(UsageError):
        service.meant(store, [], None, False)


def test_judgements_and_log_follow_a_rename(store: Store) -> None:
    service.rate(store, 1, up=True)
    rename(store, "alice", "al")
    assert service.rate(store, 1, up=False)["replaced"] == 1
    assert said(store) == [("al", "thumb", 0.0, ("A drink.",))]


def test_the_loop_closes_generate_rate_fit(fitted: Store) -> None:
    generate(fitted, "How do I cook rice?", profile="alice", seed=1, log=True, max_new_tokens=20)
    [entry] = service.list_log(fitted)
    service.rate(fitted, entry["id"], up=False)
    report = fit(fitted, "alice")
    assert (report.version, report.kinds["thumb"]) == (2, 1)
