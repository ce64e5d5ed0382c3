"""Options that several commands share, so that they read and behave the same everywhere."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from prefcli.cli import completion
from prefcli.cli.boundary import Group


def command_group(help: str | None = None) -> typer.Typer:
    """A set of commands with plain help pages."""
    return typer.Typer(cls=Group, help=help, rich_markup_mode=None, add_completion=False)


def examples(*lines: str) -> str:
    """An epilog of examples; the backspace keeps Typer from joining the lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def finite(value: float | None) -> float | None:
    """Refuse NaN and infinities, which pass for numbers on a command line."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value


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
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of the sampling.")]
