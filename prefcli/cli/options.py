"""Options that several commands share, so that they read and behave the same everywhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from prefcli.cli import completion
from prefcli.cli.boundary import Command, Group
from prefcli.errors import PrefcliError, UsageError
from prefcli.output import Output


class Commands(typer.Typer):
    """A set of commands, each a `Command`."""

    def command(self, name: str | None = None, **words: Any) -> Callable[[Any], Any]:
        """Add a function as a command."""
        return super().command(name, **({"cls": Command} | words))


def command_group(help: str | None = None) -> Commands:
    """A set of commands with plain help pages."""
    return Commands(
        cls=Group, help=help, short_help=help, rich_markup_mode=None, add_completion=False
    )


def examples(*lines: str) -> str:
    """An epilog of examples; the backspace keeps Typer from joining the lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def finite(value: float | None) -> float | None:
    """Refuse NaN and infinities, which pass for numbers on a command line."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value


def strength_option(help: str) -> Any:
    """`--strength`: how far to follow what a command follows."""
    return typer.Option("--strength", min=0, max=10, metavar="X", help=help, callback=finite)


def drawn_seed_option(what: str) -> Any:
    """`--seed` of a command that draws one where none is given."""
    return typer.Option(
        "--seed", min=0, metavar="N", help=f"Makes {what} repeatable; otherwise drawn."
    )


def confirm(question: str, yes: bool) -> None:
    """Ask on stderr before something is lost; nobody is asked who said `--yes`.

    Raises:
        UsageError: there is nobody to ask.
        PrefcliError: the answer was no.
    """
    if yes:
        return
    if not somebody_types():
        raise UsageError("this cannot be taken back: add --yes to do it")
    if not typer.confirm(question, err=True):
        raise PrefcliError("nothing was removed")


def somebody_types() -> bool:
    """Whether stdin is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


@contextmanager
def told_of_the_rest(output: Output) -> Iterator[None]:
    """Say, when a removal is interrupted, that it may have begun and how it is finished."""
    try:
        yield
    except KeyboardInterrupt:
        output.note("some of it may be removed already: the same command again removes the rest")
        raise


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
JsonLines = Annotated[bool, typer.Option("--jsonl", help="Print one JSON object per line.")]
Limit = Annotated[
    int,
    typer.Option(
        "--limit",
        "-n",
        min=0,
        metavar="N",
        help="Show at most N; 0 shows all.",
        # More than a catalog can hold is all, and fits its integers.
        callback=lambda limit: min(limit, 10**9),
    ),
]
Space = Annotated[
    str | None,
    typer.Option(
        "--space",
        metavar="NAME",
        help="The space to work in, instead of the one in use.",
        autocompletion=completion.spaces,
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="NAME",
        help="The base to run, instead of the one in use.",
        autocompletion=completion.bases,
    ),
]
Stop = Annotated[
    list[str] | None,
    typer.Option(
        "--stop", metavar="TEXT", help="End an answer before this text; may be given several times."
    ),
]
MaxNewTokens = Annotated[
    int,
    typer.Option("--max-new-tokens", min=1, metavar="N", help="Longest answer, in tokens."),
]
Temperature = Annotated[
    float,
    typer.Option(
        "--temperature",
        min=0,
        max=100,
        metavar="X",
        help="0 takes the likeliest token.",
        callback=finite,
    ),
]
TopP = Annotated[
    float,
    typer.Option(
        "--top-p",
        min=0,
        max=1,
        metavar="X",
        help="Sample from this share of the mass.",
        callback=finite,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of the sampling.")]
HalfLife = Annotated[
    float | None,
    typer.Option(
        "--half-life",
        metavar="DAYS",
        help="So much older than the newest judgement, one counts half; 0: all count alike.",
    ),
]
