"""How well a fit reads a taste: `python -m benchmarks.fit`.

The five users of `judges` judge the embedded base's answers; the reward fitted from it is asked
which of two answers on other topics they prefer, which topics are in no feedback and in no prompt
of stage 1. That needs no generation, so every cell is a mean over many draws of the judgements:

- 1 to 200 pairs of which none, 10, 20 or 30 % are judged the wrong way round, by a linear reward
  and by the one that `prefcli fit` learns;
- as many judgements of each kind, alone and mixed: pairs, pairs of three strengths, thumbs, ratings
  from 1 to 5, rankings of four answers, demonstrations.

The tables go to stdout, everything measured to a JSON file. About five minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.answers import FloatArray, Model, Request, all_prompts, embedded_model, stream
from benchmarks.judges import USERS
from benchmarks.machine import machine, versions
from prefcli.feedback.records import Feedback, Kind, Prompt, encoding_key, text_prompt
from prefcli.output import Output
from prefcli.services.training_rows import training_rows
from prefcli.solvers.bradley_terry import Rows, fit_fixed, fit_reward
from prefcli.solvers.features import WEIGHT_SCALES
from prefcli.solvers.reward import Reward
from prefcli.store import Encoding
from prefcli.tiny import corpus
from prefcli.tiny.tastes import Utility

SIZES = (1, 3, 5, 10, 20, 50, 100, 200)
FLIPS = (0.0, 0.1, 0.2, 0.3)
KIND_SIZES = (5, 20, 50, 100)
ANSWERS = 4  # to each prompt


@dataclass(frozen=True, eq=False)
class Answered:
    """Prompts, and the base's answers to each of them.

    Args:
        prompts: (n,)
        texts: `ANSWERS` to each.
        points: Their encodings (n, ANSWERS, d).
    """

    prompts: Sequence[Prompt]
    texts: Sequence[Sequence[str]]
    points: FloatArray

    def encodings(self) -> dict[bytes, Encoding]:
        """The encodings as a fit finds them in the cache."""
        return {
            encoding_key(prompt, text): Encoding(point.astype("<f4").tobytes(), b"")
            for prompt, texts, points in zip(self.prompts, self.texts, self.points, strict=True)
            for text, point in zip(texts, points, strict=True)
        }


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--draws", type=int, default=20, help="of the judgements; default 20")
    parser.add_argument("--prompts", type=int, default=400, help="for the judgements; default 400")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/fit.json"))
    arguments = parser.parse_args()
    with Output() as output:
        model = embedded_model(output.progress)
        seen = answered(model, corpus.stage_one_topics(), arguments.prompts, arguments.seed)
        unseen = answered(model, corpus.held_out_topics(), 150, arguments.seed)
        noise = noisy_pairs(seen, unseen, arguments, output)
        kinds = every_kind(seen, unseen, model.space.prior.mean.double().numpy(), arguments, output)
        content = {
            "machine": machine(),
            "versions": versions(),
            "seed": arguments.seed,
            "draws": arguments.draws,
            "pairs": noise,
            "kinds": kinds,
        }
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        output.text(tables(noise, kinds))


def answered(model: Model, topics: Sequence[Any], prompts: int, seed: int) -> Answered:
    """Different answers to each of `prompts` prompts about these topics."""
    asked = all_prompts(list(topics), stream(seed, "fit"))[:prompts]
    requests = [
        Request(prompt, stream(seed, "fit", prompt, number))
        for prompt in asked
        for number in range(ANSWERS)
    ]
    texts = model.answers("answers", requests)
    points = model.encode([(r.prompt, text) for r, text in zip(requests, texts, strict=True)])
    return Answered(
        [text_prompt(prompt) for prompt in asked],
        [texts[i : i + ANSWERS] for i in range(0, len(texts), ANSWERS)],
        points.reshape(len(asked), ANSWERS, -1),
    )


def agreement(reward: Reward, unseen: Answered, values: FloatArray) -> float:
    """How often the reward prefers what the user prefers, over all pairs of answers to a prompt."""
    size = unseen.points.shape[-1]
    rewards = reward(unseen.points.reshape(-1, size)).reshape(values.shape)
    right = total = 0.0
    for i in range(ANSWERS):
        for j in range(i):
            wanted = np.sign(values[:, i] - values[:, j])
            got = np.sign(rewards[:, i] - rewards[:, j])
            right += float((0.5 + 0.5 * wanted * got)[wanted != 0].sum())
            total += float((wanted != 0).sum())
    return right / total


def judged_by(utility: Utility, answered: Answered) -> FloatArray:
    """What the user thinks of every answer, (n, ANSWERS)."""
    return np.array([[utility(text) for text in texts] for texts in answered.texts])


def linear(rows: Rows) -> Reward:
    """The likeliest linear reward."""
    found = [fit_fixed(rows, scale) for scale in WEIGHT_SCALES]
    return max(found, key=lambda reward: reward.log_evidence)


def noisy_pairs(
    seen: Answered, unseen: Answered, arguments: argparse.Namespace, output: Output
) -> list[dict[str, Any]]:
    """Agreement by user, number of pairs, share of slips and kind of reward."""
    found = []
    for user, utility in USERS.items():
        mine, theirs = judged_by(utility, seen), judged_by(utility, unseen)
        apart = np.argwhere(mine[:, 0] != mine[:, 1])[:, 0]
        cells: dict[tuple[int, float, str], list[float]] = {}
        for draw in range(arguments.draws):
            rng = np.random.default_rng([arguments.seed, draw])
            order = rng.permutation(apart)[: max(SIZES)]
            slip = rng.random(len(order))
            for flips in FLIPS:
                first = (mine[order, 0] > mine[order, 1]) != (slip < flips)
                chosen = np.where(first[:, None], seen.points[order, 0], seen.points[order, 1])
                rejected = np.where(first[:, None], seen.points[order, 1], seen.points[order, 0])
                for size in SIZES:
                    rows = Rows(chosen[:size], rejected[:size])
                    for name, fit in (("linear", linear), ("full", fit_reward)):
                        value = agreement(fit(rows), unseen, theirs)
                        cells.setdefault((size, flips, name), []).append(value)
            output.progress(f"pairs, {user}", draw + 1, arguments.draws)
        found += [
            {
                "user": user,
                "pairs": size,
                "flipped": flips,
                "reward": name,
                "agreement": round(float(np.mean(values)), 4),
                "deviation": round(float(np.std(values)), 4),
            }
            for (size, flips, name), values in cells.items()
        ]
    return found


class Judge:
    """One user saying things of every kind about answers, one prompt at a time."""

    def __init__(self, seen: Answered, values: FloatArray) -> None:
        self.seen = seen
        self.values = values
        gaps = np.abs(values[:, 0] - values[:, 1])
        self.strengths = np.quantile(gaps[gaps > 0], (1 / 3, 2 / 3))
        self.steps = np.quantile(values, (0.2, 0.4, 0.6, 0.8))
        self.middle = float(np.median(values))
        self.good = float(np.quantile(values, 0.75))

    def pair(self, number: int, strength: bool = False) -> Feedback | None:
        """The better of the first two answers; None where neither is."""
        first, second = self.values[number, :2]
        if first == second:
            return None
        texts = self.seen.texts[number][:2]
        said: dict[str, Any] = {}
        if strength:
            level = 1 + int(np.digitize(abs(first - second), self.strengths))
            said = {"strength": float(level), "low": 1.0, "high": 3.0}
        return self._say("pair", number, texts if first > second else texts[::-1], 1.0, **said)

    def strong_pair(self, number: int) -> Feedback | None:
        """The same, and how much better."""
        return self.pair(number, strength=True)

    def thumb(self, number: int) -> Feedback:
        """Up for what is better than most."""
        up = float(self.values[number, 0] > self.middle)
        return self._say("thumb", number, self.seen.texts[number][:1], up)

    def rating(self, number: int) -> Feedback:
        """Stars from 1 to 5."""
        stars = 1.0 + int(np.digitize(self.values[number, 0], self.steps))
        return self._say("rating", number, self.seen.texts[number][:1], stars, low=1.0, high=5.0)

    def ranking(self, number: int) -> Feedback | None:
        """All answers in order; None where all are alike."""
        values = self.values[number]
        levels = sorted(set(values.tolist()), reverse=True)
        ranks = tuple(levels.index(value) + 1 for value in values.tolist())
        if max(ranks) == 1:
            return None
        return self._say("ranking", number, self.seen.texts[number], 1.0, ranks=ranks)

    def demonstration(self, number: int) -> Feedback | None:
        """An answer of the user's liking; None where there is none."""
        best = int(self.values[number].argmax())
        if self.values[number, best] < self.good:
            return None
        return self._say("demonstration", number, [self.seen.texts[number][best]], 1.0)

    def _say(
        self, kind: Kind, number: int, texts: Sequence[str], value: float, **more: Any
    ) -> Feedback:
        return Feedback("user", kind, self.seen.prompts[number], tuple(texts), value, **more)


