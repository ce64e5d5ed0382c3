"""Everyday dialogue (Li et al. 2017): answers that inform, ask, direct or commit oneself.

The base is trained on the training conversations (`benchmarks.space`). Of those conversations one
half teaches the labeller and the other the judge which dialogue act a turn is. Prompts that anybody
is measured on, and the turns on which both accuracies are taken, come from the validation set.
"""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.answers import FloatArray, stream
from benchmarks.corpora import CORPORA, TURN_WORDS, tidy
from benchmarks.tasks.base import Arena, Score, Taste
from benchmarks.tasks.classifiers import Judge, Labeller, accuracy
from benchmarks.tasks.trained import arena, opened
from prefcli.errors import DataError
from prefcli.progress import Progress
from prefcli.tiny.tastes import words

NAME = "dialogue"
ACTS = ("inform", "question", "directive", "commissive")
TUNING = {
    "long": lambda text: float(words(text)),
    "about oneself": lambda text: (
        sum(w in ("i", "my", "me", "i'm") for w in text.lower().split()) / max(1, words(text))
    ),
}


class Dialogue:
    """Acts of dialogue."""

    name = NAME

    def open(self, data: Path | None, work: Path, progress: Progress) -> Arena:
        """Train base and space unless they are below `work`, and both classifiers."""
        if data is None:
            raise DataError("dialogue needs --data, the directory that dailydialog/ lies in")
        corpus = CORPORA[NAME]
        model, kept, seconds = opened(corpus, data, work, progress)
        train = list(_turns(data, "train"))
        unseen = list(_turns(data, "validation"))
        taught = [[turn for talk in train[half::2] for turn in talk] for half in (0, 1)]
        labeller = Labeller([t for t, _ in taught[0]], [a for _, a in taught[0]])
        judge = Judge([t for t, _ in taught[1]], [a for _, a in taught[1]])
        held_out = [turn for talk in unseen[::2] for turn in talk]
        texts, acts = [t for t, _ in held_out], [a for _, a in held_out]
        progress("classifiers", 2, 2)
        short = [t for talk in unseen[1::2] for t, _ in talk[:-1] if words(t) <= TURN_WORDS]
        asked = list(dict.fromkeys(short))
        random.Random(stream(NAME, "test")).shuffle(asked)
        own = [prompt[-1].content for prompt in corpus.prompts(kept, 2000, stream(NAME, "own"))]
        return arena(
            corpus,
            model,
            users={
                act: Taste(_probability(labeller, i), _probability(judge, i))
                for i, act in enumerate(ACTS)
            },
            tuning=TUNING,
            own=own,
            asked=asked,
            accuracies={
                "labeller": accuracy(labeller, texts, acts),
                "judge": accuracy(judge, texts, acts),
            },
            seconds=seconds,
        )


def _probability(classifier: Labeller | Judge, act: int) -> Score:
    def score(texts: list[str]) -> FloatArray:
        return classifier.probabilities(texts)[:, act]

    return score  # type: ignore[return-value]


def _turns(data: Path, part: str) -> Iterator[list[tuple[str, int]]]:
    """Conversations as (turn, act 0..3); those whose counts do not match are left out."""
    with zipfile.ZipFile(data / "dailydialog" / f"{part}.zip") as archive:
        talks, acts = (
            archive.read(f"{part}/dialogues_{kind}{part}.txt").decode().splitlines()
            for kind in ("", "act_")
        )
    for talk, said in zip(talks, acts, strict=True):
        turns = [tidy(turn) for turn in talk.split("__eou__") if turn.strip()]
        labels = np.array(said.split(), dtype=int) - 1
        if len(turns) == len(labels):
            yield list(zip(turns, labels.tolist(), strict=True))
