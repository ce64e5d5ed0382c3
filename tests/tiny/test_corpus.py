"""The small world: what it holds, and that a text is in the style it was asked for."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from typing import Any

import pytest

from prefcli.tiny import corpus, tastes
from prefcli.tiny.corpus import Style

PLAIN = Style(
    items=2,
    layout="prose",
    warm=False,
    formality="neutral",
    hedged=False,
    emoji=False,
    example=False,
    question=False,
)


def answers(style: Style, seed: int = 0) -> list[str]:
    """One answer about every topic, kinds of prompt in turn."""
    rng = random.Random(seed)
    return [
        corpus.render(topic, corpus.PROMPT_KINDS[i % 3], style, rng)
        for i, topic in enumerate(corpus.topics())
    ]


def test_the_world_has_at_least_200_topics_and_enough_to_say_about_each() -> None:
    topics = corpus.topics()
    assert len({topic.name for topic in topics}) == len(topics) >= 200
    for topic in topics:
        assert len({*topic.tips}) == 6
        assert len({topic.what, *topic.facts}) == 6


def test_held_out_topics_take_no_part_in_stage_one() -> None:
    seen, held_out = set(corpus.stage_one_topics()), set(corpus.held_out_topics())
    assert not seen & held_out
    assert seen | held_out == set(corpus.topics())


@pytest.mark.parametrize(
    ("attribute", "value", "mark"),
    [
        ("layout", "bullets", lambda text: tastes.items(text) == 2 and not tastes.numbered(text)),
        ("layout", "numbers", tastes.numbered),
        ("warm", True, tastes.warm_marks),
        ("formality", "formal", tastes.formal_marks),
        ("hedged", True, tastes.hedges),
        ("emoji", True, tastes.emoji),
        ("example", True, tastes.has_example),
        ("question", True, tastes.asks),
    ],
)
def test_an_attribute_shows_in_every_text_that_has_it_and_in_few_others(
    attribute: str, value: Any, mark: Any
) -> None:
    styled = answers(replace(PLAIN, **{attribute: value}))
    assert all(mark(text) for text in styled)
    # Some topics' own sentences say "might" or "could".
    assert sum(bool(mark(text)) for text in answers(PLAIN)) < 0.1 * len(styled)


def test_items_is_the_number_of_sentences() -> None:
    lengths = [
        sum(map(tastes.words, answers(replace(PLAIN, items=items)))) for items in range(1, 6)
    ]
    assert lengths == sorted(lengths)
    listed = answers(replace(PLAIN, items=5, layout="numbers"))
    assert all(tastes.items(text) == 5 for text in listed)


def test_an_instruction_asks_for_what_the_style_is_and_for_nothing_else() -> None:
    rng = random.Random(1)
    said: dict[str, set[Any]] = {}
    for _ in range(3000):
        style = corpus.draw_style(rng)
        for sentence in corpus.instruction(style, rng).split(". "):
            said.setdefault(sentence.rstrip("."), set()).add(style)
    for sentence, styles in said.items():
        # Every sentence goes with exactly one value of one attribute.
        fixed = [f.name for f in fields(Style) if len({getattr(s, f.name) for s in styles}) == 1]
        assert len(fixed) == 1, sentence


def test_half_of_the_texts_follow_an_instruction() -> None:
    rng = random.Random(2)
    told = [bool(corpus.draw(rng, corpus.topics()).instruction) for _ in range(1000)]
    assert 450 < sum(told) < 550
