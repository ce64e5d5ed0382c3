"""What a point of a space means in words is what texts there are like."""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.latent.tastes import (
    MOST_TOLD,
    Answers,
    Slopes,
    find_slopes,
    leanings,
    words_from_report,
)

SIZE = 4


def effect(name, size, low=1.0, high=2.0, width=0.2):
    interval = [size - width, size + width]
    return {"name": name, "low": low, "high": high, "effect": size, "interval": interval}


REPORT = {
    "directions_text": [
        {
            "direction": 1,
            "features": [effect("words", 2.8), effect("commas", 0.7)],
            "words_high": ["indeed", "thus"],
            "words_low": ["yeah"],
        },
        {
            "direction": 3,
            "features": [effect("emoji", -2.1)],
            "words_high": ["thus"],
            "words_low": ["wow"],
        },
    ]
}


def texts_along(z, rng):
    """Longer along the first axis, emoji along the second."""
    return [
        " ".join(["word"] * max(1, round(20 + 5 * a + rng.normal())))
        + "🙂" * max(0, round(3 + 1.5 * b + 0.3 * rng.normal()))
        for a, b, *_ in z
    ]


def surely(point, count=50):
    return np.tile(point, (count, 1))


def test_a_report_tells_what_lies_along_its_directions():
    slopes = find_slopes(REPORT, SIZE)[0]
    point = np.array([1.5, 0.0, 0.0, 0.0])
    found = leanings(slopes, point, surely(point))
    assert [(each.feature, each.words) for each in found] == [
        ("words", "longer"),
        ("commas", "more commas per sentence"),
    ] or [each.words for each in found] == ["longer"]
    assert found[0].shift == pytest.approx(1.5 * 2.8 / 3.5)
    opposite = leanings(slopes, -point, surely(-point))
    assert opposite[0].words == "shorter"


def test_what_goes_together_is_told_once():
    slopes = find_slopes(REPORT, SIZE)[0]
    point = np.array([3.0, 0.0, -3.0, 0.0])
    words = [each.words for each in leanings(slopes, point, surely(point))]
    assert words == ["longer", "more emoji"]


def test_what_is_not_sure_is_not_told():
    slopes = find_slopes(REPORT, SIZE)[0]
    point = np.array([2.0, 0.0, 0.0, 0.0])
    assert leanings(slopes, point, surely(point))
    either = np.concatenate([surely(point), surely(-point)])
    assert leanings(slopes, point, either) == []
    vague = {
        "directions_text": [
            {"direction": 1, "features": [effect("words", 1.0, width=5.0)]},
        ]
    }
    assert leanings(find_slopes(vague, SIZE)[0], point, surely(point)) == []


def test_what_nobody_would_notice_is_not_told():
    point = np.array([0.1, 0.0, 0.0, 0.0])
    assert leanings(find_slopes(REPORT, SIZE)[0], point, surely(point)) == []


def test_at_most_so_many_things_are_told():
    names = ("words", "emoji", "commas", "hedges", "questions", "numerals", "quotations", "lines")
    slopes = Slopes(names, np.eye(8), np.zeros((8, 8, 8)))
    point = np.linspace(1, 2, 8)
    found = leanings(slopes, point, surely(point))
    assert len(found) == MOST_TOLD
    assert [each.shift for each in found] == sorted((each.shift for each in found), reverse=True)


def test_words_come_from_the_directions_that_count_and_from_the_right_end():
    assert words_from_report(REPORT, np.array([2.0, 0.1, 0.1, 0.1])) == (
        ["indeed", "thus"],
        ["yeah"],
    )
    assert words_from_report(REPORT, np.array([-2.0, 0.1, 0.1, 0.1])) == (
        ["yeah"],
        ["indeed", "thus"],
    )
    more, less = words_from_report(REPORT, np.array([2.0, 0.0, -2.0, 0.0]))
    assert (more, less) == (["indeed", "wow"], ["yeah"])  # `thus` is at both ends


def test_an_older_report_tells_nothing():
    slopes, tellers = find_slopes({"consistency": [0.9]}, SIZE)
    assert tellers == []
    point = np.array([2.0, 0.0, 0.0, 0.0])
    assert leanings(slopes, point, surely(point)) == []
    assert words_from_report({}, np.ones(SIZE)) == ([], [])


@pytest.mark.parametrize("answers", [1, 2], ids=["one each", "two each"])
def test_answers_show_what_a_report_does_not_tell(answers):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((80, SIZE))
    seen = Answers(texts_along(z, rng), z, np.arange(80) // answers)
    slopes, tellers = find_slopes({}, SIZE, seen)
    assert tellers == ["answers"]
    for point, words in (
        (np.array([2.0, 0.0, 0.0, 0.0]), "longer"),
        (np.array([0.0, -2.0, 0.0, 0.0]), "fewer emoji"),
    ):
        assert leanings(slopes, point, surely(point, 200))[0].words == words
    elsewhere = np.array([0.0, 0.0, 2.0, 0.0])
    assert leanings(slopes, elsewhere, surely(elsewhere, 200)) == []


def test_prompts_that_ask_for_more_are_no_taste_for_more():
    """The longer answers go with the prompt and not with z."""
    rng = np.random.default_rng(0)
    topic = np.repeat(rng.standard_normal(40), 2)
    z = rng.standard_normal((80, SIZE))
    z[:, 0] = topic
    texts = [" ".join(["word"] * round(30 + 8 * t)) for t in topic + 0.05 * rng.normal(size=80)]
    slopes, _ = find_slopes({}, SIZE, Answers(texts, z, np.arange(80) // 2))
    point = np.array([2.0, 0.0, 0.0, 0.0])
    assert leanings(slopes, point, surely(point, 200)) == []


def test_a_handful_of_answers_tells_nothing():
    few = Answers(["a", "b c"], np.ones((2, SIZE)), [0, 0])
    assert find_slopes({}, SIZE, few)[1] == []
    same = Answers(["same"] * 8, np.random.default_rng(0).standard_normal((8, SIZE)), [0] * 8)
    point = np.array([2.0, 0.0, 0.0, 0.0])
    assert leanings(find_slopes({}, SIZE, same)[0], point, surely(point)) == []


def test_report_and_answers_each_tell_what_the_other_does_not():
    """The report knows of emoji only along the third axis, the answers hold no commas."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((80, SIZE))
    slopes, tellers = find_slopes(REPORT, SIZE, Answers(texts_along(z, rng), z, np.arange(80) // 2))
    assert tellers == ["space", "answers"]
    second = np.array([0.0, 2.0, 0.0, 0.0])
    assert [each.feature for each in leanings(slopes, second, surely(second, 200))] == ["emoji"]
    commas = slopes.names.index("commas")
    assert slopes.mean[commas, 0] == pytest.approx(0.7 / 3.5, abs=0.02)
