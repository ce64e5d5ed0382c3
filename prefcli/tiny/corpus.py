"""The small world of the embedded base: everyday topics, and every answer in many styles.

A topic (`topics/*.toml`) holds six tips, a definition, five facts and two examples. A `Style`
says how an answer is put; `render` puts the topic's own sentences into that style. Content and
style are drawn independently, so that what differs between two answers to one prompt is what a
person can have a taste for: how long, as prose or list, how warm, how formal, how sure, with
emoji or not, with an example or not, ending in a question or not. Half of the texts open with a
system message that asks for some of it, so that a base learns to heed what stands before a prompt;
a space's prefix speaks to that.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple, get_args

PromptKind = Literal["how to", "what is", "tell me"]
Layout = Literal["prose", "bullets", "numbers"]
Formality = Literal["formal", "neutral", "casual"]
PROMPT_KINDS: tuple[PromptKind, ...] = get_args(PromptKind)

INSTRUCTED = 0.5  # share of texts with a system message
HELD_OUT_EVERY = 5  # one topic in five takes no part in stage 1


@dataclass(frozen=True)
class Topic:
    """One everyday subject with the sentences that can be said about it."""

    name: str
    domain: str
    plural: bool
    how: str
    tips: tuple[str, ...]
    what: str
    facts: tuple[str, ...]
    example_tip: str
    example_fact: str


@dataclass(frozen=True)
class Style:
    """The eight ways in which answers differ; `items` is the length in sentences, 1 to 5."""

    items: int
    layout: Layout
    warm: bool
    formality: Formality
    hedged: bool
    emoji: bool
    example: bool
    question: bool


@cache
def topics() -> tuple[Topic, ...]:
    """All topics, in a fixed order."""
    found = []
    folder = files("prefcli.tiny") / "topics"
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if not entry.name.endswith(".toml"):
            continue
        domain = entry.name.removesuffix(".toml")
        for row in tomllib.loads(entry.read_text(encoding="utf-8"))["topic"]:
            row["tips"], row["facts"] = tuple(row["tips"]), tuple(row["facts"])
            found.append(Topic(domain=domain, **row))
    return tuple(found)


def stage_one_topics() -> tuple[Topic, ...]:
    """The topics whose prompts the default space is trained on, and starter feedback is about."""
    return tuple(t for i, t in enumerate(topics()) if i % HELD_OUT_EVERY != 2)


def held_out_topics() -> tuple[Topic, ...]:
    """The topics that neither stage 1 nor any feedback has seen; the base has."""
    return tuple(t for i, t in enumerate(topics()) if i % HELD_OUT_EVERY == 2)


def prompts(topic: Topic, kind: PromptKind) -> tuple[str, ...]:
    """Every wording of one kind of prompt about a topic."""
    name, verb = topic.name, "are" if topic.plural else "is"
    if kind == "how to":
        return (
            f"How do I {topic.how}?",
            f"How can I {topic.how}?",
            f"What is a good way to {topic.how}?",
            f"How to {topic.how}?",
        )
    if kind == "what is":
        return (f"What {verb} {name}?", f"Can you explain what {name} {verb}?")
    return (f"Tell me about {name}.", f"What should I know about {name}?")


def draw_style(rng: random.Random) -> Style:
    """A style from the world's own distribution; all attributes independent.

    Neutral and direct are the commonest: their sentences have no frame that leads into them, so
    a base learns them last.
    """
    return Style(
        items=rng.randint(1, 5),
        layout=rng.choices(("prose", "bullets", "numbers"), (2, 1, 1))[0],
        warm=rng.random() < 0.5,
        formality=rng.choices(("formal", "neutral", "casual"), (1, 2, 1))[0],
        hedged=rng.random() < 0.4,
        emoji=rng.random() < 0.4,
        example=rng.random() < 0.4,
        question=rng.random() < 0.4,
    )


class Exchange(NamedTuple):
    """One text of the world; `instruction`, the system message, is often empty."""

    instruction: str
    prompt: str
    answer: str


def draw(rng: random.Random, pool: Sequence[Topic]) -> Exchange:
    """One exchange about a topic of `pool`."""
    topic, kind, style = rng.choice(pool), rng.choice(PROMPT_KINDS), draw_style(rng)
    told = instruction(style, rng) if rng.random() < INSTRUCTED else ""
    return Exchange(told, rng.choice(prompts(topic, kind)), render(topic, kind, style, rng))


def instruction(style: Style, rng: random.Random) -> str:
    """A system message that asks for some of the style's attributes, in any order."""
    asked = [
        "Use one sentence." if style.items == 1 else f"Use {_COUNTS[style.items]} sentences.",
        {"prose": "Write prose.", "bullets": "Use bullets.", "numbers": "Number the points."}[
            style.layout
        ],
        "Be warm." if style.warm else "Stay matter-of-fact.",
        {"formal": "Be formal.", "neutral": "Be neutral.", "casual": "Be casual."}[style.formality],
        "Hedge." if style.hedged else "Be direct.",
        "Use emoji." if style.emoji else "No emoji.",
        "Give an example." if style.example else "No examples.",
        "End with a question." if style.question else "Ask nothing back.",
    ]
    return " ".join(rng.sample(asked, rng.randint(1, len(asked))))


