"""How well profiles serve five users of known taste: `python -m benchmarks.styles`.

The embedded base answers questions about the topics of stage 1; each user picks the better of two
answers by a utility that the method never sees (`judges`). From 1, 5, 50 and 200 such pairs a
profile is fitted, with the code of `prefcli fit`, and generates answers about topics that are in
no feedback and in no prompt of stage 1. The user's utility then tells how often they beat the
base's own answers to the same prompt; the base itself scores one half, and an oracle that searches
z directly (`oracle`) shows how much could be had.

The table goes to stdout, progress to stderr, everything measured to a JSON file. Three seeds take
about ten minutes on two idle cores.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.answers import (
    MAX_NEW_TOKENS,
    FloatArray,
    Model,
    Request,
    all_prompts,
    questions,
    stream,
)
from benchmarks.judges import USERS, Pair, TopicJudge, distinct_2, judge_pair, win_rate
from benchmarks.machine import machine, versions
from benchmarks.oracle import Found, SearchPlan, search
from benchmarks.report import Fitted, Measured, Source
from prefcli import tiny
from prefcli.errors import DataError, PrefcliError
from prefcli.latent.space import Space
from prefcli.loading import load_base
from prefcli.output import Output
from prefcli.profile import Profile
from prefcli.solvers.bradley_terry import Rows, fit_reward
from prefcli.tiny import corpus
from prefcli.tiny.tastes import words

PAIRS = 200
DRAWS = {1: 2, 5: 2, 50: 2, PAIRS: 1}  # pairs -> random subsets of a user's pairs
PROMPTS = 60  # held-out prompts per seed
RIVALS = 6  # the base's answers to each of them
ROUND = 64  # prompts answered at once while the pool of pairs grows
SOLVES = 5


@dataclass(frozen=True)
class Profiled:
    """One fit, and the z it generates with; None if it learned nothing."""

    fit: Fitted
    z: FloatArray | None


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.styles",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many runs; default 3")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/styles.json"))
    parser.add_argument("--base", type=Path, default=tiny.base_directory())
    parser.add_argument("--space", type=Path, default=tiny.space_directory())
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds must be at least 1")
    with Output() as output:
        try:
            base = load_base(arguments.base, "cpu", "float32")
            space = Space.load(arguments.space)
            space.attach(base)
            found = measure(Model(base, space, output.progress), range(arguments.seeds))
        except PrefcliError as error:
            output.error(error.message, error.details)
            raise SystemExit(error.exit_code) from error
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(
            json.dumps(_rounded(found["results"]), indent=1, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )
        output.text(found["text"])


def measure(model: Model, seeds: Sequence[int], plan: SearchPlan | None = None) -> dict[str, Any]:
    """The whole benchmark.

    Returns:
        `text`: the report; `results`: everything measured, ready for JSON.
    """
    started = time.perf_counter()
    plan = plan or SearchPlan()
    profiles: list[Profiled] = []
    encode_seconds: list[float] = []
    for seed in seeds:
        for user, pairs in feedback(model, seed).items():
            fits, seconds = fit_user(model, user, pairs, seed)
            profiles += fits
            encode_seconds.append(seconds)
    candidates = {
        user: [p.z for p in profiles if p.z is not None and p.fit.user == user] for user in USERS
    }
    oracles = search(model, USERS, candidates, plan)
    judge = TopicJudge(corpus.topics())
    measured: list[Measured] = []
    examples: list[dict[str, Any]] = []
    for seed in seeds:
        held_out = HeldOut(model, judge, seed)
        measured.append(held_out.of_base())
        own = [p for p in profiles if p.fit.seed == seed]
        for result, shown in held_out.of_users(own, oracles):
            measured.append(result)
            if seed == seeds[0] and result.draw == 0:
                examples.append({"user": result.user, "pairs": result.source, **shown})
    fitted = [p.fit for p in profiles]
    table = report.lines(measured)
    judged = report.aims(table, fitted)
    base = [m for m in measured if m.source == "base"]
    encode = statistics.median(encode_seconds)
    seconds = time.perf_counter() - started
    footer = (
        f"encoding {2 * PAIRS} answers, once: {encode:.2f} s, median. Space "
        f"{model.space.fingerprint()}: {model.space.size}\n"
        f"directions, reach {model.space.config.rho:g}. {len(seeds)} seeds, {seconds:.0f} s."
    )
    results = {
        "benchmark": "styles",
        "seeds": list(seeds),
        "base": model.base.fingerprint(),
        "space": model.space.fingerprint(),
        "directions": model.space.size,
        "rho": model.space.config.rho,
        "prompts_per_seed": PROMPTS,
        "base_answers_per_prompt": RIVALS,
        "subsets": DRAWS,
        "max_new_tokens": MAX_NEW_TOKENS,
        "search": asdict(plan),
        "machine": machine(),
        "versions": versions(),
        "seconds": seconds,
        "encode_seconds": encode_seconds,
        "aims": [asdict(aim) for aim in judged],
        "table": [asdict(line) for line in table],
        "measured": [asdict(m) for m in measured],
        "fits": [asdict(fit) for fit in fitted],
        "oracles": {name: {**asdict(o), "z": o.z.tolist()} for name, o in oracles.items()},
        "examples": examples,
    }
    return {"text": f"{report.text(table, judged, base)}\n{footer}", "results": results}


def feedback(model: Model, seed: int) -> dict[str, list[Pair]]:
    """`PAIRS` pairs for every user, judged from one pool of the base's answers.

    Pairs that a user finds equally good are passed over; the pool grows until all have enough.

    Raises:
        DataError: the prompts do not suffice.
    """
    prompts = all_prompts(corpus.stage_one_topics(), stream(seed, "pool"))
    found: dict[str, list[Pair]] = {user: [] for user in USERS}
    for start in range(0, len(prompts), ROUND):
        asked = prompts[start : start + ROUND]
        requests = [
            Request(prompt, stream(seed, "pool", start + i, side))
            for i, prompt in enumerate(asked)
            for side in (0, 1)
        ]
        answers = model.answers(f"seed {seed}, pairs", requests)
        for prompt, first, second in zip(asked, answers[::2], answers[1::2], strict=True):
            for user, utility in USERS.items():
                pair = judge_pair(utility, prompt, first, second)
                if pair and len(found[user]) < PAIRS:
                    found[user].append(pair)
        if all(len(pairs) == PAIRS for pairs in found.values()):
            return found
    raise DataError(f"the base's answers to {len(prompts)} prompts give too few unequal pairs")


def fit_user(
    model: Model, user: str, pairs: Sequence[Pair], seed: int
) -> tuple[list[Profiled], float]:
    """Profiles from random subsets of one user's pairs, and the seconds to encode all pairs."""
    answers = [(pair.prompt, text) for pair in pairs for text in (pair.better, pair.worse)]
    started = time.perf_counter()
    points = model.encode(answers)
    encode_seconds = time.perf_counter() - started
    found = []
    for size, draws in DRAWS.items():
        for draw in range(draws):
            rng = random.Random(stream(seed, user, size, draw))
            chosen = np.array(rng.sample(range(len(pairs)), size))
            rows = Rows(chosen=points[2 * chosen], rejected=points[2 * chosen + 1])
            found.append(_fit(model.space, user, rows, seed, draw))
    return found, encode_seconds


