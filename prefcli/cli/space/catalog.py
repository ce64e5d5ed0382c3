"""`prefcli space list|show|use`."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli import completion, words
from prefcli.cli.boundary import Command
from prefcli.cli.options import Json, JsonLines, Limit, examples
from prefcli.cli.space import screen
from prefcli.cli.space.group import Plot, commands
from prefcli.output import Column, Output

COLUMNS = (
    Column("space", "SPACE", shrinks=True),
    Column("base", "BASE", shrinks=True),
    Column("directions", "DIRECTIONS", words.name, right=True),
    Column("contrastive_accuracy", "CONTRASTIVE", words.accuracy, right=True),
    Column("rho", "RHO", words.decimal, right=True),
    Column("state", "STATE"),
    Column("in_use", "IN USE", lambda value: "yes" if value else ""),
)


@commands.command("list", help="List the trained spaces.", epilog=examples("prefcli space list"))
def list_(limit: Limit = 20, as_jsonl: JsonLines = False) -> None:
    from prefcli.services.spaces import list_spaces
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        output.listing(COLUMNS, list_spaces(store), limit, as_jsonl)


@commands.command(
    help="Show one space: its size, its directions and how far to trust it.",
    epilog=examples(
        "prefcli space show everyday", "prefcli space show everyday --plot everyday.png"
    ),
)
def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A trained space; otherwise the one in use.",
            autocompletion=completion.spaces,
        ),
    ] = None,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    from prefcli.services.spaces import show_space
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        screen.show(output, show_space(store, name, plot=plot), as_json)
        if plot is not None:
            output.note(f"drawn in {plot}")


@commands.command(
    cls=Command,
    help="Choose the space to use where none is named.",
    epilog=examples("prefcli space use everyday"),
)
def use(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A trained space.", autocompletion=completion.spaces),
    ],
    as_json: Json = False,
) -> None:
    from prefcli.services.spaces import use_space
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        space = use_space(store, name)
        if as_json:
            output.json(space)
        else:
            output.text(f"space in use: {name}")
