"""An answer on stdout as it comes: what `generate` and `chat` have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from prefcli.output import Output

Answer = TypeVar("Answer")


def streamed(output: Output, answer: Callable[[Callable[[str], None]], Answer]) -> Answer:
    """Print the pieces of an answer, and end its last line if it does not.

    Args:
        output: Where to.
        answer: Gets what each piece is to be given to, and returns when the answer is whole.
    """
    last = ""

    def show(piece: str) -> None:
        nonlocal last
        if piece:
            output.piece(piece)
            last = piece

    found = answer(show)
    if not last.endswith("\n"):
        output.piece("\n")
    return found
