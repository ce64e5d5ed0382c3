"""The embedded default: a small base and its space, shipped as package data.

It makes everything work with no network and no GPU in seconds, and is a demonstration: it speaks
about everyday topics and nothing else. `python -m prefcli.tiny.build` makes it from the corpus.
"""

from __future__ import annotations

from pathlib import Path

NAME = "tiny"
# Bits that the least expected token of a prompt costs the base: 9.1 at most in prompts like those
# it was trained on; an unknown topic takes 15 to 30, unknown words more.
STRANGE = 15.0
_HERE = Path(__file__).parent


def base_directory() -> Path:
    """The Hugging Face directory of the embedded base."""
    return _HERE / "base"


def space_directory() -> Path:
    """The embedded space of the embedded base."""
    return _HERE / "space"
