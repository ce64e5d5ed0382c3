"""Real people's votes, held out: `python -m benchmarks.individuals --data DIRECTORY`.

Each of some thousand workers said of pairs of arguments which convinces them more (Habernal and
Gurevych 2016, UKPConvArg1); they often disagree. For every worker with at least 20 votes, votes on
debates that the fit has not seen are predicted:

- `own`: from the worker's own votes on other debates, as `prefcli fit --user` does;
- `own + others`: the same under what the other workers have in common, as `prefcli fit --all` does;
- `others`: by what they have in common alone, fitted to nothing of the worker's own;
- `everybody`: by one reward fitted to all other workers' votes on other debates;
- `length`: the longer argument;
- `majority`: what most others said about that very pair, which has seen it: a ceiling.

The accuracy is worth what the base's encodings of such texts are worth, so it says first how many
bits per byte the arguments cost the base, against its own answers. About five minutes on two cores
for a base of some million weights.
"""

from __future__ import annotations

import argparse
import json
import runpy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.answers import FloatArray
from benchmarks.machine import machine, versions
from prefcli import tiny
from prefcli.feedback.records import text_prompt
from prefcli.latent.space import Space
from prefcli.loading import load_base
from prefcli.output import Output
from prefcli.solvers.bradley_terry import Rows, fit_fixed, fit_reward
from prefcli.solvers.population import Likelihoods, learn_population, likelihood

ARCHIVE = Path("ukpconvarg1") / "UKPConvArg1-full-XML.dev24.tar.xz"
RECIPE = Path(__file__).parent.parent / "docs" / "recipes" / "ukpconvarg1.py"
RESULT = "individuals.json"
FEWEST_VOTES = 20
FOLDS = 5
WAYS = ("own", "own + others", "others", "everybody", "length", "majority")


@dataclass(frozen=True)
class Vote:
    """One worker on two arguments; `better` and `worse` are (question, argument)."""

    worker: str
    debate: str
    better: tuple[str, str]
    worse: tuple[str, str]


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.individuals",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="where ukpconvarg1/ lies")
    parser.add_argument("--base", type=Path, default=tiny.base_directory())
    parser.add_argument("--space", type=Path, default=tiny.space_directory())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/individuals.json"))
    arguments = parser.parse_args()
    with Output() as output:
        found = measure(arguments.data, arguments.base, arguments.space, arguments.seed, output)
        write(found, arguments.output)
        output.text(table(found))


