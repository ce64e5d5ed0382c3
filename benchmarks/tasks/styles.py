"""The project's own corpus: the embedded base, and users whose tastes are functions of the text.

One function labels and judges alike, since it is the taste itself. Peers look for their settings
on two other users, alice and bob of `prefcli demo`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.answers import Model, all_prompts, embedded_model, stream
from benchmarks.judges import USERS, TopicJudge
from benchmarks.tasks.base import Arena, Taste, each
from prefcli.progress import Progress
from prefcli.tiny import corpus, tastes

NAME = "styles"
NEUTRAL = 24
SEARCH_TOPICS = 24  # of stage 1, kept out of the feedback


class Styles:
    """The embedded base and space."""

    name = NAME

    def open(self, data: Path | None, work: Path, progress: Progress) -> Arena:  # noqa: ARG002
        """Load the embedded base; needs no data."""
        return arena(embedded_model(progress))


def arena(model: Model) -> Arena:
    """The task on any base of the small world."""
    topics = list(corpus.stage_one_topics())
    random.Random(stream(NAME, "topics")).shuffle(topics)
    held_out = all_prompts(corpus.held_out_topics(), stream(NAME, "held out"))
    judge = TopicJudge(corpus.topics())
    about = {
        prompt: topic
        for topic in corpus.topics()
        for kind in corpus.PROMPT_KINDS
        for prompt in corpus.prompts(topic, kind)
    }

    def on_topic(prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        return [judge.share(about[p], a) for p, a in zip(prompts, answers, strict=True)]

    def users(named: dict[str, tastes.Utility]) -> dict[str, Taste]:
        return {name: Taste(each(utility), each(utility)) for name, utility in named.items()}

    return Arena(
        name=NAME,
        model=model,
        users=users(dict(USERS)),
        tuning=users(tastes.STARTERS),
        feedback_prompts=all_prompts(topics[SEARCH_TOPICS:], stream(NAME, "feedback")),
        search_prompts=all_prompts(topics[:SEARCH_TOPICS], stream(NAME, "search")),
        test_prompts=held_out[NEUTRAL:],
        neutral_prompts=held_out[:NEUTRAL],
        on_topic=on_topic,
        other=("asks a question at its end", each(lambda text: float(tastes.asks(text)))),
        shown=True,
    )
