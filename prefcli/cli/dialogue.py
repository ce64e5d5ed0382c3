"""Two answers on the screen and a key: what `ask` and `ab` have in common."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import typer

from prefcli.feedback.records import Prompt
from prefcli.output import Output

BESIDE = 500  # characters of an answer up to which both fit beside each other
END = ("\x04", "\x1a")  # Ctrl-D, and Ctrl-Z on Windows
QUIT = "quit"


def somebody_is_there() -> bool:
    """Whether there is a terminal to show answers in and to press keys at."""
    streams = (sys.stdin, sys.stdout)
    return all(stream is not None and stream.isatty() for stream in streams)


def show(
    output: Output,
    prompt: Prompt,
    titles: Sequence[str],
    texts: Sequence[str],
    heading: str,
    legend: str,
) -> None:
    """Print a question, the answers beside each other where they are short."""
    asked = (
        prompt[0].content
        if len(prompt) == 1
        else "\n".join(f"{turn.role}: {turn.content}" for turn in prompt)
    )
    output.text(f"\n{heading}\n\n{asked}\n")
    if max(map(len, texts)) <= BESIDE:
        output.side_by_side(titles, texts)
    else:
        output.text(
            "\n\n".join(f"{title}\n{text}" for title, text in zip(titles, texts, strict=True))
        )
    output.piece(f"\n{legend} > ")


def press(output: Output, keys: Mapping[str, str]) -> str:
    """What the next key that means something stands for; it is written behind the legend.

    The end of the input, and a key for it, are `QUIT`.
    """
    choice = ""
    try:
        while not choice:
            try:
                key = typer.getchar()
            except EOFError:
                key = END[0]
            choice = QUIT if key in END else keys.get(key.lower(), "")
    finally:  # Ctrl-C ends the line, too
        output.text(choice)
    return choice
