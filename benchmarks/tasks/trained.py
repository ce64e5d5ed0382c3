"""Bases and spaces that are trained on real text, by the code of `benchmarks.space`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from benchmarks import bases, space
from benchmarks.answers import LIKELIHOOD_BATCH, Model
from benchmarks.corpora import Corpus
from benchmarks.tasks.base import Arena, OnTopic, Taste, each
from prefcli.feedback.records import text_prompt
from prefcli.latent.space import Space
from prefcli.progress import Progress
from prefcli.tiny.tastes import words

SEED = 0
NEUTRAL, SEARCH = 24, 200


def opened(
    corpus: Corpus, data: Path, work: Path, progress: Progress
) -> tuple[Model, list[list[str]], float | None]:
    """Base and space, the documents that the base has not seen, and the seconds of stage 1.

    CPU seconds, or of the clock where the space was trained by `benchmarks.space` alone.
    """
    arguments = argparse.Namespace(
        data=data, work=work, seed=SEED, base_steps=bases.Size().steps, steps=space.STEPS
    )
    directory = work / corpus.name / "spaces" / "usual"
    cost = work / corpus.name / "stage-one.json"
    if not directory.exists():
        started = time.process_time()
        row = space.measure(corpus, {}, arguments, progress)
        seconds = {**row["seconds"], "cpu": round(time.process_time() - started, 1)}
        cost.write_text(json.dumps(seconds) + "\n", encoding="utf-8")
    base, kept = space.trained_base(corpus, arguments, progress)
    learned = Space.load(directory)
    learned.attach(base)
    spent = json.loads(cost.read_text(encoding="utf-8")) if cost.exists() else {}
    model = Model(base, learned, progress, corpus.answer_tokens)
    return model, kept, spent.get("cpu") or sum(spent.values()) or None


def arena(
    corpus: Corpus,
    model: Model,
    *,
    users: Mapping[str, Taste],
    tuning: Mapping[str, Callable[[str], float]],
    own: Sequence[str],
    asked: Sequence[str],
    accuracies: Mapping[str, float],
    seconds: float | None,
) -> Arena:
    """The task on a corpus.

    Args:
        users, accuracies: As in `Arena`.
        tuning: The other users, by what each wants more of.
        own: Prompts that feedback is about; the first `SEARCH` are those of the searches.
        asked: Prompts of measurements; the first `NEUTRAL` are those of the tax.
        seconds: What stage 1 took.
    """
    return Arena(
        name=corpus.name,
        model=model,
        users=users,
        tuning={name: Taste(each(u), each(u)) for name, u in tuning.items()},
        feedback_prompts=own[SEARCH:],
        search_prompts=own[:SEARCH],
        test_prompts=asked[NEUTRAL:],
        neutral_prompts=asked[:NEUTRAL],
        on_topic=likelier_after_its_prompt(model),
        other=("words", each(lambda text: float(words(text)))),
        accuracies=accuracies,
        stage_one_seconds=seconds,
    )


def likelier_after_its_prompt(model: Model) -> OnTopic:
    """On topic is an answer that is likelier after its own prompt than after another."""

    def nats(prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        found: list[float] = []
        for start in range(0, len(prompts), LIKELIHOOD_BATCH):
            part = slice(start, start + LIKELIHOOD_BATCH)
            rows = [model.base.prompt_ids(text_prompt(p)) for p in prompts[part]]
            ends = [model.base.response_ids(a, model.max_new_tokens)[0] for a in answers[part]]
            with torch.no_grad():
                found += model.base.negative_log_likelihood(rows, ends).tolist()
        return found

    def on_topic(prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        own = nats(prompts, answers)
        other = nats([*prompts[1:], *prompts[:1]], answers)
        return [(a < b) + 0.5 * (a == b) for a, b in zip(own, other, strict=True)]

    return on_topic
