"""The best z there is, found by direct search: what a fit could gain at most.

The oracle may do what no fit may: generate at will and ask the user's utility. It searches the
ball of the space's reach for the z that wins most often against the base, on stage-1 topics, by
the cross-entropy method (Rubinstein, "The cross-entropy method for combinatorial and continuous
optimization", 1999): judge candidates, fit a Gaussian to the best, draw the next from it. Then the
few best are judged anew on more prompts, since the best of many noisy scores is flattered.

The first candidates are random directions at several distances, both ends of every axis, and
everything that was ever fitted for the user, so that the oracle knows at least what the fits know.

Letters: K latent size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.answers import FloatArray, Model, Request, questions, stream
from benchmarks.judges import wins
from prefcli.tiny import corpus
from prefcli.tiny.tastes import Utility


@dataclass(frozen=True)
class SearchPlan:
    """How hard to search.

    Args:
        prompts: Prompts of the final choice; a multiple of 3.
        tries: Prompts per candidate in the search.
        rivals: The base's answers to each prompt.
        directions: Random first candidates.
        generations, population, elite: The cross-entropy method.
        finalists: Candidates judged anew.
        least_spread: Standard deviation below which no coordinate falls, as a share of the reach.
    """

    prompts: int = 48
    tries: int = 12
    rivals: int = 6
    directions: int = 48
    generations: int = 2
    population: int = 20
    elite: int = 6
    finalists: int = 6
    least_spread: float = 0.1


@dataclass(frozen=True)
class Found:
    """The oracle's z (K,), its win rate in the final choice, and how many candidates it beat."""

    z: FloatArray
    win_rate: float
    candidates: int


def search(
    model: Model,
    users: Mapping[str, Utility],
    fitted: Mapping[str, Sequence[FloatArray]],
    plan: SearchPlan,
    seed: int = 0,
    prompts: Sequence[str] | None = None,
) -> dict[str, Found]:
    """An oracle for every user.

    Args:
        model: Base and space.
        users: Their utilities.
        fitted: Every z that was fitted for each user.
        plan: How hard to search.
        seed: Everything random.
        prompts: What to ask, `plan.prompts` of them; default questions about stage-1 topics.
    """
    judge = _Judge(model, plan, seed, prompts)
    reach = model.space.config.rho
    first = starting_points(model.space.size, reach, plan.directions, seed)
    # Texts do not depend on who reads them: one set of answers serves all users.
    texts = judge.texts("oracle, first candidates", first, 0)
    found = {}
    for name, utility in users.items():
        scores = [(judge.score(utility, t, 0), z) for t, z in zip(texts, first, strict=True)]
        own = list(fitted[name])
        scores += judge.judged(f"oracle of {name}", utility, own, 0)
        rng = np.random.default_rng(stream(seed, name))
        for generation in range(1, plan.generations + 1):
            best = np.stack(_best(scores, plan.elite))
            spread = np.maximum(best.std(axis=0), plan.least_spread * reach)
            drawn = rng.normal(best.mean(axis=0), spread, (plan.population - 1, len(spread)))
            candidates = [into_ball(z, reach) for z in (best.mean(axis=0), *drawn)]
            scores += judge.judged(f"oracle of {name}", utility, candidates, generation)
        finalists = _best(scores, plan.finalists)
        final = judge.judged(f"oracle of {name}", utility, finalists, None)
        rate, z = max(final, key=lambda pair: pair[0])
        found[name] = Found(z, rate, len(scores))
    return found


def starting_points(size: int, reach: float, directions: int, seed: int) -> list[FloatArray]:
    """Random directions at a third, two thirds and all of the reach, and +-`reach` on each axis."""
    rng = np.random.default_rng(stream(seed, "directions"))
    drawn = rng.normal(size=(directions, size))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    shares = np.resize([1.0, 2 / 3, 1.0, 1 / 3], directions)
    axes = np.eye(size)
    return list(np.concatenate([reach * shares[:, None] * drawn, reach * axes, -reach * axes]))


def into_ball(z: FloatArray, reach: float) -> FloatArray:
    """The nearest point of the ball."""
    length = float(np.linalg.norm(z))
    return z if length <= reach else z * (reach / length)


class _Judge:
    """The search's own prompts, the base's answers to them, and the score of a z."""

    def __init__(
        self, model: Model, plan: SearchPlan, seed: int, prompts: Sequence[str] | None
    ) -> None:
        self.model = model
        self.plan = plan
        self.seed = seed
        if prompts is None:
            asked = questions(corpus.stage_one_topics(), plan.prompts, stream(seed, "oracle"))
            # Kinds of prompt take turns, so that every slice of prompts holds all three.
            third = plan.prompts // 3
            prompts = [asked[i % 3 * third + i // 3].prompt for i in range(plan.prompts)]
        self.prompts = list(prompts)
        self.rivals = model.rivals("oracle, base", self.prompts, plan.rivals, stream(seed, "base"))

    def judged(
        self, what: str, utility: Utility, points: Sequence[FloatArray], generation: int | None
    ) -> list[tuple[float, FloatArray]]:
        """Each point with its win rate."""
        texts = self.texts(what, points, generation)
        scores = [self.score(utility, answers, generation) for answers in texts]
        return list(zip(scores, points, strict=True))

    def texts(
        self, what: str, points: Sequence[FloatArray], generation: int | None
    ) -> list[list[str]]:
        """One answer under each point to each prompt of the generation, (points, prompts)."""
        asked = self._asked(generation)
        # All points share prompts and random streams: what differs between them is z.
        requests = [
            Request(self.prompts[i], stream(self.seed, "oracle", generation, i), z)
            for z in points
            for i in asked
        ]
        found = self.model.answers(what, requests)
        return [found[start : start + len(asked)] for start in range(0, len(found), len(asked))]

    def score(self, utility: Utility, answers: Sequence[str], generation: int | None) -> float:
        """Win rate of one answer to each prompt of the generation."""
        asked = self._asked(generation)
        points = [wins(utility, a, self.rivals[i]) for a, i in zip(answers, asked, strict=True)]
        return sum(points) / len(points)

    def _asked(self, generation: int | None) -> list[int]:
        """A few prompts, others in each generation; all of them for the final choice."""
        if generation is None:
            return list(range(len(self.prompts)))
        start = generation * self.plan.tries
        return [(start + i) % len(self.prompts) for i in range(self.plan.tries)]


def _best(scores: Sequence[tuple[float, FloatArray]], count: int) -> list[FloatArray]:
    return [z for _, z in sorted(scores, key=lambda pair: -pair[0])[:count]]
