"""Where users stand is where their profiles generate, and the axes have words for both ends."""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.errors import NotFoundError
from prefcli.services.profiles import open_profile, stored_profile
from prefcli.services.user_map import user_map
from prefcli.store import Store
from tests.made_profiles import add_profile


def z(store: Store, name: str) -> np.ndarray:
    found = open_profile(stored_profile(store, name)).z
    assert found is not None
    return found


def test_users_stand_where_they_generate_and_the_nearest_are_near(empty: Store) -> None:
    for name, weight in (("alice", (1, 0.2)), ("bob", (1, -0.2)), ("carol", (-1, 0, 1))):
        add_profile(empty, name, *map(float, weight))
    found = user_map(empty)
    assert [user.name for user in found.users] == ["alice", "bob", "carol"]
    assert found.users[0].near[0] == (
        "bob",
        pytest.approx(float(np.linalg.norm(z(empty, "alice") - z(empty, "bob"))), abs=1e-6),
    )
    # Three points lie in a plane, which the axes keep.
    flat = [np.array(user.at) for user in found.users]
    assert np.linalg.norm(flat[0] - flat[2]) == pytest.approx(
        float(np.linalg.norm(z(empty, "alice") - z(empty, "carol"))), abs=1e-6
    )
    assert sum(axis.share for axis in found.axes) == pytest.approx(1, abs=1e-3)


def test_the_ends_of_an_axis_say_what_the_space_s_report_says_of_them(empty: Store) -> None:
    """Along the first direction of the built-in space, answers get shorter."""
    add_profile(empty, "alice", 1.0)
    add_profile(empty, "bob", -1.0)
    across = user_map(empty).axes[0]
    assert "fewer sentences" in across.high
    assert "more sentences" in across.low


def test_older_versions_are_the_way_to_the_latest_and_other_spaces_stay_out(empty: Store) -> None:
    add_profile(empty, "alice", 1.0)
    add_profile(empty, "alice", 0.0, 1.0)
    add_profile(empty, "carol", 1.0, space="0123456789abcdef")
    (alice,) = user_map(empty).users
    assert (alice.version, len(alice.trail)) == (2, 1)
    empty.add_profile("dave", stored_profile(empty, "alice").space, b"damaged", {})
    assert len(user_map(empty).users) == 1


def test_judged_answers_lie_where_they_were_encoded(fitted: Store) -> None:
    found = user_map(fitted)
    assert len(found.liked) > 5
    assert len(found.others) > 5
    assert np.isfinite(np.vstack([found.liked, found.others])).all()


def test_a_space_without_users_says_what_to_do(empty: Store) -> None:
    with pytest.raises(NotFoundError, match="nobody has a profile in space tiny"):
        user_map(empty)
