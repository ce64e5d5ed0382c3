"""Accuracy counts what it says, and held out means unseen."""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.errors import DataError, UsageError
from prefcli.solvers import validation
from prefcli.solvers.bradley_terry import Rows, fit_fixed, heldout_accuracy, train_accuracy

TASTE = np.array([2.0, 0.0, 0.0])


def make_rows(pairs=60, thumbs=0, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((pairs, 3)), rng.standard_normal((pairs, 3))
    first = ((a - b) @ TASTE + noise * rng.standard_normal(pairs) > 0)[:, None]
    points = rng.standard_normal((thumbs, 3))
    return Rows(
        np.where(first, a, b),
        np.where(first, b, a),
        thumbs=points,
        label=(points @ TASTE > 0).astype(float),
    )


def prompts(count, each=3):
    return [f"prompt {number // each}" for number in range(count)]


def test_a_clear_taste_carries_over_to_prompts_not_seen():
    rows = make_rows(60, 30)
    assert heldout_accuracy(rows, prompts(60), prompts(30)) > 0.85
    assert train_accuracy(fit_fixed(rows, 1.0), rows) > 0.9


def test_coin_flips_stay_coin_flips_held_out_and_look_better_in_training():
    rng = np.random.default_rng(0)
    rows = Rows(rng.standard_normal((120, 3)), rng.standard_normal((120, 3)))
    assert 0.35 < heldout_accuracy(rows, prompts(120), []) < 0.65


def test_all_rows_of_a_prompt_stay_together_and_each_is_held_out_once(monkeypatch):
    rows, groups = make_rows(40, 20), prompts(40, 4)
    thumb_groups = prompts(20, 2)
    trained = []

    def remember(parts, size, priors):
        assert size == 3
        assert priors == [()] * 5
        trained.extend(parts)
        return [fit_fixed(rows, 1.0) for _ in parts]

    monkeypatch.setattr(validation, "fit_rewards", remember)
    heldout_accuracy(rows, groups, thumb_groups)
    assert len(trained) == 5
    held = dict.fromkeys(groups, 0)
    for part in trained:
        inside = {
            name
            for points, everything, names in (
                (part.first, rows.chosen, groups),
                (part.first, rows.thumbs, thumb_groups),
            )
            for name, point in zip(names, everything, strict=True)
            if (points == point).all(axis=1).any()
        }
        counted = sum((part.first == point).all(axis=1).any() for point in rows.chosen)
        assert counted == sum(name in inside for name in groups)
        for name in held:
            held[name] += name not in inside
    assert set(held.values()) == {1}


def test_the_same_rows_in_any_order_give_the_same_accuracy():
    rows, groups = make_rows(60, noise=3.0), prompts(60)
    order = np.random.default_rng(1).permutation(60)
    shuffled = rows.take(order, np.arange(0))
    expected = heldout_accuracy(rows, groups, [])
    assert heldout_accuracy(shuffled, [groups[i] for i in order], []) == pytest.approx(expected)
    assert heldout_accuracy(rows, groups, []) == expected


def test_numbers_name_prompts_as_well_as_words():
    rows = make_rows(30)
    numbers = np.arange(30) // 3
    assert heldout_accuracy(rows, numbers, np.zeros(0, dtype=np.intp)) is not None


@pytest.mark.parametrize(("pairs", "each"), [(9, 1), (40, 10), (0, 1)])
def test_too_few_judgements_or_prompts_give_no_figure(pairs, each):
    assert heldout_accuracy(make_rows(pairs), prompts(pairs, each), []) is None


def test_ties_and_rows_of_no_weight_do_not_count():
    rows = make_rows(12)
    mostly_ties = Rows(rows.chosen, rows.rejected, target=np.array([1.0] * 9 + [0.5] * 3))
    weightless = Rows(rows.chosen, rows.rejected, weight=np.array([1.0] * 9 + [0.0] * 3))
    for few in (mostly_ties, weightless):
        assert heldout_accuracy(few, prompts(12, 1), []) is None
    reward = fit_fixed(rows, 1.0)
    wrong_tie = Rows(rows.rejected[:1], rows.chosen[:1], target=np.array([0.5]))
    assert train_accuracy(reward, wrong_tie) is None


def test_a_flat_reward_is_right_half_of_the_time():
    rows = make_rows(20)
    flat = fit_fixed(Rows(rows.chosen, rows.chosen), 1.0)
    assert train_accuracy(flat, rows) == 0.5


def test_rows_count_by_their_weight():
    reward = fit_fixed(make_rows(40), 1.0)
    points = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    rows = Rows(points, -points, weight=np.array([3.0, 1.0]))
    assert train_accuracy(reward, rows) == pytest.approx(0.75)


def test_thumbs_are_judged_with_the_intercept():
    thumbs = np.array([[0.1, 0.0, 0.0], [-0.1, 0.0, 0.0], [-2.0, 0.0, 0.0]])
    rows = Rows(np.zeros((0, 3)), np.zeros((0, 3)), thumbs=thumbs, label=np.array([1.0, 1.0, 0.0]))
    assert train_accuracy(fit_fixed(rows, 2.0), rows) == 1.0


def test_what_does_not_fit_together_is_refused():
    rows = make_rows(20)
    with pytest.raises(DataError, match="pair_groups has 3 entries, expected 20"):
        heldout_accuracy(rows, prompts(3), [])
    with pytest.raises(DataError, match="thumb_groups has 1 entries, expected 0"):
        heldout_accuracy(rows, prompts(20), ["a"])
    with pytest.raises(UsageError, match="folds is 1"):
        heldout_accuracy(rows, prompts(20), [], folds=1)