def _fit(space: Space, user: str, rows: Rows, seed: int, draw: int) -> Profiled:
    """What `prefcli fit` does once answers are encoded."""
    fingerprint, seconds = space.fingerprint(), []
    for _ in range(SOLVES):
        started = time.perf_counter()
        profile = Profile.from_reward(
            user=user,
            space=fingerprint,
            reward=fit_reward(rows),
            rho=space.config.rho,
        )
        seconds.append(time.perf_counter() - started)
    size = len(rows.chosen)
    cost = Fitted(user, size, seed, draw, statistics.median(seconds), len(profile.to_bytes()))
    return Profiled(cost, profile.latent(1.0))


class HeldOut:
    """One run's questions about held-out topics, and the base's answers to them."""

    def __init__(self, model: Model, judge: TopicJudge, seed: int) -> None:
        self.model = model
        self.judge = judge
        self.seed = seed
        self.asked = questions(corpus.held_out_topics(), PROMPTS, stream(seed, "held out"))
        prompts = [question.prompt for question in self.asked]
        self.rivals = model.rivals(f"seed {seed}, base", prompts, RIVALS, stream(seed, "base"))

    def of_base(self) -> Measured:
        """The base's own answers: the mean of its sets, one answer per prompt in each."""
        sets = [[answers[i] for answers in self.rivals] for i in range(RIVALS)]
        each = [self.quality(answers) for answers in sets]
        quality = {name: statistics.fmean(q[name] for q in each) for name in each[0]}
        return Measured("", "base", self.seed, 0, win_rate=0.5, **quality)

    def of_users(
        self, profiles: Sequence[Profiled], oracles: Mapping[str, Found]
    ) -> Iterator[tuple[Measured, dict[str, str]]]:
        """Every profile and oracle measured, each with one prompt and its answer."""
        jobs: list[tuple[str, Source, int, FloatArray | None]] = [
            (p.fit.user, p.fit.pairs, p.fit.draw, p.z) for p in profiles
        ]
        jobs += [(user, "oracle", 0, oracle.z) for user, oracle in oracles.items()]
        requests = [
            Request(question.prompt, stream(self.seed, "profile", i), z)
            for *_, z in jobs
            for i, question in enumerate(self.asked)
        ]
        texts = self.model.answers(f"seed {self.seed}, profiles", requests)
        for number, (user, source, draw, _) in enumerate(jobs):
            answers = texts[number * PROMPTS : (number + 1) * PROMPTS]
            rate = win_rate(USERS[user], answers, self.rivals)
            quality = self.quality(answers)
            result = Measured(user, source, self.seed, draw, win_rate=rate, **quality)
            yield result, {"prompt": self.asked[0].prompt, "answer": answers[0]}

    def quality(self, answers: Sequence[str]) -> dict[str, float]:
        """What no user was asked about."""
        about = [
            self.judge.share(question.topic, answer)
            for question, answer in zip(self.asked, answers, strict=True)
        ]
        prompts = [question.prompt for question in self.asked]
        return {
            "on_topic": statistics.fmean(about),
            "distinct_2": distinct_2(answers),
            "nats_per_token": self.model.nats_per_token(list(zip(prompts, answers, strict=True))),
            "words": statistics.fmean(map(words, answers)),
        }


def _rounded(value: Any) -> Any:
    """`value` with numbers of six digits, and null for NaN, which JSON does not know."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


if __name__ == "__main__":
    main()
