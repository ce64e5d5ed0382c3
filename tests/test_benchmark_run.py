"""The comparison with other methods, on random weights: what it promises, not what it measures."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))  # benchmarks are not installed

from benchmarks import command, page, real_sizes, statistics, tables
from benchmarks.answers import Model
from benchmarks.judges import Pair
from benchmarks.measure import Ground, broken, measured
from benchmarks.peers.all import PEERS
from benchmarks.peers.base import Job, Voice, wins
from benchmarks.peers.names import LABELS, LEARNERS, REFERENCES
from benchmarks.peers.steering import direction, steering_hidden
from benchmarks.peers.tuning import speaking
from benchmarks.plan import Plan, grid
from benchmarks.records import Records
from benchmarks.run import run_task
from benchmarks.search import chosen, search
from benchmarks.tasks.base import Arena, Taste, best_against_worst, each, pool
from benchmarks.tasks.classifiers import Judge, Labeller, accuracy
from benchmarks.tasks.summaries import SAMPLE, prompts
from prefcli.errors import DataError
from prefcli.output import Output
from tests.random_spaces import random_space
from tests.tiny_bases import tiny_base

TINY = Plan(
    sizes=(1, 3),
    slow_sizes=(3,),
    seeds=2,
    slow_seeds=1,
    methods=("base", "prefcli", "steering_z", "best_of_16"),
    prompts=3,
    neutral=2,
    pool=3,
    mixed=0,
)
TRAINED = ("lora_dpo", "prefix_dpo", "p_tuning_dpo")


def letters(text: str) -> float:
    return float(sum(character.isalpha() for character in text)) + len(text) / 100


@pytest.fixture(scope="module")
def arena() -> Arena:
    base = tiny_base("llama")
    space = random_space(base)
    space.attach(base)
    asked = [f"{word}{number}" for number in range(10) for word in ("a", "b", "c", "d", "e")]
    taste = Taste(each(letters), each(letters))
    return Arena(
        name="tiny",
        model=Model(base, space, lambda *_: None, max_new_tokens=6),
        users={"letters": taste, "silence": Taste(*[each(lambda t: -float(len(t)))] * 2)},
        tuning={"other": taste},
        feedback_prompts=asked[:20],
        search_prompts=asked[:50],
        test_prompts=asked[20:40],
        neutral_prompts=asked[40:],
        on_topic=lambda prompts, _: [1.0] * len(prompts),
        other=("length", each(lambda text: float(len(text)))),
    )


@pytest.fixture(scope="module")
def job(arena: Arena, tmp_path_factory: pytest.TempPathFactory) -> Job:
    asked = list(arena.feedback_prompts[:4])
    answers = pool(arena, asked, "pool", tmp_path_factory.mktemp("pool"))
    taste = arena.users["letters"]
    return Job(arena, "letters", taste, best_against_worst(asked, answers, taste.label, 8, 0), 0)


class TestPairs:
    ANSWERS = (["a", "bbb", "cc", "dddd"], ["x", "yy", "zzz", "wwww"], ["k"] * 4)

    def pairs(self, count: int) -> list[Any]:
        return best_against_worst(
            ["p", "q", "r"], self.ANSWERS, each(lambda t: float(len(t))), count, 0
        )

    def test_the_best_two_stand_against_the_worst_two(self) -> None:
        found = {(p.better, p.worse) for p in self.pairs(99) if p.prompt == "p"}
        assert found == {("dddd", "a"), ("bbb", "cc"), ("dddd", "cc"), ("bbb", "a")}

    def test_few_pairs_are_about_different_prompts_and_of_the_best_against_the_worst(self) -> None:
        assert {(p.better, p.worse) for p in self.pairs(2)} == {("dddd", "a"), ("wwww", "x")}

    def test_answers_that_a_user_finds_equal_make_no_pair(self) -> None:
        assert all(p.prompt != "r" for p in self.pairs(99))


class TestMeasuring:
    def test_a_tie_with_a_rival_is_half_a_win(self) -> None:
        assert wins(np.array([1.0]), np.array([[0.0, 1.0, 2.0, 1.0]])).tolist() == [0.5]

    def test_the_base_is_no_distance_away_from_itself(self, arena: Arena) -> None:
        ground = Ground.of(arena, 0, 3, 2)
        found = measured(Voice(arena.model.base, 6), arena.users["letters"], ground)
        assert found["kl"] == 0
        assert len(found["wins"]) == 3

    def test_empty_endless_and_circling_answers_are_broken(self, arena: Arena) -> None:
        model = Model(arena.model.base, arena.model.space, lambda *_: None, max_new_tokens=60)
        ending = dataclasses.replace(arena, name="styles", model=model)
        circling = "one two three four " * 3
        assert [broken(ending, t) for t in ("", "yes.", circling, "word" * 20)] == [
            True, False, True, True,
        ]  # fmt: skip


class TestSteering:
    def test_a_direction_points_from_rejected_to_chosen(self) -> None:
        rng = np.random.default_rng(0)
        apart = np.array([3.0, 0.0, -1.0])
        rejected = rng.normal(size=(20, 3))
        states = np.stack([rejected + apart, rejected], axis=1).reshape(40, 3)
        assert direction(states) == pytest.approx(apart / np.linalg.norm(apart))

    @pytest.mark.parametrize("reading", ["last", "mean"])
    def test_steering_by_nothing_is_the_base(self, job: Job, reading: str) -> None:
        setting = {"share": 0.0, "reading": reading}
        speaker = steering_hidden(dataclasses.replace(job, setting=setting)).speaker
        plain = Voice(job.arena.model.base, 6)
        assert speaker.answers(["a0", "b1"], [1, 2]) == plain.answers(["a0", "b1"], [1, 2])

    def test_the_base_is_as_before_when_steering_ends(self, job: Job) -> None:
        plain = Voice(job.arena.model.base, 6)
        before = plain.nats(["a0"], ["yes"])
        setting = {"share": 5.0, "reading": "mean"}
        steered = steering_hidden(dataclasses.replace(job, setting=setting)).speaker
        assert steered.nats(["a0"], ["yes"]) != before
        assert plain.nats(["a0"], ["yes"]) == before


class TestTrainedPeers:
    @pytest.fixture(autouse=True)
    def _trl(self) -> None:
        pytest.importorskip("trl", reason="the bench extra brings TRL")

    @pytest.mark.parametrize("method", TRAINED)
    def test_training_makes_chosen_answers_likelier_and_leaves_the_base_alone(
        self, job: Job, method: str
    ) -> None:
        torch.manual_seed(0)
        base = job.arena.model.base
        before = base.fingerprint()
        kept = [weight.clone() for weight in base.model.parameters()]
        setting = {"rate": 3e-2, "epochs": 12}
        lesson = PEERS[method].teach(dataclasses.replace(job, setting=setting))
        prompts = [p.prompt for p in job.pairs]

        def margin(speaker: Any) -> float:
            sides = [[p.better for p in job.pairs], [p.worse for p in job.pairs]]
            better, worse = (sum(speaker.nats(prompts, side)) for side in sides)
            return float(worse - better)

        untrained = PEERS[method].teach(
            dataclasses.replace(job, setting={"rate": 1e-12, "epochs": 1})
        )
        assert margin(lesson.speaker) > margin(untrained.speaker)
        assert lesson.bytes > 0
        assert all(map(torch.equal, kept, base.model.parameters()))
        assert base.fingerprint() == before

    def test_an_untrained_lora_speaks_as_the_base(self, job: Job) -> None:
        setting = {"rate": 1e-12, "epochs": 1}
        speaker = PEERS["lora_dpo"].teach(dataclasses.replace(job, setting=setting)).speaker
        plain = Voice(job.arena.model.base, 6)
        found = speaker.nats(["a0", "b1"], ["yes", "no"])
        assert found == pytest.approx(plain.nats(["a0", "b1"], ["yes", "no"]), rel=1e-5)

    @pytest.mark.parametrize("method", ["prefix_dpo", "p_tuning_dpo"])
    def test_what_peft_trained_costs_an_answer_here_what_it_costs_there(
        self, job: Job, method: str
    ) -> None:
        from peft import PrefixTuningConfig, PromptEncoderConfig, get_peft_model

        base = tiny_base("llama")
        sizes: dict[str, Any] = {"num_virtual_tokens": 4, "task_type": "CAUSAL_LM"}
        config = (
            PrefixTuningConfig(**sizes)
            if method == "prefix_dpo"
            else PromptEncoderConfig(**sizes, encoder_hidden_size=16)
        )
        torch.manual_seed(0)
        model: Any = get_peft_model(base.model, config).eval()
        voice = speaking(job.arena, model, method)
        ids, answer = base.prompt_ids(voice.framed("a0")), base.response_ids("yes", 6)[0]
        row = torch.tensor([[*ids, *answer]])
        labels = row.clone()
        labels[:, : len(ids)] = -100
        with torch.no_grad():
            loss = model(input_ids=row, labels=labels).loss
        assert voice.nats(["a0"], ["yes"]) == pytest.approx([float(loss) * len(answer)], rel=1e-4)


class TestGrid:
    @pytest.fixture
    def work(self, tmp_path: Path) -> Path:
        return tmp_path

    def go(self, arena: Arena, work: Path, plan: Plan = TINY) -> dict[str, Any]:
        class Opened:
            name = "tiny"

            def open(self, *_: object) -> Arena:
                return arena

        with Output() as output:
            run_task(Opened(), plan, None, work, work / "results", output)
        found: dict[str, Any] = json.loads((work / "results" / "tiny.json").read_text())
        return found

    def test_every_place_becomes_one_line_and_a_rerun_adds_none(
        self, arena: Arena, work: Path
    ) -> None:
        first = self.go(arena, work)
        assert len(first["cells"]) == len(list(grid(arena, TINY))) == 24
        assert self.go(arena, work) == first

    def test_a_rerun_goes_on_where_a_kill_left_half_a_line(self, arena: Arena, work: Path) -> None:
        whole = self.go(arena, work)
        lines = work / "tiny" / "cells.jsonl"
        lines.write_bytes(lines.read_bytes()[:-200])
        again = self.go(arena, work)
        keys = ("method", "user", "size", "seed", "wins")
        told = [{key: cell[key] for key in keys} for cell in again["cells"]]
        assert told == [{key: cell[key] for key in keys} for cell in whole["cells"]]

    def test_cells_of_another_base_or_other_prompts_are_not_mixed(
        self, arena: Arena, work: Path
    ) -> None:
        plan = dataclasses.replace(TINY, methods=("base",), seeds=1)
        self.go(arena, work, plan)
        with pytest.raises(DataError, match="another prompts: remove it"):
            self.go(arena, work, dataclasses.replace(plan, prompts=4))

    def test_references_have_no_size_and_examples_no_more_than_fit(self, arena: Arena) -> None:
        plan = dataclasses.replace(TINY, methods=tuple(LABELS), sizes=(1, 20), slow_sizes=(20,))
        places = list(grid(arena, plan))
        assert all((place.size == 0) == (place.method in REFERENCES) for place in places)
        assert {p.size for p in places if p.method == "in_context"} == {1}

    def test_a_search_tries_the_whole_grid_on_other_users_and_keeps_the_best(
        self, arena: Arena, tmp_path: Path
    ) -> None:
        peer = PEERS["steering_hidden"]
        tried = Records(tmp_path / "tried.jsonl")
        found = search(arena, peer, 3, tmp_path, users=None, every=1, tried=tried)
        assert {row["user"] for row in found["tried"]} == {"other"}
        assert len(found["tried"]) == len(peer.grid)
        best = max(row["win_rate"] for row in found["tried"])
        assert found["setting"] in [r["setting"] for r in found["tried"] if r["win_rate"] == best]
        assert chosen([found], "tiny", peer.name, 1) == found["setting"]
        assert chosen([found], "tiny", peer.name, 50) == {}
        kept = Records(tmp_path / "tried.jsonl")
        again = search(arena, peer, 3, tmp_path, users=None, every=1, tried=kept)
        assert again == found
        assert len(kept.rows) == len(peer.grid)


def cell(method: str, won: Sequence[float], size: int = 5, seed: int = 0) -> dict[str, Any]:
    return {"method": method, "user": "u", "size": size, "seed": seed, "wins": list(won)}


class TestStatistics:
    def test_a_method_differs_from_itself_by_nothing_at_all(self) -> None:
        cells = [cell("x", [0.1, 0.9, 0.4], seed=s) for s in range(3)]
        gap = statistics.difference(cells, cells)
        assert gap is not None
        assert (gap.mean, gap.low, gap.high) == (0, 0, 0)

    def test_a_difference_is_taken_on_the_cells_that_both_have(self) -> None:
        ours = [cell("x", [1.0, 1.0]), cell("x", [0.0, 0.0], size=50)]
        gap = statistics.difference(ours, [cell("y", [0.5, 0.5])])
        assert gap is not None
        assert (gap.mean, gap.cells) == (0.5, 1)
        assert statistics.difference(ours, [cell("y", [1.0], size=3)]) is None

    def test_what_prompts_do_to_both_methods_cancels(self) -> None:
        rng = np.random.default_rng(0)
        hard = [rng.random(40) for _ in range(3)]
        ours = [cell("x", h + 0.05, seed=s) for s, h in enumerate(hard)]
        theirs = [cell("y", h, seed=s) for s, h in enumerate(hard)]
        gap, alone = statistics.difference(ours, theirs), statistics.win_rate(ours)
        assert gap is not None
        assert alone is not None
        assert gap.low == pytest.approx(0.05)
        assert alone.high - alone.low > 0.1

    def test_the_interval_holds_the_mean_and_shrinks_with_prompts(self) -> None:
        rng = np.random.default_rng(1)
        widths = []
        for size in (20, 2000):
            found = statistics.win_rate([cell("x", rng.random(size))])
            assert found is not None
            assert found.low < found.mean < found.high
            widths.append(found.high - found.low)
        assert widths[1] < widths[0] / 5

    def test_ranks_share_equal_places_and_skip_columns_with_holes(self) -> None:
        rows = {"x": [0.9, 0.5, None], "y": [0.8, 0.5, 0.9], "z": [0.7, 0.5, 0.9]}
        assert statistics.ranks(rows) == {"x": 1.5, "y": 2.0, "z": 2.5}


class TestClassifiers:
    TEXTS = tuple(f"{kind} {number} things" for number in range(60) for kind in ("good", "bad"))
    LABELS = (0, 1) * 60

    def test_both_kinds_learn_what_can_be_learned(self) -> None:
        judge = Judge(self.TEXTS * 12, self.LABELS * 12)
        for classifier in (Labeller(self.TEXTS, self.LABELS), judge):
            assert accuracy(classifier, ["good 99 things", "bad 99 things"], [0, 1]) == 1

    def test_a_judge_is_the_same_every_time(self) -> None:
        found = [Judge(self.TEXTS, self.LABELS).probabilities(["good"]) for _ in range(2)]
        assert np.array_equal(*found)


class TestSummaries:
    def test_the_sample_is_read_as_the_public_format_that_it_is_in(self) -> None:
        found = prompts(SAMPLE)
        assert len(found) == 8
        assert all(p.startswith("SUBREDDIT: r/") and p.endswith("TL;DR:") for p in found)


class TestPage:
    FOUND = page.read(page.RESULTS)

    def test_the_committed_page_says_what_the_committed_results_say(self) -> None:
        written = page.PAGE.read_text(encoding="utf-8")
        assert written == page.page(self.FOUND), "run `python -m benchmarks report`"

    def test_every_picture_of_the_page_is_there(self) -> None:
        assert all(path.exists() for path in page.PLOTS.values())

    def test_a_cell_that_was_not_run_is_shown_as_not_run(self) -> None:
        found = {"cells": [cell("prefcli", [0.7, 0.8])], "users": ["u"]}
        rows = tables.win_rates(found).splitlines()
        ours = next(row for row in rows if row.startswith("| prefcli"))
        assert ours.count("not run") == len(tables.SIZES)
        others = [row for row in rows if row.startswith("| LoRA-DPO")]
        assert others[0].count("not run") == len(tables.SIZES) + 1

    def test_every_method_has_a_peer_and_a_name(self) -> None:
        assert set(PEERS) == set(LABELS)
        assert set(LEARNERS) | set(REFERENCES) == set(LABELS)


class TestCosts:
    def test_real_sizes_are_timed_with_both_methods(self) -> None:
        pytest.importorskip("trl", reason="the bench extra brings TRL")
        found = real_sizes.measure(tiny_base("qwen2"), pairs=2, tokens=5, rounds=1)
        assert set(found["seconds"]) == {"prefcli", "lora_dpo"}
        assert found["seconds"]["lora_dpo"] > found["seconds"]["prefcli"] > 0

    @pytest.mark.slow
    def test_the_commands_are_timed_as_processes(self) -> None:
        found = command.seconds([Pair("What is tea?", "A drink.", "It depends on many things.")])
        assert found["ingest"] > 0.05
        assert found["fit"] > 0.5