def every_kind(
    seen: Answered,
    unseen: Answered,
    reference: FloatArray,
    arguments: argparse.Namespace,
    output: Output,
) -> list[dict[str, Any]]:
    """Agreement by user, kind of judgement and their number."""
    encodings, size = seen.encodings(), seen.points.shape[-1]
    found = []
    for user, utility in USERS.items():
        judge, theirs = Judge(seen, judged_by(utility, seen)), judged_by(utility, unseen)
        ways: dict[str, list[Callable[[int], Feedback | None]]] = {
            "pairs": [judge.pair],
            "pairs of three strengths": [judge.strong_pair],
            "thumbs": [judge.thumb],
            "ratings": [judge.rating],
            "rankings of four": [judge.ranking],
            "demonstrations": [judge.demonstration],
        }
        ways["mixed"] = [each for way in list(ways.values()) for each in way]
        for name, say in ways.items():
            cells: dict[int, list[float]] = {}
            for draw in range(arguments.draws):
                rng = random.Random(f"{arguments.seed} {draw}")
                order = rng.sample(range(len(seen.prompts)), len(seen.prompts))
                all_said = (say[i % len(say)](number) for i, number in enumerate(order))
                judged = [each for each in all_said if each is not None][: max(KIND_SIZES)]
                for count in KIND_SIZES:
                    made = training_rows(judged[:count], encodings, size, reference)
                    value = agreement(fit_reward(made.rows), unseen, theirs)
                    cells.setdefault(count, []).append(value)
            output.progress(f"kinds, {user}", len(found) + 1, len(USERS) * len(ways))
            found += [
                {
                    "user": user,
                    "kind": name,
                    "judgements": count,
                    "agreement": round(float(np.mean(values)), 4),
                    "deviation": round(float(np.std(values)), 4),
                }
                for count, values in cells.items()
            ]
    return found


