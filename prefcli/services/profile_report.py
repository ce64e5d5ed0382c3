"""What a profile knows of its user, how surely, and from what.

The profile and the report of its space say what the user likes. The judgements that it was fitted
on, as far as they are still here with their encodings, say the rest: how sure that is, which of
them count most and which contradict the others. No language model runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from prefcli.feedback.records import Prompt, encoding_key
from prefcli.latent.describe import distinctive
from prefcli.latent.surface import words
from prefcli.latent.tastes import (
    MOST_WORDS,
    Answers,
    find_slopes,
    leanings,
    words_from_report,
)
from prefcli.profile import Profile
from prefcli.services.feedback import as_fields
from prefcli.services.population import common_prior
from prefcli.services.profiles import open_profile, show_profile, stored_profile
from prefcli.services.recency import recency_weights
from prefcli.services.spaces import SpaceReference, reference_encodings, space_of
from prefcli.services.training_rows import TrainingRows, training_rows
from prefcli.solvers.certainty import (
    as_reward,
    certainty,
    draw_rewards,
    grade,
    ranked_right,
)
from prefcli.solvers.influence import Posterior, foretold, learn, turns
from prefcli.solvers.population import Component
from prefcli.solvers.reward import point_at_strength
from prefcli.store import Encoding, Store, StoredFeedback, StoredProfile

FloatArray = npt.NDArray[np.float64]

MOST = 5  # judgements in a list
CONTRADICTS = 0.25  # what the other prompts give to a judgement that contradicts them, at most
LEAST_TURN = 0.01  # degrees; less is rounding
_DRAWS = 200


def report_profile(store: Store, name: str) -> dict[str, Any]:
    """One profile with all that is known of it: the fields of `profile show`.

    Args:
        store: The open home.
        name: `user`, or `user@version`.

    Raises:
        NotFoundError: no such profile, or its space is not here.
        DataError: one of them is damaged.
    """
    shown = show_profile(store, name)
    stored = stored_profile(store, name)
    profile = open_profile(stored)
    reference = space_of(store, stored.space)
    judged, changes = _seen(store, stored)
    prior = common_prior(store, stored.space, stored.user) if profile.reward.population else ()
    half_life = stored.summary.get("half_life")
    edited = "edited" in stored.summary
    evidence = None if edited else _Evidence.of(store, judged, half_life, profile, reference, prior)
    known = None if evidence is None else evidence.known
    return {
        **shown,
        "origin": stored.summary.get("origin", "fit"),
        "parents": list(stored.summary.get("parents", ())),
        "learned": stored.summary.get("learned"),
        "changes": changes,
        "certainty": _certainty(known, len(judged)) if known and profile.z is not None else None,
        "likes": _likes(profile, reference, evidence, known),
        "influence": None if evidence is None else evidence.influence(),
        "contradictions": None if evidence is None else evidence.contradictions(),
    }


def _seen(store: Store, stored: StoredProfile) -> tuple[list[StoredFeedback], dict[str, Any]]:
    """The judgements that a profile was fitted on and that are still here; what came and went.

    A number that was free again may have been given to a newer judgement, which its time tells.
    """
    count, newest = stored.summary.get("seen") or (None, None)
    rows = list(store.feedback(stored.user))
    seen = [
        row
        for row in rows
        if row.created <= stored.created and (newest is None or row.id <= newest)
    ]
    removed = None if count is None else max(0, count - len(seen))
    return seen, {"new": len(rows) - len(seen), "removed": removed}


@dataclass(frozen=True, eq=False)
class _Evidence:
    """Judgements as rows of a fit."""

    judged: list[StoredFeedback]
    encodings: dict[bytes, Encoding]
    training: TrainingRows
    known: Posterior

    @classmethod
    def of(
        cls,
        store: Store,
        judged: list[StoredFeedback],
        half_life: float | None,
        profile: Profile,
        reference: SpaceReference,
        prior: Sequence[Component],
    ) -> _Evidence | None:
        """None where judgements or encodings are gone, or nothing was learned from them.

        A policy says nothing of its uncertainty.
        """
        if profile.policy is not None or profile.z is None or not judged:
            return None
        keys = {
            encoding_key(row.feedback.prompt, response)
            for row in judged
            for response in row.feedback.responses
        }
        encodings = store.encodings(reference.fingerprint, keys)
        if len(encodings) < len(keys):
            return None
        said = [row.feedback for row in judged]
        size = len(profile.reward.weight)
        recency = recency_weights(judged, half_life)
        training = training_rows(said, encodings, size, reference_encodings(reference), recency)
        return cls(judged, encodings, training, learn(training.rows, prior))

    def influence(self) -> list[dict[str, Any]]:
        """The judgements without which the taste would turn most."""
        turned = turns(self.known, self._rows())
        order = np.argsort(-turned, kind="stable")[:MOST]
        return [
            {**as_fields(self.judged[place]), "degrees": round(float(turned[place]), 2)}
            for place in order.tolist()
            if turned[place] > LEAST_TURN
        ]

    def contradictions(self) -> list[dict[str, Any]]:
        """The judgements that the others make least likely, if that is unlikely."""
        groups = np.concatenate([self.training.pair_groups, self.training.thumb_groups])
        each = foretold(self.known, groups)
        rows = self.training.rows
        weight = np.concatenate([rows.weight, rows.thumb_weight])
        found = []
        for place, own in enumerate(self._rows()):
            said = [row for row in own if not np.isnan(each[row])]
            if said:
                logs = np.log(np.maximum(each[said], 1e-12))
                found.append((float(np.exp(np.average(logs, weights=weight[said]))), place))
        return [
            {**as_fields(self.judged[place]), "expected": round(probability, 4)}
            for probability, place in sorted(found)[:MOST]
            if probability < CONTRADICTS
        ]

    def answers(self) -> Answers:
        """The answers that were judged, each once."""
        texts, means, prompts = [], [], []
        numbers: dict[Prompt, int] = {}
        done: set[bytes] = set()
        for row in self.judged:
            prompt = row.feedback.prompt
            for response in row.feedback.responses:
                key = encoding_key(prompt, response)
                if key not in done:
                    done.add(key)
                    texts.append(response)
                    means.append(np.frombuffer(self.encodings[key].mean, dtype="<f4"))
                    prompts.append(numbers.setdefault(prompt, len(numbers)))
        return Answers(texts, np.array(means, dtype=np.float64), prompts)

    def _rows(self) -> list[list[int]]:
        """The rows of each judgement, places in pairs and thumbs together."""
        found: list[list[int]] = [[] for _ in self.judged]
        every = (*self.training.pair_judgements, *self.training.thumb_judgements)
        for row, places in enumerate(every):
            for place in places:
                found[place].append(row)
        return found


def _certainty(known: Posterior, judgements: int) -> dict[str, Any]:
    found = certainty(known)
    more = None if found.times is None else _about((found.times - 1) * judgements)
    return {
        "words": grade(found.now),
        "next": grade(found.goal),
        "correlation": round(found.now, 3),
        "in_order": round(ranked_right(found.now), 3),
        "with_twice": round(found.doubled, 3),
        "more_answers": more,
    }


def _about(number: float) -> int:
    """A number of answers, rounded up to what can be said with `about`."""
    step = next(step for most, step in ((10, 1), (50, 5), (200, 10), (1e12, 100)) if number <= most)
    return int(np.ceil(number / step - 1e-9) * step)


def _likes(
    profile: Profile,
    reference: SpaceReference,
    evidence: _Evidence | None,
    known: Posterior | None,
) -> dict[str, Any]:
    """What answers at the profile's point are like, against the base's own."""
    told: dict[str, Any] = {"told_by": [], "features": [], "words": [], "words_against": []}
    if profile.z is None:
        return told
    report = reference.description["report"]
    answers = None if evidence is None else evidence.answers()
    slopes, told["told_by"] = find_slopes(report, len(profile.z), answers)
    told["features"] = [
        {**asdict(each), "shift": round(each.shift, 2), "sure": round(each.sure, 2)}
        for each in leanings(slopes, profile.z, _points(profile, known))
    ]
    if told["features"]:  # else words would be told of what is not known
        more, less = words_from_report(report, profile.z)
        if answers is not None:
            # Where several directions meet, words are not the sum of theirs: the person's own say.
            own_more, own_less = _own_words(answers, profile.reward(answers.z))
            more, less = (own_more, own_less) if own_more or own_less else (more, less)
        told["words"], told["words_against"] = more, less
    return told


def _points(profile: Profile, known: Posterior | None) -> FloatArray:
    """Where the profile might as well generate (S, d), by what is not known of the reward."""
    size = len(profile.reward.weight)
    if known is not None:
        drawn = [as_reward(vector, size) for vector in draw_rewards(known, _DRAWS)]
    else:
        values, vectors = np.linalg.eigh(profile.reward.covariance)
        normal = np.random.default_rng(0).standard_normal((_DRAWS, size))
        weights = profile.reward.weight + normal * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
        drawn = [(weight, profile.reward.curvature) for weight in weights]
    points = []
    for weight, curvature in drawn:
        if curvature.any():
            other = replace(profile.reward, weight=weight, curvature=curvature)
            point = point_at_strength(other, 1.0, profile.rho)
        else:
            point = profile.rho * weight / max(float(np.linalg.norm(weight)), 1e-12)
        points.append(np.zeros(size) if point is None else point)
    return np.array(points)


def _own_words(answers: Answers, rewards: FloatArray) -> tuple[list[str], list[str]]:
    """Words of the answers that the reward puts above others of their prompt, and of those below.

    Nothing where hardly a prompt has two answers: their topics would speak.
    """
    from collections import Counter

    best: dict[int, list[int]] = {}
    for place, prompt in enumerate(answers.prompts):
        best.setdefault(prompt, []).append(place)
    several = [sorted(places, key=lambda p: rewards[p]) for places in best.values()]
    several = [places for places in several if len(places) > 1]
    texts = answers.texts
    background = Counter(word.casefold() for text in texts for word in words(text))
    low, high = distinctive(
        [texts[places[0]] for places in several],
        [texts[places[-1]] for places in several],
        background,
    )
    return high[:MOST_WORDS], low[:MOST_WORDS]
