"""Nothing learned is said of noise, too early of little data, and neither of a taste."""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.solvers.learned import Learned, clustered_interval, in_words, judge
from prefcli.solvers.quadratic import fit_reward
from prefcli.solvers.rows import Rows
from prefcli.solvers.validation import heldout_accuracy, hold_out

SIZE = 8


def verdict(rows, pair_groups=None, thumb_groups=None):
    pairs = np.arange(len(rows.chosen)) if pair_groups is None else pair_groups
    thumbs = len(pairs) + np.arange(len(rows.thumbs)) if thumb_groups is None else thumb_groups
    return judge(fit_reward(rows), hold_out(rows, pairs, thumbs))


def pairs_of(count, strength, seed=0):
    rng = np.random.default_rng([seed, count])
    a, b = rng.standard_normal((2, count, SIZE))
    first = rng.random(count) < 1 / (1 + np.exp(strength * (b - a)[:, 0]))
    return Rows(np.where(first[:, None], a, b), np.where(first[:, None], b, a))


def thumbs_of(count, strength, up=0.0, seed=0):
    rng = np.random.default_rng([seed, count])
    z = rng.standard_normal((count, SIZE))
    label = rng.random(count) < 1 / (1 + np.exp(-strength * z[:, 0] - up))
    return Rows(np.zeros((0, SIZE)), np.zeros((0, SIZE)), thumbs=z, label=label.astype(float))


def test_of_two_hundred_coin_flips_nothing_is_learned():
    found = [verdict(pairs_of(200, 0.0, seed)).verdict for seed in range(12)]
    assert found.count("no") >= 10
    assert verdict(pairs_of(200, 0.0)).verdict == "no"


def test_three_consistent_judgements_are_too_early_to_tell():
    rows = Rows(np.eye(SIZE)[:1].repeat(3, 0), -np.eye(SIZE)[:1].repeat(3, 0))
    assert verdict(rows) == Learned("too early")


@pytest.mark.parametrize("seed", range(6))
def test_little_noise_is_too_early_and_never_nothing(seed):
    assert verdict(pairs_of(30, 0.0, seed)).verdict != "no"


@pytest.mark.parametrize("count", [40, 200])
def test_a_clear_taste_is_learned(count):
    found = verdict(pairs_of(count, 4.0))
    assert found.verdict == "yes"
    assert found.interval[0] > 0.5
    assert found.accuracy == heldout_accuracy(pairs_of(count, 4.0), range(count), [])


def test_a_taste_is_learned_from_thumbs_of_which_most_are_up():
    rows = thumbs_of(200, 3.0, up=2.0)
    assert rows.label.mean() > 0.7
    assert verdict(rows).verdict == "yes"


def test_thumbs_without_taste_are_no_knowledge_however_many_are_up():
    """A guess of `up` is right nine times in ten, and knows nothing."""
    rows = thumbs_of(300, 0.0, up=2.2)
    assert heldout_accuracy(rows, [], np.arange(300)) > 0.85
    found = verdict(rows)
    assert found.verdict != "yes"
    assert found.accuracy < 0.65


def test_thumbs_that_all_agree_cannot_tell():
    rows = thumbs_of(100, 0.0, up=50.0)
    background = np.random.default_rng(1).standard_normal((64, SIZE))
    same = Rows(
        rows.chosen, rows.rejected, thumbs=rows.thumbs, label=rows.label, reference=background
    )
    assert verdict(same) == Learned("too early")


def test_ties_alone_teach_nothing():
    rows = pairs_of(20, 4.0)
    assert verdict(Rows(rows.chosen, rows.rejected, np.full(20, 0.5))) == Learned("no")


def test_a_taste_drowned_in_ties_is_nothing():
    rows = pairs_of(2000, 0.0)
    target = np.full(2000, 0.5)
    target[:120] = 1.0
    assert verdict(Rows(rows.chosen, rows.rejected, target)).verdict == "no"


def test_the_interval_covers_the_truth_nine_times_in_ten_when_prompts_differ():
    """20 prompts of 5 judgements each; on some prompts the fit is right more often."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(20), 5)
    covered = narrow = 0
    for _ in range(400):
        right = rng.random(100) < np.repeat(rng.beta(3.5, 1.5, 20), 5)
        _, low, high = clustered_interval(right.astype(float), np.ones(100), group)
        covered += low <= 0.7 <= high
        _, low, high = clustered_interval(right.astype(float), np.ones(100), np.arange(100))
        narrow += low <= 0.7 <= high
    assert 0.85 <= covered / 400 <= 0.97
    assert narrow < covered


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_interval_does_not_vanish_where_all_are_right_or_wrong(share):
    found, low, high = clustered_interval(np.full(12, share), np.ones(12), np.arange(12))
    assert found == share
    assert 0 <= low < high <= 1
    assert high - low > 0.1


def test_one_prompt_is_one_judgement():
    right, weight = np.array([1.0, 1.0, 0.0]), np.ones(3)
    _, low, high = clustered_interval(right, weight, np.zeros(3, dtype=np.intp))
    assert (low, high) == pytest.approx((0.14, 0.96), abs=0.05)


def test_fewer_prompts_are_less_certain():
    right = np.tile([1.0, 1.0, 0.0, 1.0], 25)
    widths = []
    for each in (1, 10):
        _, low, high = clustered_interval(right, np.ones(100), np.arange(100) // each)
        widths.append(high - low)
    few = clustered_interval(right[:20], np.ones(20), np.arange(20) // 10)
    assert few[2] - few[1] > widths[0]


def test_words_say_verdict_figure_interval_and_why():
    sure = Learned("yes", 0.825, (0.7, 0.9)).as_dict()
    assert in_words(sure) == (
        "learned something: right 82 % of the time on prompts kept out of the fit (70 to 90 %; a "
        "guess: 50 %)"
    )
    assert in_words(Learned("no").as_dict()).startswith("nothing learned: ")
    assert "10 judgements" in in_words(Learned("too early").as_dict())
    assert in_words(None).startswith("not measured")
