"""What a prior over users is worth to somebody who said little: `python -m benchmarks.cold_start`.

Made-up users judge pairs of the embedded base's answers with noise, each by a utility of their own
over what can be read off a text. They are drawn from populations of three kinds: `groups` (three
kinds of taste, and how each person differs from their kind), `common` (one taste, likewise) and
`unrelated` (nothing in common: a prior can only hurt). From all of them a prior is learned, as
`prefcli fit --all` does, and some are fitted from 1 to 200 pairs with and without it. Nobody's
prior has seen their own judgements. What counts is how often the reward agrees with the utility
about pairs of answers on topics that are in no feedback and in no prompt of stage 1.

The table goes to stdout, everything measured to a JSON file. About four minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.answers import FloatArray, Model, Request, all_prompts, embedded_model, stream
from benchmarks.machine import machine, versions
from prefcli.output import Output
from prefcli.solvers.bradley_terry import Rows, fit_reward
from prefcli.solvers.population import Likelihoods, Population, learn_population, likelihood
from prefcli.tiny import corpus, tastes

SIZES = (1, 3, 5, 10, 20, 50, 100, 200)
NOISE = 0.7  # a difference in utility of one standard deviation is judged rightly in 0.81 of cases
APART = 0.5  # standard deviation of a person's coefficients around their kind's
FEATURES = (
    tastes.words,
    tastes.warm_marks,
    tastes.emoji,
    tastes.formal_marks,
    tastes.items,
    tastes.hedges,
    lambda text: float(tastes.has_example(text)),
    lambda text: float(tastes.asks(text)),
)
CENTRES = {
    # words, warm, emoji, formal, items, hedges, example, asks
    "groups": [
        [-1.0, 0.7, 0.7, -0.5, -0.5, 0.0, 0.0, 0.0],
        [0.6, -0.3, -0.7, 1.0, 0.7, 0.0, 0.3, 0.0],
        [0.3, 0.3, 0.0, -0.7, 0.0, -1.0, 0.7, 0.5],
    ],
    "common": [[-0.5, 0.7, 0.5, -0.5, 0.5, -0.7, 0.3, 0.0]],
}


@dataclass(frozen=True, eq=False)
class Pool:
    """Pairs of the base's answers to one prompt.

    Args:
        first, second: Encodings (n, d).
        difference: Of what is read off the texts (n, F), in standard deviations.
    """

    first: FloatArray
    second: FloatArray
    difference: FloatArray


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cold_start",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--users", type=int, default=500, help="in each population; default 500")
    parser.add_argument("--fitted", type=int, default=100, help="of them fitted; default 100")
    parser.add_argument("--prompts", type=int, default=700, help="for the judgements; default 700")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/cold_start.json"))
    arguments = parser.parse_args()
    with Output() as output:
        model = embedded_model(output.progress)
        seen = pool(model, corpus.stage_one_topics(), arguments.prompts, arguments.seed)
        unseen = pool(model, corpus.held_out_topics(), 300, arguments.seed)
        rows = [
            row
            for kind in ("groups", "common", "unrelated")
            for row in cold_start(kind, seen, unseen, arguments, output)
        ]
        content = {
            "machine": machine(),
            "versions": versions(),
            "seed": arguments.seed,
            "users": arguments.users,
            "fitted": arguments.fitted,
            "noise": NOISE,
            "rows": rows,
        }
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        output.text(table(rows))


def pool(model: Model, topics: Sequence[Any], prompts: int, seed: int) -> Pool:
    """Two answers to each of `prompts` prompts about these topics."""
    asked = all_prompts(list(topics), stream(seed, "cold"))[:prompts]
    requests = [
        Request(prompt, stream(seed, "cold", prompt, side)) for prompt in asked for side in (0, 1)
    ]
    texts = model.answers("answers", requests)
    points = model.encode([(r.prompt, text) for r, text in zip(requests, texts, strict=True)])
    read = np.array([[float(feature(text)) for feature in FEATURES] for text in texts])
    read = (read - read.mean(0)) / read.std(0)
    return Pool(points[::2], points[1::2], read[::2] - read[1::2])


def utilities(kind: str, users: int, rng: np.random.Generator) -> FloatArray:
    """Coefficients (users, F) of each user's utility."""
    apart = rng.standard_normal((users, len(FEATURES)))
    if kind == "unrelated":
        return apart * 0.75
    centres = np.array(CENTRES[kind])
    return centres[rng.integers(len(centres), size=users)] + APART * apart


