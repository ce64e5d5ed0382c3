"""The words, numbers and signs by which people and programs say up and down."""

from __future__ import annotations

import re
from typing import Any

_UP = {
    *("1", "+1", "+", "true", "t", "yes", "y", "up", "upvote", "good", "great", "like", "liked"),
    *("thumbup", "thumbsup", "positive", "helpful", "accept", "accepted", "correct", "pass"),
    *("desirable", "chosen", "\N{THUMBS UP SIGN}", "\N{HEAVY BLACK HEART}"),
    *("\N{WHITE HEAVY CHECK MARK}", "\N{SMILING FACE WITH SMILING EYES}", "\N{GRINNING FACE}"),
}
_DOWN = {
    *("0", "-1", "-", "false", "f", "no", "n", "down", "downvote", "bad", "poor", "dislike"),
    *("disliked", "thumbdown", "thumbsdown", "negative", "unhelpful", "reject", "incorrect"),
    *("fail", "undesirable", "rejected", "\N{THUMBS DOWN SIGN}", "\N{CROSS MARK}"),
    *("\N{DISAPPOINTED FACE}", "\N{POUTING FACE}", "\N{SLIGHTLY FROWNING FACE}"),
}
# Colours of skin, and the mark that asks for a coloured picture.
_VARIANTS = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")
_BETWEEN_WORDS = re.compile(r"(?<=\w)[\s_-]+(?=\w)")
WORDS = "true or false, 1 or 0, good or bad, thumbs up or down"


def up_or_down(value: Any) -> float | None:
    """1.0 for up, 0.0 for down, None for what says neither.

    Capitals, and how words are joined, make no difference: `thumbs_up`, `Thumbs Up`, `thumbsUp`.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, bool | int | str):
        return None
    said = _VARIANTS.sub("", str(value)).strip().strip(":").lower()
    said = _BETWEEN_WORDS.sub("", said)
    said = said.removesuffix(".0")
    return 1.0 if said in _UP else 0.0 if said in _DOWN else None
