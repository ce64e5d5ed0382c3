"""Film reviews (Maas et al. 2011): continuations that praise, damn, or stay between.

The base is trained on reviews (`benchmarks.space`). Labelled reviews that it was not trained on
give the held-out accuracies and all prompts; of those it was trained on, one half teaches
the labeller and the other the judge. Feedback is about openings of the reviews that stage 1 may
have asked about, everything that is measured about openings of others.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.answers import FloatArray, stream
from benchmarks.corpora import CORPORA, members
from benchmarks.space import HELD_OUT, PROMPTS
from benchmarks.tasks.base import Arena, Score, Taste
from benchmarks.tasks.classifiers import Judge, Labeller, accuracy
from benchmarks.tasks.trained import arena, opened
from prefcli.errors import DataError
from prefcli.progress import Progress
from prefcli.tiny.tastes import words

NAME = "reviews"
WINDOW = 60  # words: the classifiers learn from pieces as long as what they judge
ASKED_IN_STAGE_ONE = 2 * (PROMPTS + HELD_OUT)  # documents, with room for repeated openings


class Reviews:
    """Positive, negative, neutral."""

    name = NAME

    def open(self, data: Path | None, work: Path, progress: Progress) -> Arena:
        """Train base and space unless they are below `work`, and both classifiers."""
        if data is None:
            raise DataError("reviews needs --data, the directory that imdb/ lies in")
        corpus = CORPORA[NAME]
        model, kept, seconds = opened(corpus, data, work, progress)
        unseen = {document[0] for document in kept}
        labelled = list(_labelled(data))
        random.Random(stream(NAME, "labelled")).shuffle(labelled)
        taught = [(_window(text), label) for text, label in labelled if text not in unseen]
        held_out = [(text, label) for text, label in labelled if text in unseen]
        labeller = Labeller([t for t, _ in taught[::2]], [y for _, y in taught[::2]])
        judge = Judge([t for t, _ in taught[1::2]], [y for _, y in taught[1::2]])
        texts, labels = [t for t, _ in held_out], [y for _, y in held_out]
        own = _openings(corpus.prompts(kept[:ASKED_IN_STAGE_ONE], 3000, stream(NAME, "own")))
        asked = _openings(corpus.prompts(kept[ASKED_IN_STAGE_ONE:], 3000, stream(NAME, "asked")))
        tuning = {
            "long sentences": lambda text: words(text) / max(1, sum(text.count(c) for c in ".!?")),
            "about oneself": lambda text: float(
                sum(w in ("i", "my") for w in text.lower().split())
            ),
        }
        return arena(
            corpus,
            model,
            users={
                "positive": Taste(_wants(labeller, 1.0), _wants(judge, 1.0)),
                "negative": Taste(_wants(labeller, 0.0), _wants(judge, 0.0)),
                "neutral": Taste(_wants(labeller, 0.5), _wants(judge, 0.5)),
            },
            tuning=tuning,
            own=own,
            asked=asked,
            accuracies={
                "labeller": accuracy(labeller, texts, labels),
                "judge": accuracy(judge, texts, labels),
            },
            seconds=seconds,
        )


def _openings(prompts: list) -> list[str]:  # type: ignore[type-arg]
    return [prompt[-1].content for prompt in prompts]


def _wants(classifier: Labeller | Judge, share: float) -> Score:
    """The nearer the probability of praise is to `share`, the better."""

    def score(texts: list[str]) -> FloatArray:
        return -np.abs(classifier.probabilities(texts)[:, 1] - share)

    return score  # type: ignore[return-value]


def _labelled(data: Path) -> Iterator[tuple[str, int]]:
    """Reviews as `corpora.reviews` gives them, with 1 for praise."""
    for name, text in members(data / "imdb" / "aclImdb_train.tar.xz"):
        if "/pos/" in name or "/neg/" in name:
            yield " ".join(text.replace("<br />", "\n").split()), int("/pos/" in name)


def _window(text: str) -> str:
    """A piece of a review, the same every time."""
    said = text.split()
    start = random.Random(stream(NAME, text[:80])).randrange(max(1, len(said) - WINDOW))
    return " ".join(said[start : start + WINDOW])