def judged(pool: Pool, utility: FloatArray, count: int, rng: np.random.Generator) -> Rows:
    """`count` noisy judgements of one user, each about another prompt."""
    chosen = rng.choice(len(pool.first), count, replace=False)
    margin = pool.difference[chosen] @ utility / (NOISE * np.linalg.norm(utility))
    first = (rng.random(count) < 1 / (1 + np.exp(-margin)))[:, None]
    return Rows(
        chosen=np.where(first, pool.first[chosen], pool.second[chosen]),
        rejected=np.where(first, pool.second[chosen], pool.first[chosen]),
    )


def cold_start(
    kind: str, seen: Pool, unseen: Pool, arguments: argparse.Namespace, output: Output
) -> list[dict[str, Any]]:
    """How well the users of one population are served after few and many pairs."""
    rng = np.random.default_rng([arguments.seed, len(kind)])
    wanted = utilities(kind, arguments.users, rng)
    names = [f"{kind}-{i}" for i in range(arguments.users)]
    # Most people say little: 3 to 100 judgements, half of them below 18.
    counts = np.exp(rng.uniform(np.log(3), np.log(100), arguments.users)).astype(int)
    started = time.perf_counter()
    said = [
        likelihood(judged(seen, utility, int(count), rng))
        for utility, count in zip(wanted, counts, strict=True)
    ]
    summed = time.perf_counter()
    population = learn_population(
        names, Likelihoods(np.array([p for p, _ in said]), np.array([h for _, h in said]))
    )
    assert population is not None
    learned = time.perf_counter()
    found: dict[int, list[tuple[float, float, float]]] = {size: [] for size in SIZES}
    for number in range(arguments.fitted):
        every = judged(seen, wanted[number], max(SIZES), rng)
        for size in SIZES:
            mask = np.arange(max(SIZES)) < size
            rows = every.take(mask, np.zeros(0, dtype=bool))
            found[size].append(compare(rows, population, names[number], wanted[number], unseen))
        output.progress(f"users, {kind}", number + 1, arguments.fitted)
    return [
        {
            "population": kind,
            "pairs": size,
            "components": len(population.groups[0]),
            "without": round(float(np.mean([a for a, _, _ in each])), 4),
            "with": round(float(np.mean([b for _, b, _ in each])), 4),
            "gain": round(float(np.mean([b - a for a, b, _ in each])), 4),
            "interval": interval([b - a for a, b, _ in each], arguments.seed),
            "share": round(float(np.mean([c for _, _, c in each])), 3),
            "likelihood_seconds": round(summed - started, 2),
            "learn_seconds": round(learned - summed, 2),
        }
        for size, each in found.items()
    ]


def compare(
    rows: Rows, population: Population, name: str, utility: FloatArray, unseen: Pool
) -> tuple[float, float, float]:
    """Agreement without and with the prior, and what share the prior has in the fit."""
    alone, together = fit_reward(rows), fit_reward(rows, population.prior(name))
    margin = unseen.difference @ utility
    agree = [
        float(np.mean(np.sign(reward(unseen.first) - reward(unseen.second)) == np.sign(margin)))
        for reward in (alone, together)
    ]
    return agree[0], agree[1], together.population


def interval(gains: Sequence[float], seed: int) -> list[float]:
    """The 95 % bootstrap interval of the mean gain over users."""
    rng = np.random.default_rng(seed)
    means = rng.choice(gains, (2000, len(gains))).mean(1)
    return [round(float(q), 4) for q in np.quantile(means, (0.025, 0.975))]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """What was measured, for a terminal of 80 columns."""
    lines = [
        "agreement with the user about pairs of answers on other topics",
        "population  components  pairs  without   with    gain  95 % interval     share",
    ]
    for row in rows:
        low, high = row["interval"]
        lines.append(
            f"{row['population']:<12}{row['components']:>10}{row['pairs']:>7}"
            f"{row['without']:>9.3f}{row['with']:>7.3f}{row['gain']:>+8.3f}"
            f"  {low:+.3f} .. {high:+.3f}{row['share']:>8.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
