"""The base and the space that the package carries, measured anew."""

from __future__ import annotations

import random
import re

import pytest

from prefcli import tiny
from prefcli.base import Base
from prefcli.decoding import sample
from prefcli.feedback.records import Message, text_prompt
from prefcli.latent.report import measure
from prefcli.latent.responses import sample_groups
from prefcli.latent.space import Space
from prefcli.loading import load_base
from prefcli.services.sampling import TEMPERATURE, TOP_P
from prefcli.tiny import corpus, tastes


@pytest.fixture(scope="module")
def base() -> Base:
    return load_base(tiny.base_directory(), "cpu", "float32")


def asked(count: int, seed: int) -> list[str]:
    """Questions of all kinds about any topics."""
    rng = random.Random(seed)
    return [
        rng.choice(corpus.prompts(rng.choice(corpus.topics()), corpus.PROMPT_KINDS[i % 3]))
        for i in range(count)
    ]


def answers(base: Base, questions: list[str], system: str = "") -> list[str]:
    told = (Message("system", system),) if system else ()
    ids = [base.prompt_ids((*told, *text_prompt(question))) for question in questions]
    seeds = range(len(ids))
    return sample(base, ids, seeds=seeds, temperature=TEMPERATURE, top_p=TOP_P)


def test_most_sentences_are_sentences_of_the_world(base: Base) -> None:
    known = [s.lower() for t in corpus.topics() for s in (*t.tips, *t.facts, t.what)]
    found = [
        sentence
        for text in answers(base, asked(48, 0))
        for sentence in re.findall(r"[A-Z][^.!?\n]*\.", text)
        if not sentence.startswith("For ") and not tastes.warm_marks(sentence)
    ]
    assert len(found) > 48
    # A frame like "Usually, " may stand before the world's own words.
    whole = [any(sentence.lower().endswith(each) for each in known) for sentence in found]
    assert sum(whole) / len(found) > 0.95


@pytest.mark.parametrize(
    ("wish", "opposite", "mark"),
    [
        ("Use emoji.", "No emoji.", tastes.emoji),
        ("Number the points.", "Write prose.", tastes.numbered),
        ("Give an example.", "No examples.", tastes.has_example),
        ("Be formal.", "Be casual.", tastes.formal_marks),
    ],
)
def test_the_base_follows_instructions_about_style(
    base: Base, wish: str, opposite: str, mark: tastes.Utility
) -> None:
    questions = asked(24, 1)
    with_it, without = (
        sum(bool(mark(text)) for text in answers(base, questions, told))
        for told in (wish, opposite)
    )
    assert with_it - without >= 12


@pytest.mark.slow
def test_the_space_holds_on_prompts_that_stage_one_never_saw(base: Base) -> None:
    space = Space.load(tiny.space_directory())
    rng = random.Random(7)  # other wordings and other answers than those of the stored report
    prompts = [
        text_prompt(rng.choice(corpus.prompts(topic, kind)))
        for topic in corpus.held_out_topics()
        for kind in corpus.PROMPT_KINDS
    ][:48]
    unseen = sample_groups(base, prompts, samples=16, seed=11)
    report = measure(base, space.encoder, space.adapter, space.prior, unseen, seed=11)
    assert report["contrastive_accuracy"] >= 0.95
    assert min(report["consistency"]) >= 0.7
    assert report["nll"]["own_z"] < report["nll"]["base"]
