"""Intervals hold what they are of, are as wide as they should be, and are the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.latent.intervals import bootstrap, correlation_intervals, ratio_interval


def test_the_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    low, high = bootstrap(lambda index: values[index].mean(1), 400, resamples=4000)
    half = 1.645 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.02)
    assert high == pytest.approx(values.mean() + half, abs=0.02)


def test_nine_of_ten_intervals_hold_the_true_correlation() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=(200, 100))
    b = 0.8 * a + 0.6 * rng.normal(size=a.shape)
    held = [low <= 0.8 <= high for low, high in correlation_intervals(a, b)]
    assert 80 <= sum(held) <= 98


def test_a_ratio_that_never_varies_has_no_width() -> None:
    below = np.arange(1.0, 20.0)
    assert ratio_interval(3 * below, below) == pytest.approx((3.0, 3.0))


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(2).normal(size=(30, 2))
    one, two, other = (correlation_intervals(values, values[::-1], seed) for seed in (5, 5, 6))
    assert one == two
    assert one != other
