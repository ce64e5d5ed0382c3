"""How many answers well-chosen questions save: `python -m benchmarks.ask`.

The five users of `judges` are asked about the embedded base's answers, once by `prefcli ask`, one
question in four plain, and once about two answers drawn at random from the same pool: each prompt
once, ties answered as ties. The pool is sampled and encoded once, and each of many draws sees a
random part of its prompts. After some numbers of answers the profile that `prefcli fit` would make
answers prompts about held-out topics, and the user's own utility says how often that beats the
base's answers. The figure: how many random questions give the win rate that n chosen ones give.

The table goes to stdout, everything measured to a JSON file.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.answers import (
    MAX_NEW_TOKENS,
    Model,
    Request,
    all_prompts,
    embedded_model,
    questions,
    stream,
)
from benchmarks.judges import USERS, wins
from benchmarks.machine import machine, versions
from prefcli.feedback.formats.questions import judged
from prefcli.feedback.records import encoding_key, text_prompt
from prefcli.latent.space import Space
from prefcli.output import Output
from prefcli.profile import Profile
from prefcli.services.ask import ANSWERS, PROMPTS_PER_QUESTION, Asker, Settings
from prefcli.services.candidates import Candidate, Pairs, encode_answers, sample_answers
from prefcli.services.sampling import TEMPERATURE, TOP_P
from prefcli.services.training_rows import training_rows
from prefcli.solvers.bradley_terry import fit_reward
from prefcli.store import Store

FloatArray = npt.NDArray[np.float64]

SIZES = {"ask": (2, 3, 5, 8, 12, 20), "random": (2, 3, 5, 8, 12, 20, 32)}
POOL = 160  # prompts
ASKED = 3  # held-out prompts that a profile answers
RIVALS = 6
HELD_OUT = 60
RESAMPLES = 1000


@dataclass(frozen=True)
class Fitted:
    """A profile after some answers."""

    user: str
    how: str
    draw: int
    answers: int
    z: FloatArray | None


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ask", description=__doc__)
    parser.add_argument("--draws", type=int, default=20, help="for each user; default 20")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/ask.json"))
    arguments = parser.parse_args()
    if arguments.draws < 2:
        parser.error("--draws must be at least 2")
    with Output() as output:
        found = measure(embedded_model(output.progress), arguments.draws)
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(found, indent=1, ensure_ascii=False)
        arguments.output.write_text(text + "\n", encoding="utf-8")
        output.text("\n".join(report(found)))


def measure(model: Model, draws: int) -> dict[str, Any]:
    """The whole benchmark, ready for JSON."""
    started = time.perf_counter()
    pool = sampled(model)
    fits: list[Fitted] = []
    with tempfile.TemporaryDirectory() as home, Store.open(Path(home)) as store:
        for draw in range(draws):
            part = drawn(pool, draw)
            for user in USERS:
                fits += ask_well(model.space, store, part, user, draw)
                fits += ask_at_random(model.space, part, user, draw)
            model.progress("asking", draw + 1, draws)
    rates = win_rates(model, fits)
    curves = {
        how: {
            user: np.array(
                [[rates[user, how, draw, size] for size in SIZES[how]] for draw in range(draws)]
            )
            for user in USERS
        }
        for how in SIZES
    }
    return {
        "benchmark": "ask",
        "base": model.base.fingerprint(),
        "space": model.space.fingerprint(),
        "draws": draws,
        "prompts_in_pool": POOL,
        "answers_per_prompt": ANSWERS,
        "answers_judged_per_profile": ASKED,
        "base_answers_per_prompt": RIVALS,
        "sizes": SIZES,
        "table": {
            how: {user: _round(curve.mean(axis=0)) for user, curve in users.items()}
            for how, users in curves.items()
        },
        "needed": needed(curves),
        "machine": machine(),
        "versions": versions(),
        "seconds": round(time.perf_counter() - started),
    }


def sampled(model: Model) -> list[Candidate]:
    """The answers that questions are made of, as `prefcli ask` samples and encodes them."""
    from prefcli.tiny import corpus

    asked = all_prompts(corpus.stage_one_topics(), stream("ask", "pool"))[:POOL]
    found = sample_answers(
        model.base,
        model.space,
        [text_prompt(prompt) for prompt in asked],
        count=ANSWERS,
        seed=stream("ask", "answers"),
        max_new_tokens=MAX_NEW_TOKENS,
        temperature=TEMPERATURE,
        top_p=TOP_P,
        progress=model.progress,
    )
    plain = {(prompt, text): alone for prompt, text, alone in found}
    encodings = encode_answers(model.base, model.space, list(plain))
    return [
        Candidate(prompt, text, alone, encodings[encoding_key(prompt, text)])
        for (prompt, text), alone in plain.items()
    ]


def drawn(pool: Sequence[Candidate], draw: int) -> list[Candidate]:
    """The answers to a random part of the prompts."""
    prompts = list(dict.fromkeys(candidate.prompt for candidate in pool))
    rng = np.random.default_rng(stream("ask", "draw", draw))
    count = PROMPTS_PER_QUESTION * max(SIZES["random"])
    kept = {prompts[i] for i in rng.permutation(len(prompts))[:count]}
    return [candidate for candidate in pool if candidate.prompt in kept]


def choose(user: str, a: str, b: str) -> str:
    """What the user answers."""
    first, second = USERS[user](a), USERS[user](b)
    return "tie" if first == second else "a" if first > second else "b"


def ask_well(
    space: Space, store: Store, part: Sequence[Candidate], user: str, draw: int
) -> list[Fitted]:
    """Profiles from the questions of `prefcli ask`."""
    most = max(SIZES["ask"])
    asker = Asker(
        store=store,
        user=f"{user}-{draw}",
        settings=Settings(most, seed=stream("ask", user, draw) % 2**31),
        space=space.fingerprint(),
        pairs=Pairs.of(part, space.size),
        history=[],
        encodings={},
        background=space.prior.mean.numpy().astype(np.float64),
    )
    found = []
    for number in range(1, most + 1):
        question = asker.next()
        assert question is not None
        asker.answer(question, choose(user, question.a, question.b))
        if number in SIZES["ask"]:
            z = profile(space, asker.belief.reward)
            found.append(Fitted(user, "ask", draw, number, z))
    return found


def ask_at_random(space: Space, part: Sequence[Candidate], user: str, draw: int) -> list[Fitted]:
    """Profiles from as many pairs of the pool, drawn at random, each prompt once."""
    rng = np.random.default_rng(stream("random", user, draw))
    pairs = Pairs.of(part, space.size)
    encodings = {encoding_key(c.prompt, c.response): c.encoding for c in part}
    said = []
    for prompt in rng.permutation(int(pairs.prompt.max()) + 1)[: max(SIZES["random"])]:
        row = rng.choice(np.flatnonzero(pairs.prompt == prompt))
        a, b = (pairs.answers[i] for i in pairs.index[row])
        choice = choose(user, a.response, b.response)
        said += judged({}, user, a.prompt, a.response, b.response, choice)
    background = space.prior.mean.numpy().astype(np.float64)
    found = []
    for size in SIZES["random"]:
        rows = training_rows(said[:size], encodings, space.size, background).rows
        found.append(Fitted(user, "random", draw, size, profile(space, fit_reward(rows))))
    return found


def profile(space: Space, reward: Any) -> FloatArray | None:
    """The z that `prefcli fit` would generate with."""
    made = Profile.from_reward("", space.fingerprint(), reward, space.config.rho)
    return made.latent(1.0)


def win_rates(model: Model, fits: Sequence[Fitted]) -> dict[tuple[str, str, int, int], float]:
    """How often each profile beats the base, by user, way of asking, draw and answers.

    In one draw all profiles of a user answer the same prompts with the same streams.
    """
    from prefcli.tiny import corpus

    asked = questions(corpus.held_out_topics(), HELD_OUT, stream("ask", "held out"))
    prompts = [question.prompt for question in asked]
    rivals = model.rivals("base", prompts, RIVALS, stream("ask", "base"))
    places = [[(f.draw * ASKED + i * 7) % HELD_OUT for i in range(ASKED)] for f in fits]
    requests = [
        Request(prompts[place], stream("ask", "profile", f.user, f.draw, place), f.z)
        for f, own in zip(fits, places, strict=True)
        for place in own
    ]
    texts = iter(model.answers("profiles", requests))
    return {
        (f.user, f.how, f.draw, f.answers): float(
            np.mean([wins(USERS[f.user], next(texts), rivals[place]) for place in own])
        )
        for f, own in zip(fits, places, strict=True)
    }


def needed(curves: Mapping[str, Mapping[str, FloatArray]]) -> list[dict[str, Any]]:
    """For each number of chosen questions: how many random ones give the same mean win rate.

    The mean is over users; the interval (90 %) comes from drawing the draws again.
    """
    stacked = {how: np.stack(list(users.values())) for how, users in curves.items()}  # (U, D, S)
    draws = stacked["ask"].shape[1]
    rng = np.random.default_rng(0)
    again = [rng.integers(draws, size=draws) for _ in range(RESAMPLES)]
    found = []
    for at, size in enumerate(SIZES["ask"]):
        counts = [_equal(stacked, at, picked) for picked in [np.arange(draws), *again]]
        low, high = np.quantile(counts[1:], [0.05, 0.95])
        found.append(
            {
                "ask": size,
                "win_rate": round(float(stacked["ask"][:, :, at].mean()), 4),
                "random": round(counts[0], 2),
                "random_interval": [round(float(low), 2), round(float(high), 2)],
                "at_least": counts[0] >= max(SIZES["random"]),
                "ratio": round(counts[0] / size, 2),
            }
        )
    return found


def _equal(stacked: Mapping[str, FloatArray], at: int, picked: npt.NDArray[np.intp]) -> float:
    """Random questions for the win rate of the chosen ones, between sizes by their logarithm.

    0 answers have the rate 1/2; beyond the most that were asked the most is returned.
    """
    target = float(stacked["ask"][:, picked, at].mean())
    rates = stacked["random"][:, picked].mean(axis=(0, 1))
    rates = np.maximum.accumulate(np.concatenate([[0.5], rates]))
    rates += 1e-9 * np.arange(len(rates))  # strictly rising, for the interpolation
    sizes = np.log1p(np.array([0, *SIZES["random"]], dtype=np.float64))
    return float(np.expm1(np.interp(target, rates, sizes)))


def report(found: Mapping[str, Any]) -> list[str]:
    """The table for people."""
    lines = []
    for how, sizes in SIZES.items():
        lines.append(f"{how:<14}" + "".join(f"{size:>7}" for size in sizes))
        for user, rates in found["table"][how].items():
            lines.append(f"  {user:<12}" + "".join(f"{rate:>7.2f}" for rate in rates))
        mean = np.mean(list(found["table"][how].values()), axis=0)
        lines.append(f"  {'mean':<12}" + "".join(f"{rate:>7.2f}" for rate in mean))
    for row in found["needed"]:
        low, high = row["random_interval"]
        least = "at least " if row["at_least"] else ""
        lines.append(
            f"{row['ask']} chosen questions: win rate {row['win_rate']:.2f}, as {least}"
            f"{row['random']:.1f} random ones ({low:.1f} to {high:.1f}): {row['ratio']:.2f} times"
        )
    return lines


def _round(values: FloatArray) -> list[float]:
    return [round(float(value), 4) for value in values]


if __name__ == "__main__":
    main()