def tables(noise: Sequence[dict[str, Any]], kinds: Sequence[dict[str, Any]]) -> str:
    """Means over users, for a terminal of 80 columns."""
    lines = ["agreement about pairs on other topics, mean of all users", ""]
    lines.append("pairs" + "".join(f"{f'{flips:.0%} slips':>16}" for flips in FLIPS))
    lines.append("     " + "".join(f"{'linear':>9}{'full':>7}" for _ in FLIPS))
    for size in SIZES:
        cells = [
            _mean(noise, pairs=size, flipped=flips, reward=name)
            for flips in FLIPS
            for name in ("linear", "full")
        ]
        texts = (f"{cell:>{9 if i % 2 == 0 else 7}.3f}" for i, cell in enumerate(cells))
        lines.append(f"{size:>5}" + "".join(texts))
    lines += ["", f"{'judgements of kind':<26}" + "".join(f"{n:>8}" for n in KIND_SIZES)]
    for name in dict.fromkeys(row["kind"] for row in kinds):
        cells = [_mean(kinds, kind=name, judgements=count) for count in KIND_SIZES]
        lines.append(f"{name:<26}" + "".join(f"{cell:>8.3f}" for cell in cells))
    return "\n".join(lines)


def _mean(rows: Sequence[dict[str, Any]], **wanted: Any) -> float:
    kept = [r["agreement"] for r in rows if all(r[name] == v for name, v in wanted.items())]
    return float(np.mean(kept))


if __name__ == "__main__":
    main()
