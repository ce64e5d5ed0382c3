"""Two axes, neighbours and groups of points."""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.solvers.layout import groups, nearest, two_axes

RNG = np.random.default_rng(0)
ANSWERS = RNG.normal(size=(40, 5)) * np.array([1, 3, 1, 1, 1])


def test_the_axes_are_those_of_largest_variance_and_their_shares_add_up() -> None:
    points = np.zeros((200, 5))
    points[:, 2], points[:, 4] = 3 * RNG.normal(size=200), RNG.normal(size=200)
    axes, shares = two_axes(points, ANSWERS)
    assert abs(axes[0, 2]) > 0.99
    assert abs(axes[1, 4]) > 0.99
    assert shares.sum() == pytest.approx(1)
    assert axes @ axes.T == pytest.approx(np.eye(2))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_or_equal_users_still_have_two_axes_at_right_angles(count: int) -> None:
    for points in (np.zeros((count, 5)), np.ones((count, 5)), RNG.normal(size=(count, 5))):
        axes, shares = two_axes(points, ANSWERS)
        assert axes @ axes.T == pytest.approx(np.eye(2))
        assert np.isfinite(shares).all()


def test_one_user_lies_on_the_first_axis() -> None:
    point = np.array([[1.0, -2.0, 0.5, 0.0, 0.0]])
    axes, _ = two_axes(point, ANSWERS)
    wanted = np.array([[np.linalg.norm(point), 0.0]])
    assert np.abs(point @ axes.T) == pytest.approx(wanted)


def test_the_nearest_are_those_that_a_search_through_all_finds() -> None:
    points = RNG.normal(size=(700, 4))
    found, far = nearest(points, 3)
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(apart, np.inf)
    assert far == pytest.approx(np.sort(apart, axis=1)[:, :3], abs=1e-6)
    assert (found == np.argsort(apart, axis=1)[:, :3]).mean() > 0.99
    assert nearest(points[:1], 3)[0].shape == (1, 0)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_clouds_that_lie_apart_are_groups_and_one_cloud_is_none(count: int) -> None:
    middles = 8 * np.eye(6)[:count]
    points = np.vstack(
        [middle + RNG.normal(size=(30 - 3 * i, 6)) for i, middle in enumerate(middles)]
    )
    truth = np.repeat(range(count), [30 - 3 * i for i in range(count)])
    assert (groups(points) == truth).all()  # the largest first
    assert (groups(RNG.normal(size=(200, 6))) == 0).all()
    assert (groups(points[:4]) == 0).all()