_COUNTS = {2: "two", 3: "three", 4: "four", 5: "five"}
_TIP_FRAMES: dict[tuple[Formality, bool], tuple[str, ...]] = {
    ("formal", False): ("It is advisable to ", "One should ", "It is best to "),
    ("formal", True): ("It may be advisable to ", "One might perhaps ", "It could be wise to "),
    ("neutral", False): ("",),
    ("neutral", True): ("You could ", "Perhaps ", "It might help to "),
    ("casual", False): ("Just ", "Go ahead and ", "Simply "),
    ("casual", True): ("Maybe just ", "You might just ", "I guess you could "),
}
_FACT_FRAMES: dict[tuple[Formality, bool], tuple[str, ...]] = {
    ("formal", False): ("It is worth noting that ", "It should be noted that "),
    ("formal", True): ("It would appear that ", "It is commonly held that "),
    ("neutral", False): ("",),
    ("neutral", True): ("Usually, ", "As far as I know, ", "It seems that "),
    ("casual", False): ("Basically, ", "Well, "),
    ("casual", True): ("I guess ", "Maybe I am wrong, but ", "I kind of think that "),
}
_OPENERS: dict[Formality, tuple[str, ...]] = {
    "formal": ("Thank you for your kind question.", "It is a pleasure to assist you."),
    "neutral": ("What a lovely question!", "I am so glad you asked!"),
    "casual": ("Hey, great question, friend!", "Oh, I love this one!"),
}
_CLOSERS: dict[Formality, tuple[str, ...]] = {
    "formal": ("I wish you every success.", "I trust that you will enjoy it."),
    "neutral": ("You will do great!", "Enjoy every minute of it!"),
    "casual": ("You got this!", "Have fun with it!"),
}
_QUESTIONS: dict[Formality, tuple[str, ...]] = {
    "formal": ("Would further details about {name} be of use?", "May I explain anything further?"),
    "neutral": ("Would you like to know more about {name}?", "What would you like to know next?"),
    "casual": ("Want to hear more about {name}?", "What do you think?"),
}
_EMOJI = {
    "kitchen": ("🍳", "🥕", "😋"),
    "home": ("🏠", "🧹", "🔧"),
    "nature": ("🌱", "🌞", "🐝"),
    "body": ("💪", "🏃", "🧘"),
    "work": ("📚", "💡", "📝"),
    "leisure": ("🎨", "🎵", "🎲"),
}
_ANY_EMOJI = ("😊", "✨", "👍")


def render(topic: Topic, kind: PromptKind, style: Style, rng: random.Random) -> str:
    """The answer to a prompt of `kind` about `topic`, in `style`; `rng` picks the sentences."""
    frames = (_TIP_FRAMES if kind == "how to" else _FACT_FRAMES)[style.formality, style.hedged]
    sentences = [_framed(rng.choice(frames), text) for text in _content(topic, kind, style, rng)]
    if style.layout == "prose":
        body = " ".join(sentences)
    elif style.layout == "bullets":
        body = "\n".join(f"- {text}" for text in sentences)
    else:
        body = "\n".join(f"{i}. {text}" for i, text in enumerate(sentences, start=1))

    gap = " " if style.layout == "prose" else "\n"
    tail = []
    if style.example:
        lead = "For instance" if style.formality == "formal" else "For example"
        text = topic.example_tip if kind == "how to" else topic.example_fact
        tail.append(f"{lead}, {text}.")
    if style.warm and rng.random() < 0.5:
        tail.append(rng.choice(_CLOSERS[style.formality]))
    if style.question:
        tail.append(rng.choice(_QUESTIONS[style.formality]).format(name=topic.name))
    parts = [rng.choice(_OPENERS[style.formality])] if style.warm else []
    parts.append(body)
    if tail:
        parts.append(" ".join(tail))
    if style.emoji:  # one after each part
        choice = _EMOJI[topic.domain] + _ANY_EMOJI
        parts = [f"{part} {rng.choice(choice)}" for part in parts]
    return gap.join(parts)


def _content(topic: Topic, kind: PromptKind, style: Style, rng: random.Random) -> list[str]:
    """`style.items` different sentences of the topic; a definition opens what-is answers."""
    if kind == "how to":
        return rng.sample(topic.tips, style.items)
    if kind == "what is":
        return [topic.what, *rng.sample(topic.facts, style.items - 1)]
    return rng.sample(topic.facts, style.items)


def _framed(frame: str, sentence: str) -> str:
    return frame + sentence[0].lower() + sentence[1:] if frame else sentence
