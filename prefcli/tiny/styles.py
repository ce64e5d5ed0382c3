"""The starter profiles: what each likes, as a function of the text that plays its person.

Like the users in `tastes`, they judge pairs of the embedded base's own answers, and a profile is
fitted to these judgements. `prefcli.tiny.starters` does both.

A count rewards length as well, so where a way of speaking is meant and not more of it, the share
of the sentences that speak so is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from prefcli.tiny import tastes
from prefcli.tiny.tastes import Utility

WANTED_WORDS = 20
SHORT = 40  # words; what is called short where it is not the only wish

_CASUAL = re.compile(
    r"\b(hey|oh, i love|just|go ahead and|simply|i guess|maybe i am wrong|i kind of|basically"
    r"|well,|you got this|have fun|want to hear)\b",
    re.IGNORECASE,
)


def sentences(text: str) -> int:
    """Number of sentences, at least 1."""
    return max(1, len(re.findall(r"[.!?](?=\s|$)", re.sub(r"^\d+\. ", "", text, flags=re.M))))


def bullets(text: str) -> int:
    """Number of bulleted items."""
    return len(re.findall(r"^- ", text, re.MULTILINE))


def exclamations(text: str) -> int:
    """Number of exclamation marks."""
    return text.count("!")


def _brief(text: str) -> float:
    return -float(tastes.words(text))


def _thorough(text: str) -> float:
    return float(tastes.words(text))


def _about_20_words(text: str) -> float:
    return -float(abs(tastes.words(text) - WANTED_WORDS))


def _bullets(text: str) -> float:
    return float(bullets(text))


def _numbered(text: str) -> float:
    return float(tastes.items(text) * tastes.numbered(text))


def _prose(text: str) -> float:
    return float(sentences(text)) if tastes.items(text) == 0 else -float(tastes.items(text))


def _warm(text: str) -> float:
    return float(tastes.warm_marks(text) + 0.5 * tastes.asks(text))


def _formal(text: str) -> float:
    return tastes.formal_marks(text) / sentences(text)


def _casual(text: str) -> float:
    return len(_CASUAL.findall(text)) / sentences(text)


def _plain(text: str) -> float:
    frills = tastes.emoji(text) + exclamations(text) + tastes.warm_marks(text)
    return -float(frills + tastes.formal_marks(text) + tastes.asks(text))


def _emoji(text: str) -> float:
    return float(tastes.emoji(text))


def _hedged(text: str) -> float:
    return tastes.hedges(text) / sentences(text)


def _direct(text: str) -> float:
    return -float(2 * tastes.hedges(text) + 2 * tastes.warm_marks(text) + tastes.asks(text))


def _examples(text: str) -> float:
    return float(tastes.has_example(text))


def _curious(text: str) -> float:
    return float(tastes.asks(text))


def _short_list(text: str) -> float:
    return min(tastes.items(text), 3) - max(0, tastes.words(text) - SHORT) / 10


@dataclass(frozen=True)
class Starter:
    """A starter profile.

    Args:
        likes: What, in words that continue "likes".
        utility: The person who judges; more is better.
    """

    likes: str
    utility: Utility


STYLES: Mapping[str, Starter] = {
    "brief": Starter("few words", _brief),
    "about-20-words": Starter("twenty words, neither more nor fewer", _about_20_words),
    "thorough": Starter("many words", _thorough),
    "bullets": Starter("bulleted lists", _bullets),
    "numbered": Starter("numbered lists", _numbered),
    "short-list": Starter("lists of three items in at most 40 words", _short_list),
    "prose": Starter("full sentences in a row, no lists", _prose),
    "warm": Starter("kind words at the start and the end", _warm),
    "emoji": Starter("emoji", _emoji),
    "formal": Starter("formal phrases in every sentence", _formal),
    "casual": Starter("casual phrases in every sentence", _casual),
    "plain": Starter("no emoji, no exclamations, no small talk", _plain),
    "direct": Starter("statements without hedging or small talk", _direct),
    "hedged": Starter("careful statements: perhaps, usually, as far as I know", _hedged),
    "examples": Starter("an example", _examples),
    "curious": Starter("a question back at the end", _curious),
}
