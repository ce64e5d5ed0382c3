"""The two methods of `prefcli fit` side by side: `python -m benchmarks.methods`.

Users, pairs, held-out prompts and judges are those of `styles`; so is what is measured. Both
methods see the same encoded pairs, and answer the same prompts. Seconds are CPU seconds of one
core, which other work on the machine does not change; reading the prompts counts for the policy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.answers import Model, Request, embedded_model, stream
from benchmarks.judges import USERS, Pair, TopicJudge, win_rate
from benchmarks.machine import machine, versions
from benchmarks.styles import HeldOut, feedback
from prefcli.feedback.records import Feedback, encoding_key, text_prompt
from prefcli.output import Output
from prefcli.profile import Profile
from prefcli.services.fit import BRADLEY_TERRY, LATENT_DPO
from prefcli.services.latent_dpo import PolicyFit
from prefcli.services.training_rows import training_rows
from prefcli.solvers.bradley_terry import fit_reward
from prefcli.store import Encoding
from prefcli.tiny import corpus
from prefcli.tiny.tastes import words

SIZES = (5, 50, 200)


@dataclass(frozen=True)
class Result:
    """One user served by one method.

    Args:
        user, method, pairs, seed: What was fitted.
        seconds: CPU seconds of the fit, once answers are encoded; held-out folds aside.
        bytes: Size of the profile.
        win_rate: Against the base, by the user's utility.
        on_topic: Share of answers about the prompt's topic.
        nats_per_token: NLL under the plain base.
        words: Mean length of an answer.
        apart: Mean distance between two prompts' z, 0 if all have the same.
    """

    user: str
    method: str
    pairs: int
    seed: int
    seconds: float
    bytes: int
    win_rate: float
    on_topic: float
    nats_per_token: float
    words: float
    apart: float


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.methods", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many runs; default 1")
    parser.add_argument("--users", nargs="+", choices=list(USERS), default=list(USERS))
    parser.add_argument("--pairs", nargs="+", type=int, default=list(SIZES), help="at most 200")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/methods.json"))
    arguments = parser.parse_args()
    with Output() as output:
        model = embedded_model(output.progress)
        found = [
            result
            for seed in range(arguments.seeds)
            for result in measure(model, seed, arguments.users, arguments.pairs)
        ]
        written = {
            "benchmark": "methods",
            "space": model.space.fingerprint(),
            "machine": machine(),
            "versions": versions(),
            "measured": [asdict(result) for result in found],
        }
        arguments.output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
        output.text(table(found))


def measure(model: Model, seed: int, users: Sequence[str], sizes: Sequence[int]) -> list[Result]:
    """Every user at every number of pairs by both methods."""
    held_out = HeldOut(model, TopicJudge(corpus.topics()), seed)
    prompts = [question.prompt for question in held_out.asked]
    features = model.space.read_prompts(model.base, [text_prompt(p) for p in prompts])
    found = []
    for user, pairs in feedback(model, seed).items():
        if user not in users:
            continue
        judged, encodings = encoded(model, user, pairs)
        for size in sizes:
            for method, fit in METHODS.items():
                started = time.process_time()
                blob = fit(model, user, judged[:size], encodings).to_bytes()
                seconds = time.process_time() - started
                profile = Profile.from_bytes(blob)
                points = [profile.latent(1.0, features=row) for row in features]
                requests = [
                    Request(prompt, stream(seed, user, size, i), z)
                    for i, (prompt, z) in enumerate(zip(prompts, points, strict=True))
                ]
                answers = model.answers(f"{user}, {size} pairs, {method}", requests)
                quality = held_out.quality(answers)
                found.append(
                    Result(
                        user=user,
                        method=method,
                        pairs=size,
                        seed=seed,
                        seconds=seconds,
                        bytes=len(blob),
                        win_rate=win_rate(USERS[user], answers, held_out.rivals),
                        on_topic=quality["on_topic"],
                        nats_per_token=quality["nats_per_token"],
                        words=statistics.fmean(map(words, answers)),
                        apart=_apart([z for z in points if z is not None]),
                    )
                )
    return found


def encoded(
    model: Model, user: str, pairs: Sequence[Pair]
) -> tuple[list[Feedback], dict[bytes, Encoding]]:
    """The pairs as feedback, and the encodings of their answers."""
    judged = [
        Feedback(user, "pair", text_prompt(pair.prompt), (pair.better, pair.worse))
        for pair in pairs
    ]
    answers = [(row.prompt, text) for row in judged for text in row.responses]
    found = {}
    for batch in model.space.encode(model.base, answers):
        for index, one in batch:
            mean, log_var = (x.astype("<f4").tobytes() for x in (one.mean, one.log_var))
            found[encoding_key(*answers[index])] = Encoding(mean, log_var, None, one.truncated)
    return judged, found


def _by_reward(
    model: Model, user: str, judged: Sequence[Feedback], encodings: dict[bytes, Encoding]
) -> Profile:
    size = model.space.size
    rows = training_rows(judged, encodings, size, np.zeros((0, size))).rows
    fingerprint, rho = model.space.fingerprint(), model.space.config.rho
    return Profile.from_reward(user, fingerprint, fit_reward(rows), rho)


def _by_policy(
    model: Model, user: str, judged: Sequence[Feedback], encodings: dict[bytes, Encoding]
) -> Profile:
    trained = PolicyFit(judged, encodings, model.base, model.space, model.progress)
    return trained.profile(user, model.space.fingerprint())


Fit = Callable[[Model, str, Sequence[Feedback], dict[bytes, Encoding]], Profile]
METHODS: dict[str, Fit] = {BRADLEY_TERRY: _by_reward, LATENT_DPO: _by_policy}


def _apart(points: Sequence[Any]) -> float:
    """Mean distance of two different points."""
    if len(points) < 2:
        return 0.0
    stack = np.stack(points)
    distances = np.linalg.norm(stack[:, None] - stack[None], axis=-1)
    return float(distances.sum() / (len(points) * (len(points) - 1)))


def table(found: Sequence[Result]) -> str:
    """Means over seeds, as people read them."""
    lines = [
        f"{'user':14}{'pairs':>6}  {'method':14}{'win rate':>9}{'on topic':>9}{'nll':>7}"
        f"{'words':>7}{'apart':>7}{'CPU s':>8}{'bytes':>7}"
    ]
    for key in dict.fromkeys((r.user, r.pairs, r.method) for r in found):
        own = [r for r in found if (r.user, r.pairs, r.method) == key]
        names = ("win_rate", "on_topic", "nats_per_token", "words", "apart", "seconds", "bytes")
        win, topic, nll, length, apart, seconds, size = (
            statistics.fmean(getattr(r, name) for r in own) for name in names
        )
        lines.append(
            f"{key[0]:14}{key[1]:>6}  {key[2]:14}{win:>9.3f}{topic:>9.3f}{nll:>7.3f}"
            f"{length:>7.1f}{apart:>7.2f}{seconds:>8.3f}{size:>7.0f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