def measure(
    data: Path, base_directory: Path, space_directory: Path, seed: int, output: Output
) -> dict[str, Any]:
    """Everybody's held-out votes, predicted in every way; ready for JSON."""
    votes = list(read(data / ARCHIVE))
    base = load_base(base_directory, "cpu", "float32")
    space = Space.load(space_directory)
    space.attach(base)
    texts = sorted({text for vote in votes for text in (vote.better, vote.worse)})
    asked = [(text_prompt(question), argument) for question, argument in texts]
    points: dict[tuple[str, str], FloatArray] = {}
    for batch in space.encode(base, asked):
        for index, encoded in batch:
            points[texts[index]] = encoded.mean.astype(np.float64)
        output.progress("encoding arguments", len(points), len(texts))
    some = asked[:: max(1, len(asked) // 64)]
    bits = float(np.median([b for b in space.bits_per_byte(base, some) if b is not None]))
    scores, voters = predict(votes, points, seed, output)
    return {
        "machine": machine(),
        "versions": versions(),
        "seed": seed,
        "base": base.fingerprint(),
        "space": space.fingerprint(),
        "directions": space.size,
        "bits_per_byte": round(bits, 3),
        "own_bits_per_byte": list(space.config.own_bits_per_byte),
        "votes": len(votes),
        "workers": len({vote.worker for vote in votes}),
        "measured_workers": voters,
        "accuracy": scores,
    }


def write(found: dict[str, Any], path: Path) -> None:
    """Keep what was measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def read(archive: Path) -> Iterator[Vote]:
    """Every vote that prefers one of two arguments."""
    recipe = runpy.run_path(str(RECIPE))
    for file in recipe["files"](str(archive)):
        for row in recipe["votes"](file):
            if row["winner"] == "tie":
                continue
            sides = [
                tuple(turn["content"] for turn in row[name])
                for name in ("conversation_a", "conversation_b")
            ]
            if sides[0] == sides[1]:
                continue
            better, worse = sides if row["winner"] == "model_a" else sides[::-1]
            yield Vote(row["judge"], better[0].splitlines()[0], better, worse)


def rows_of(votes: Sequence[Vote], points: dict[tuple[str, str], FloatArray]) -> Rows:
    """What a fit gets from these votes."""
    size = len(next(iter(points.values())))
    return Rows(
        np.array([points[vote.better] for vote in votes]).reshape(len(votes), size),
        np.array([points[vote.worse] for vote in votes]).reshape(len(votes), size),
    )


def predict(
    votes: Sequence[Vote], points: dict[tuple[str, str], FloatArray], seed: int, output: Output
) -> tuple[list[dict[str, Any]], int]:
    """Mean accuracy over workers of each way, and how many workers were measured."""
    debates = sorted({vote.debate for vote in votes})
    np.random.default_rng(seed).shuffle(debates)
    fold = {debate: number % FOLDS for number, debate in enumerate(debates)}
    by_worker: dict[str, list[Vote]] = defaultdict(list)
    said: dict[frozenset[tuple[str, str]], dict[str, tuple[str, str]]] = defaultdict(dict)
    for vote in votes:
        by_worker[vote.worker].append(vote)
        said[frozenset((vote.better, vote.worse))][vote.worker] = vote.better
    chosen = [name for name in sorted(by_worker) if len(by_worker[name]) >= FEWEST_VOTES]
    right: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in chosen}
    for number in range(FOLDS):
        seen = {
            name: kept
            for name, each in by_worker.items()
            if (kept := [vote for vote in each if fold[vote.debate] != number])
        }
        names = sorted(seen)
        summed = [likelihood(rows_of(seen[name], points)) for name in names]
        population = learn_population(
            names, Likelihoods(np.array([p for p, _ in summed]), np.array([h for _, h in summed]))
        )
        assert population is not None
        everything = rows_of([vote for name in names for vote in seen[name]], points)
        # One worker among thousands moves this by next to nothing, and has not seen these debates.
        everybody = fit_fixed(everything, 0.4)
        for done, name in enumerate(chosen, start=1):
            unseen = [vote for vote in by_worker[name] if fold[vote.debate] == number]
            own = rows_of(seen.get(name, []), points)
            if not unseen:
                continue
            asked, prior = rows_of(unseen, points), population.prior(name)
            rewards = {
                "own": fit_reward(own),
                "own + others": fit_reward(own, prior),
                "others": fit_reward(rows_of([], points), prior),
                "everybody": everybody,
            }
            for way, reward in rewards.items():
                margin = reward(asked.chosen) - reward(asked.rejected)
                right[name][way] += (0.5 + 0.5 * np.sign(margin)).tolist()
            for vote in unseen:
                longer = np.sign(len(vote.better[1]) - len(vote.worse[1]))
                right[name]["length"].append(float(0.5 + 0.5 * longer))
                others = said[frozenset((vote.better, vote.worse))]
                agree = [
                    1 if side == vote.better else -1 for w, side in others.items() if w != name
                ]
                if agree:
                    right[name]["majority"].append(0.5 + 0.5 * float(np.sign(sum(agree))))
            output.progress(f"fold {number + 1} of {FOLDS}", done, len(chosen))
    scores = []
    own_scores = np.array([np.mean(right[name]["own"]) for name in chosen])
    for way in WAYS:
        each = np.array([np.mean(right[name][way]) for name in chosen])
        low, high = _interval(each, seed)
        against = _interval(each - own_scores, seed)
        scores.append(
            {
                "way": way,
                "accuracy": round(float(each.mean()), 4),
                "interval": [low, high],
                "against_own": list(against),
            }
        )
    return scores, len(chosen)


def _interval(values: FloatArray, seed: int) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean over workers."""
    means = np.random.default_rng(seed).choice(values, (2000, len(values))).mean(1)
    low, high = (round(float(q), 4) for q in np.quantile(means, (0.025, 0.975)))
    return low, high


def table(found: dict[str, Any]) -> str:
    """What was measured, for a terminal of 80 columns."""
    lines = [
        f"{found['votes']} votes of {found['workers']} workers; {found['measured_workers']} with "
        f"{FEWEST_VOTES} and more",
        f"arguments cost the base {found['bits_per_byte']:.2f} bits per byte, its own answers at "
        f"most {found['own_bits_per_byte'][1]:.2f}",
        "",
        f"{'predicted by':<14}{'accuracy':>9}   95 % interval     against own",
    ]
    for row in found["accuracy"]:
        low, high = row["interval"]
        worse, better = row["against_own"]
        lines.append(
            f"{row['way']:<14}{row['accuracy']:>9.3f}   {low:.3f} .. {high:.3f}   "
            f"{worse:+.3f} .. {better:+.3f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
