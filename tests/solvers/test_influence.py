"""What a judgement did to a fit is what the fit without it tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prefcli.solvers.certainty import SURE, certainty, draw_rewards, grade, ranked_right
from prefcli.solvers.influence import (
    correlation,
    foretold,
    learn,
    reward_vector,
    turns,
)
from prefcli.solvers.quadratic import fit_fixed, fit_reward
from prefcli.solvers.rows import Rows

SIZE = 6


def direction(seed=0):
    drawn = np.random.default_rng(seed).standard_normal(SIZE)
    return drawn / np.linalg.norm(drawn)


def judged(pairs=60, thumbs=0, strength=2.0, seed=0):
    """A noisy user of linear taste."""
    rng = np.random.default_rng([seed, pairs, thumbs])
    taste = strength * direction(seed)
    a, b = rng.standard_normal((2, pairs, SIZE))
    first = (rng.random(pairs) < 1 / (1 + np.exp((b - a) @ taste)))[:, None]
    points = rng.standard_normal((thumbs, SIZE))
    up = rng.random(thumbs) < 1 / (1 + np.exp(-points @ taste))
    return Rows(np.where(first, a, b), np.where(first, b, a), thumbs=points, label=up.astype(float))


def without(rows, left_out):
    kept = np.ones(len(rows.chosen) + len(rows.thumbs), dtype=bool)
    kept[list(left_out)] = False
    return rows.take(kept[: len(rows.chosen)], kept[len(rows.chosen) :])


def refitted(rows, scales):
    """The reward vector under prior scales that stay what they are."""
    reward = fit_fixed(rows, *scales)
    return reward_vector(reward.weight, reward.curvature)


def angle(reward, other):
    return np.degrees(np.arccos(min(1.0, correlation(reward, other))))


def likeliest(rows):
    """A posterior of one part, and the prior scales that it was found under."""
    known = learn(rows)
    part = max(known.parts, key=lambda each: each.share)
    offsets = int(len(rows.thumbs) > 0)
    curved = len(part.mode.scale) > offsets + SIZE
    scales = part.mode.scale[offsets], part.mode.scale[-1] if curved else 0.0
    return replace(known, parts=(replace(part, share=1.0),)), scales


@pytest.mark.parametrize(("pairs", "thumbs"), [(60, 0), (30, 40), (0, 60)])
def test_turns_approximate_the_true_fit_without_each_judgement(pairs, thumbs):
    rows = judged(pairs, thumbs)
    known, scales = likeliest(rows)
    total = pairs + thumbs
    found = turns(known, [[row] for row in range(total)])
    whole = refitted(rows, scales)
    true = np.array([angle(whole, refitted(without(rows, [row]), scales)) for row in range(total)])
    assert np.corrcoef(found, true)[0, 1] > 0.97
    largest = np.argsort(-true)[:5]
    np.testing.assert_allclose(found[largest], true[largest], rtol=0.25)


@pytest.mark.parametrize("pairs", [5, 60])
def test_turns_are_as_large_as_whole_fits_without_each_judgement_make_them(pairs):
    """Whole fits choose prior scales and metric anew as well."""
    rows = judged(pairs)
    found = turns(learn(rows), [[row] for row in range(pairs)])
    reward = fit_reward(rows)
    whole = reward_vector(reward.weight, reward.curvature)
    true = []
    for row in range(pairs):
        other = fit_reward(without(rows, [row]))
        true.append(angle(whole, reward_vector(other.weight, other.curvature)))
    assert found.mean() == pytest.approx(np.mean(true), rel=0.35)
    ranks = [np.argsort(np.argsort(values)) for values in (found, true)]
    assert np.corrcoef(*ranks)[0, 1] > 0.8


@pytest.mark.parametrize("count", [3, 20])
def test_several_rows_leave_together(count):
    """Fewer rows than coefficients and more take two ways to the same place."""
    rows = judged(80)
    known, scales = likeliest(rows)
    (found,) = turns(known, [range(count)])
    assert found == pytest.approx(
        angle(refitted(rows, scales), refitted(without(rows, range(count)), scales)), rel=0.3
    )


def test_a_judgement_without_rows_turns_nothing_and_order_does_not_matter():
    rows = judged(40)
    order = np.random.default_rng(1).permutation(40)
    mixed = Rows(rows.chosen[order], rows.rejected[order])
    expected = turns(learn(rows), [[row] for row in range(40)])
    np.testing.assert_allclose(
        turns(learn(mixed), [[row] for row in range(40)]), expected[order], rtol=1e-5, atol=1e-6
    )
    assert turns(learn(rows), [[]])[0] == pytest.approx(0.0, abs=1e-4)


def test_what_the_others_foretell_is_what_a_fit_without_the_prompt_says():
    rows = judged(60)
    groups = np.arange(60) // 3
    found = foretold(learn(rows), groups)
    true = []
    for row in range(60):
        other = without(rows, np.flatnonzero(groups == groups[row]))
        reward = fit_reward(other)
        margin = reward(rows.chosen[row : row + 1]) - reward(rows.rejected[row : row + 1])
        true.append(1 / (1 + np.exp(-margin[0])))
    assert np.corrcoef(found, true)[0, 1] > 0.9
    assert np.abs(found - true).mean() < 0.1


@pytest.mark.parametrize(("pairs", "count"), [(40, 1), (80, 3), (200, 6)])
def test_flipped_judgements_are_found_among_those_that_contradict_the_rest(pairs, count):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, pairs, SIZE))
    margin = (a - b) @ (3.0 * direction())
    first = margin > 0
    flipped = np.argsort(-np.abs(margin))[:count]  # the clearest ones
    first[flipped] ^= True
    rows = Rows(np.where(first[:, None], a, b), np.where(first[:, None], b, a))
    found = foretold(learn(rows), np.arange(pairs))
    assert set(np.argsort(found)[:count]) == set(flipped)
    assert found[flipped].max() < 0.25


def test_a_flipped_thumb_is_found_beside_pairs():
    rows = judged(40, 40, strength=4.0)
    label = (rows.thumbs @ direction() > 0).astype(float)
    clear = int(np.argmax(np.abs(rows.thumbs @ direction())))
    label[clear] = 1 - label[clear]
    odd = Rows(rows.chosen, rows.rejected, thumbs=rows.thumbs, label=label)
    found = foretold(learn(odd), np.arange(80))
    assert int(np.argmin(found[40:])) == clear


def test_ties_and_rows_of_no_weight_are_not_foretold():
    rows = judged(20)
    target, weight = np.ones(20), np.ones(20)
    target[3], weight[7] = 0.5, 0.0
    found = foretold(learn(Rows(rows.chosen, rows.rejected, target, weight)), np.arange(20))
    assert np.flatnonzero(np.isnan(found)).tolist() == [3, 7]


def test_nothing_is_known_without_rows():
    none = Rows(np.zeros((0, SIZE)), np.zeros((0, SIZE)))
    known = learn(none)
    assert foretold(known, []).shape == (0,)
    assert turns(known, []).shape == (0,)
    assert abs(certainty(known).now) < 0.1


def test_certainty_rises_with_rows_and_ends_at_sure():
    found = [certainty(learn(judged(pairs))) for pairs in (3, 20, 400)]
    assert [each.now for each in found] == sorted(each.now for each in found)
    assert all(each.doubled > each.now for each in found)
    assert [grade(each.now) for each in (found[0], found[-1])] == ["hardly anything yet", "sure"]
    assert found[-1].times == 1.0
    assert found[1].times is None or found[1].times > 1


@pytest.mark.parametrize("pairs", [5, 20, 80])
def test_certainty_is_what_users_of_known_taste_bear_out(pairs):
    """The expected correlation with the truth and the true one: rather too little is claimed."""
    claimed, true = [], []
    for seed in range(24):
        rows = judged(pairs, strength=1.5, seed=seed)
        claimed.append(certainty(learn(rows)).now)
        truth = reward_vector(direction(seed), np.zeros((SIZE, SIZE)))
        true.append(correlation(learn(rows).reward, truth))
    assert -0.2 < np.mean(claimed) - np.mean(true) < 0.1


@pytest.mark.parametrize("pairs", [6, 40])
def test_what_twice_the_rows_would_bring_is_what_they_bring(pairs):
    expected, reached = [], []
    for seed in range(24):
        rows = judged(2 * pairs, strength=1.5, seed=seed)
        half = without(rows, range(pairs, 2 * pairs))
        expected.append(certainty(learn(half)).doubled)
        reached.append(certainty(learn(rows)).now)
    assert np.mean(expected) == pytest.approx(np.mean(reached), abs=0.08)


def test_rewards_are_drawn_around_the_mode_with_laplace_s_covariance():
    known, _ = likeliest(judged(200))
    drawn = draw_rewards(known, 4000)[:, :SIZE]
    (part,) = known.parts
    np.testing.assert_allclose(drawn.mean(0), known.reward[:SIZE], atol=0.05)
    expected = np.sqrt(np.diag(part.mode.covariance(slice(0, SIZE))))
    np.testing.assert_allclose(drawn.std(0), expected, rtol=0.1)


def test_the_share_of_answers_in_order_goes_from_a_guess_to_all():
    assert ranked_right(0.0) == pytest.approx(0.5)
    assert ranked_right(1.0) == 1.0
    z, other = np.random.default_rng(0).standard_normal((2, 100_000))
    seen = SURE * z + np.sqrt(1 - SURE**2) * other
    assert ranked_right(SURE) == pytest.approx(
        float((np.sign(z) == np.sign(seen)).mean()), abs=0.01
    )
