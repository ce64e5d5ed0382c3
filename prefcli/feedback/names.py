"""A person's name inside a text such as a file's name."""

from __future__ import annotations

import re


def replace_name(text: str, name: str, other: str) -> str:
    """`text` with `other` for every `name` in it that is no part of a longer word.

    `votes-al.jsonl` holds the name `al`, `normal.jsonl` does not.
    """
    if name not in text:
        return text
    return re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", lambda _: other, text)
