"""`prefcli space train`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from prefcli.cli.options import Base, Json, Seed, examples
from prefcli.cli.space.group import commands
from prefcli.errors import UsageError
from prefcli.output import Output


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

    from prefcli.services.space_training import train_space
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
