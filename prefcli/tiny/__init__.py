"""The embedded default: a small base and its space, shipped as package data.

It makes everything work with no network and no GPU in seconds, and is a demonstration: it speaks
about everyday topics and nothing else. `python -m prefcli.tiny.build` makes it from the corpus.
"""

from __future__ import annotations

from pathlib import Path

NAME = "tiny"
# Bits per byte that a prompt costs the base: 99 % of those it was trained on stay below 0.9, and a
# question that it has never met takes 3 to 14.
STRANGE_PROMPT = 2.0
_HERE = Path(__file__).parent


def base_directory() -> Path:
    """The Hugging Face directory of the embedded base."""
    return _HERE / "base"


def space_directory() -> Path:
    """The embedded space of the embedded base."""
    return _HERE / "space"
