"""Very many users: fitted in blocks, each as alone, and whole blocks are what an end leaves."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import fleet
from prefcli.profile import Profile
from prefcli.services import feedback_blocks, population
from prefcli.services import fit as fitting
from prefcli.services.fit import fit_all
from prefcli.services.spaces import resolve_space
from prefcli.store import Store

USERS, PAIRS = 7, 12
SECONDS = {"encode_seconds", "solve_seconds", "validate_seconds"}


@pytest.fixture(scope="session")
def crowded_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Users whose answers are encoded already."""
    home = tmp_path_factory.mktemp("crowded") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleet, "ANSWERS", 40)
        fleet.make_catalog(home, USERS, PAIRS, 0, lambda *_: None)
    return home


@pytest.fixture
def crowded(crowded_home: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of it that a test may change."""
    shutil.copytree(crowded_home, tmp_path / "home")
    with Store.open(tmp_path / "home") as store:
        yield store


def fitted(store: Store) -> dict[str, dict[str, Any]]:
    """What the fits report, but for seconds, and the rewards they found."""
    found = {}
    for report in list(fit_all(store, force=True)):
        stored = store.profile(report.user)
        assert stored is not None
        fields = {k: v for k, v in report.as_dict().items() if k not in SECONDS}
        found[report.user] = fields | {"reward": Profile.from_bytes(stored.artifact).reward}
    return found


def test_a_block_gives_each_user_what_they_get_alone(
    crowded: Store, crowded_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = fitted(crowded)
    shutil.copytree(crowded_home, tmp_path / "again")
    monkeypatch.setattr(feedback_blocks, "TOGETHER", 1)
    with Store.open(tmp_path / "again") as store:
        alone = fitted(store)
    assert list(together) == list(alone) == [f"user-{number}" for number in range(USERS)]
    for user, fields in together.items():
        reward, other = fields.pop("reward"), alone[user].pop("reward")
        np.testing.assert_allclose(reward.weight, other.weight, atol=1e-6)
        np.testing.assert_allclose(reward.covariance, other.covariance, atol=1e-6)
        assert fields == alone[user]
        assert fields["others_share"] > 0
        assert fields["heldout_accuracy"] is not None


def test_an_interrupted_fit_leaves_whole_blocks_and_the_next_goes_on(
    crowded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback_blocks, "TOGETHER", 3 * PAIRS)
    blocks = []

    def interrupted(people: list[Any], reference: Any) -> Any:
        blocks.append(len(people))
        if len(blocks) == 2:
            raise KeyboardInterrupt
        return real(people, reference)

    real = fitting.fit_block
    monkeypatch.setattr(fitting, "fit_block", interrupted)
    seen = []
    with pytest.raises(KeyboardInterrupt):
        seen.extend(report.user for report in fit_all(crowded))
    assert blocks == [3, 3]
    assert seen == ["user-0", "user-1", "user-2"]
    assert sorted(row.user for row in crowded.profiles()) == seen
    assert [report.user for report in fit_all(crowded)] == [f"user-{n}" for n in range(3, USERS)]
    assert blocks == [3, 3, 3, 1]


def test_feedback_is_read_twice_where_the_common_prior_is_due_and_else_once(
    crowded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: Counter[str | None] = Counter()
    real = Store.feedback

    def counted(store: Store, user: str | None = None, *rest: Any, **more: Any) -> Any:
        reads[user] += 1
        return real(store, user, *rest, **more)

    monkeypatch.setattr(Store, "feedback", counted)
    list(fit_all(crowded))
    assert set(reads.values()) == {2}
    reads.clear()
    monkeypatch.setattr(population, "STALE", 2.0)
    list(fit_all(crowded, method="bradley-terry", half_life=30))
    assert set(reads.values()) == {1}
    assert len(reads) == USERS


def test_what_users_have_in_common_is_learned_from_some_of_very_many(
    crowded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(population, "MOST_USERS", 5)
    space = resolve_space(crowded, None).fingerprint
    list(fit_all(crowded))
    known = population.known_population(crowded, space)
    assert known is not None
    assert known.users == 5
    first = crowded.population(space)
    list(fit_all(crowded, force=True))
    assert crowded.population(space) == first


def test_progress_is_told_by_users_up_to_all_of_them(
    crowded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback_blocks, "TOGETHER", 3 * PAIRS)
    told = []
    list(fit_all(crowded, progress=lambda *step: told.append(step)))
    assert [step for step in told if step[0] == "users"] == [
        ("users", 3, USERS),
        ("users", 6, USERS),
        ("users", 7, USERS),
    ]
