"""`prefcli space train|list|show|use`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from prefcli.cli import completion, words
from prefcli.cli.boundary import Command
from prefcli.cli.options import Base, Json, JsonLines, Limit, Seed, command_group, examples
from prefcli.errors import UsageError
from prefcli.output import Column, Output

commands = command_group("The latent spaces of tastes, one or more per base.")

COLUMNS = (
    Column("space", "SPACE", shrinks=True),
    Column("base", "BASE", shrinks=True),
    Column("directions", "DIRECTIONS", words.name, right=True),
    Column("contrastive_accuracy", "CONTRASTIVE", words.accuracy, right=True),
    Column("rho", "RHO", words.decimal, right=True),
    Column("state", "STATE"),
    Column("in_use", "IN USE", lambda value: "yes" if value else ""),
)


@commands.command(
    help="Learn a space for a base, from answers that the base itself gives.\n\n"
    "Done once per base and shared by all its users: minutes on a small base, longer on a "
    "large one. The prompts are those of the catalog's feedback, or a file with one per line.",
    short_help="Learn a space for a base.",
    epilog=examples(
        "prefcli space train everyday --base mine",
        "prefcli space train stories --base mine --prompts prompts.txt --steps 1000",
    ),
)
def train(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="What to call the space.")
    ] = None,
    name_option: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="NAME, as an option.")
    ] = None,
    base: Base = None,
    prompts: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Prompts to answer; - is stdin."),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=2, metavar="N", help="Answers to sample per prompt.")
    ] = 16,
    steps: Annotated[int, typer.Option(min=1, metavar="N", help="Steps of training.")] = 500,
    latent_size: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Dimensions before inactive ones are dropped."),
    ] = None,
    trunk_layers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Layers of the base that the encoder reads."),
    ] = None,
    seed: Seed = 0,
    max_new_tokens: Annotated[
        int, typer.Option(min=1, metavar="N", help="Longest answer to sample, in tokens.")
    ] = 128,
    as_json: Json = False,
) -> None:
    if name is not None and name_option is not None:
        raise UsageError("the space's name is given twice: as NAME and as --name")
    name = name if name is not None else name_option
    if name is None:
        raise UsageError("space train needs a name: prefcli space train NAME")

    from prefcli.services.spaces import train_space
    from prefcli.store import Store

    sizes: dict[str, Any] = {"latent_size": latent_size, "trunk_layers": trunk_layers}
    with Output() as output, Store.open() as store:
        space = train_space(
            store,
            name=name,
            base=base,
            prompts=prompts,
            samples=samples,
            steps=steps,
            seed=seed,
            max_new_tokens=max_new_tokens,
            progress=output.progress,
            **{size: value for size, value in sizes.items() if value is not None},
        )
        output.record(space, as_json)
        if not as_json:
            output.hint(f"Next: prefcli space use {name}")


@commands.command("list", help="List the trained spaces.")
def list_(limit: Limit = 20, as_jsonl: JsonLines = False) -> None:
    from prefcli.services.spaces import list_spaces
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        output.listing(COLUMNS, list_spaces(store), limit, as_jsonl)


@commands.command(help="Show one space: its size, spectrum and quality.")
def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A trained space; otherwise the one in use.",
            autocompletion=completion.spaces,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    from prefcli.services.spaces import show_space
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        output.record(show_space(store, name), as_json)


@commands.command(cls=Command, help="Choose the space to use where none is named.")
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
