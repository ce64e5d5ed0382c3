"""The judges, the oracle's search and the statistics of `benchmarks.styles`; no model runs."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))  # benchmarks are not installed

from benchmarks.answers import Request, all_prompts, questions, stream
from benchmarks.judges import (
    USERS,
    TopicJudge,
    brief,
    distinct_2,
    judge_pair,
    recovered,
    win_rate,
    wins,
)
from benchmarks.oracle import SearchPlan, into_ball, search, starting_points
from benchmarks.report import EVERYONE, Fitted, Line, Measured, Source, aims, lines, text
from prefcli.tiny import corpus

WARM = "Hey, great question, friend! Just rinse the rice. You got this! 🍳"
FORMAL = "1. It is advisable to rinse the rice.\n2. One should let it rest."
EXAMPLE = "Rinse the rice. For example, two rinses are enough."


class TestUsers:
    def test_brief_prefers_the_shorter_of_two_answers(self) -> None:
        assert USERS["brief"]("Rinse it.") > USERS["brief"]("Rinse it first.")

    def test_cheerful_counts_warm_phrases_and_emoji(self) -> None:
        assert USERS["cheerful"](WARM) == 3
        assert USERS["cheerful"](FORMAL) == 0

    def test_formal_list_counts_formal_phrases_and_numbered_items_but_no_bullets(self) -> None:
        assert USERS["formal_list"](FORMAL) == 4
        assert USERS["formal_list"]("- rinse it\n- let it rest") == 0

    def test_twenty_words_is_best_at_twenty_and_falls_on_both_sides(self) -> None:
        utility = USERS["twenty_words"]
        values = [utility("word " * n) for n in range(41)]
        assert values.index(max(values)) == 20
        assert values[15] == values[25]

    def test_either_or_wants_exactly_one_of_an_example_and_an_emoji(self) -> None:
        wanted = USERS["either_or"]
        assert [wanted(t) for t in (EXAMPLE, WARM, FORMAL, EXAMPLE + " 🍳")] == [1, 1, 0, 0]

    def test_every_user_tells_many_pairs_of_the_corpus_apart(self) -> None:
        rng = random.Random(0)
        answers = [corpus.draw(rng, corpus.stage_one_topics()).answer for _ in range(400)]
        for utility in USERS.values():
            unequal = sum(
                judge_pair(utility, "", a, b) is not None
                for a, b in zip(answers[::2], answers[1::2], strict=True)
            )
            assert unequal > 80


class TestPairs:
    def test_the_answer_of_higher_utility_is_chosen_whichever_comes_first(self) -> None:
        for first, second in (("one", "one two"), ("one two", "one")):
            pair = judge_pair(brief, "prompt", first, second)
            assert pair is not None
            assert (pair.better, pair.worse) == ("one", "one two")

    def test_two_answers_of_equal_utility_are_no_pair(self) -> None:
        assert judge_pair(brief, "prompt", "one two", "three four") is None


class TestWinRate:
    def test_the_base_against_its_own_other_answers_wins_exactly_half(self) -> None:
        rng = random.Random(1)
        answers = [corpus.draw(rng, corpus.topics()).answer for _ in range(30)]
        for utility in USERS.values():
            others = [answers[:i] + answers[i + 1 :] for i in range(len(answers))]
            assert win_rate(utility, answers, others) == pytest.approx(0.5)

    def test_a_tie_counts_one_half(self) -> None:
        assert wins(brief, "a b", ["a", "c d", "a b c", "a b c d"]) == (0 + 0.5 + 1 + 1) / 4

    def test_an_oracles_gain_is_recovered_fully_by_its_own_rate_and_not_at_all_by_the_base(
        self,
    ) -> None:
        assert recovered(0.9, 0.9) == 1
        assert recovered(0.5, 0.9) == 0
        assert recovered(0.7, 0.9) == pytest.approx(0.5)

    def test_nothing_can_be_recovered_where_the_oracle_gains_nothing(self) -> None:
        assert math.isnan(recovered(0.6, 0.5))


class TestDistinct2:
    def test_it_is_the_share_of_different_word_pairs(self) -> None:
        assert distinct_2(["a b c", "a b d"]) == 3 / 4

    def test_pairs_do_not_reach_across_answers(self) -> None:
        assert math.isnan(distinct_2(["a", "b"]))


class TestTopicJudge:
    def test_it_recognises_the_topic_of_nearly_every_answer_of_the_corpus(self) -> None:
        judge, rng = TopicJudge(corpus.topics()), random.Random(0)
        found = []
        for _ in range(300):
            topic, kind = rng.choice(corpus.topics()), rng.choice(corpus.PROMPT_KINDS)
            answer = corpus.render(topic, kind, corpus.draw_style(rng), rng)
            found.append(judge.share(topic, answer))
        assert sum(found) / len(found) > 0.98

    def test_an_answer_about_another_topic_is_off_topic(self) -> None:
        judge, (first, second, *_) = TopicJudge(corpus.topics()), corpus.topics()
        assert judge.share(first, " ".join(first.tips)) == 1
        assert judge.share(second, " ".join(first.tips)) == 0

    def test_an_answer_about_nothing_is_off_topic(self) -> None:
        judge = TopicJudge(corpus.topics())
        assert judge.share(corpus.topics()[0], "") == 0
        assert judge.share(corpus.topics()[0], "xyzzy 😊") == 0

    def test_topics_that_share_an_answer_equally_divide_it(self) -> None:
        def topic(name: str) -> corpus.Topic:
            return corpus.Topic(name, "home", False, "do", ("Use soap.",), "", (), "", "")

        judge = TopicJudge([topic("one"), topic("two"), corpus.topics()[0]])
        assert judge.share(judge.topics[0], "soap") == 0.5


class TestQuestions:
    def test_all_are_different_and_every_kind_is_asked_equally_often(self) -> None:
        asked = questions(corpus.held_out_topics(), 60, seed=3)
        assert len({question.prompt for question in asked}) == 60
        for number, kind in enumerate(corpus.PROMPT_KINDS):
            for question in asked[20 * number : 20 * number + 20]:
                assert question.prompt in corpus.prompts(question.topic, kind)

    def test_no_question_of_the_evaluation_is_about_a_topic_of_the_feedback(self) -> None:
        feedback = set(all_prompts(corpus.stage_one_topics(), seed=0))
        names = {topic.name for topic in corpus.stage_one_topics()}
        for question in questions(corpus.held_out_topics(), 150, seed=0):
            assert question.prompt not in feedback
            assert question.topic.name not in names

    def test_a_stream_depends_on_every_part_of_its_name_and_on_nothing_else(self) -> None:
        assert stream(0, "pool", 1) == stream(0, "pool", 1)
        assert len({stream(0, "pool", 1), stream(1, "pool", 1), stream(0, "pool", 2)}) == 3


class FakeModel:
    """Answers with 30 + 6 z0 words, give or take a few by seed; z1 adds as many emoji."""

    def __init__(self) -> None:
        self.space = SimpleNamespace(size=3, config=SimpleNamespace(rho=2.0))

    def answers(self, _: str, requests: Sequence[Request]) -> list[str]:
        found = []
        for request in requests:
            z = np.zeros(3) if request.z is None else request.z
            noise = random.Random(request.seed).gauss(0, 4)
            count = max(1, round(30 + 6 * z[0] + noise))
            found.append("word " * count + "😊" * max(0, round(2 * z[1])))
        return found

    def rivals(self, _: str, prompts: Sequence[str], count: int, seed: int) -> list[list[str]]:
        return [
            self.answers("", [Request(prompt, stream(seed, i, j)) for j in range(count)])
            for i, prompt in enumerate(prompts)
        ]


class TestOracle:
    plan = SearchPlan(prompts=24, tries=6, directions=16)

    def find(self, fitted: dict[str, list[Any]], *users: str) -> dict[str, Any]:
        judged = {user: USERS[user] for user in users}
        return search(FakeModel(), judged, fitted, self.plan)  # type: ignore[arg-type]

    def test_it_finds_the_direction_that_a_monotone_taste_wants(self) -> None:
        found = self.find({"brief": [], "cheerful": []}, "brief", "cheerful")
        assert found["brief"].z[0] < -1
        assert found["cheerful"].z[1] > 1
        assert min(oracle.win_rate for oracle in found.values()) > 0.9

    def test_it_finds_a_best_point_in_the_middle_of_the_ball(self) -> None:
        z = self.find({"twenty_words": []}, "twenty_words")["twenty_words"].z
        assert 30 + 6 * z[0] == pytest.approx(20, abs=3)

    def test_it_stays_within_the_reach_of_the_space(self) -> None:
        for oracle in self.find({"brief": []}, "brief").values():
            assert np.linalg.norm(oracle.z) <= 2.0 + 1e-9

    def test_what_was_fitted_is_among_the_candidates(self) -> None:
        without = self.find({"brief": []}, "brief")["brief"]
        given = self.find({"brief": [np.zeros(3), np.ones(3)]}, "brief")["brief"]
        assert given.candidates == without.candidates + 2

    def test_the_same_seed_gives_the_same_oracle(self) -> None:
        first, again = (self.find({"brief": []}, "brief")["brief"] for _ in range(2))
        assert np.array_equal(first.z, again.z)

    def test_first_candidates_lie_in_the_ball_and_reach_its_surface_on_every_axis(self) -> None:
        points = starting_points(4, 3.0, 8, seed=0)
        lengths = np.linalg.norm(points, axis=1)
        assert len(points) == 16
        assert lengths.max() <= 3.0 + 1e-9
        assert lengths.min() == pytest.approx(1.0)
        assert sum(np.count_nonzero(point) == 1 for point in points) == 8

    def test_a_point_outside_the_ball_moves_to_its_surface_and_one_inside_stays(self) -> None:
        assert into_ball(np.array([3.0, 4.0]), 1.0) == pytest.approx([0.6, 0.8])
        assert into_ball(np.array([0.3, 0.4]), 1.0) == pytest.approx([0.3, 0.4])


def measured(user: str, source: Source, seed: int, rate: float, topic: float = 0.9) -> Measured:
    return Measured(user, source, seed, 0, rate, topic, 0.3, 1.0, 40.0)


def example_run() -> list[Measured]:
    found = [measured("", "base", seed, 0.5) for seed in (0, 1)]
    for user, rates in {"a": (0.6, 0.7), "b": (0.9, 0.9)}.items():
        for seed, rate in enumerate(rates):
            found.append(measured(user, 5, seed, rate))
            found.append(measured(user, 50, seed, 0.9, topic=0.8))
            found.append(measured(user, "oracle", seed, 0.9))
    return found


def only(table: Sequence[Line], user: str, source: Source) -> Line:
    return next(line for line in table if (line.user, line.source) == (user, source))


class TestReport:
    def test_a_ratio_is_the_mean_over_seeds_within_their_bounds(self) -> None:
        line = only(lines(example_run()), "a", 5)
        assert line.ratio == pytest.approx((0.15) / 0.4)
        assert (line.low, line.high) == (pytest.approx(0.25), pytest.approx(0.5))

    def test_all_users_together_have_the_mean_of_their_ratios(self) -> None:
        line = only(lines(example_run()), EVERYONE, 5)
        assert line.ratio == pytest.approx((0.375 + 1) / 2)
        assert (line.low, line.high) == (pytest.approx(0.625), pytest.approx(0.75))

    def test_draws_of_one_seed_count_as_one(self) -> None:
        run = [*example_run(), measured("a", 5, 0, 0.8)]
        assert only(lines(run), "a", 5).low == pytest.approx(0.5)

    def test_quality_is_told_relative_to_the_base(self) -> None:
        line = only(lines(example_run()), "a", 50)
        assert line.on_topic == pytest.approx(-0.1)
        assert line.distinct_2 == pytest.approx(1.0)

    def test_what_falls_short_is_missed_and_the_rest_is_met(self) -> None:
        costs = [Fitted("a", 200, 0, 0, 0.004, 3000), Fitted("a", 200, 1, 0, 0.020, 20_000)]
        met = {aim.name: aim.met for aim in aims(lines(example_run()), costs)}
        assert met == {
            "ratio at 5 pairs >= 0.6, all users": True,
            "ratio at 5 pairs >= 0.6, a": False,
            "ratio at 5 pairs >= 0.6, b": True,
            "ratio at 50 pairs >= 0.9, all users": True,
            "ratio at 50 pairs >= 0.9, a": True,
            "ratio at 50 pairs >= 0.9, b": True,
            "on topic >= base - 0.05, all users": False,
            "on topic >= base - 0.05, any user": False,
            "solve of 200 encoded pairs <= 10 ms, median": False,
            "profile <= 16384 bytes, largest": False,
        }

    def test_a_ratio_that_cannot_be_told_is_missed(self) -> None:
        run = [measured("", "base", 0, 0.5), measured("a", 5, 0, 0.6)]
        run.append(measured("a", "oracle", 0, 0.5))
        assert not any(aim.met for aim in aims(lines(run), []) if "ratio" in aim.name)

    def test_the_text_names_what_was_missed_and_fits_a_terminal(self) -> None:
        run = example_run()
        table = lines(run)
        shown = text(table, aims(table, []), [m for m in run if m.source == "base"])
        assert "MISSED" in shown
        assert "met" in shown
        assert max(map(len, shown.splitlines())) <= 100
