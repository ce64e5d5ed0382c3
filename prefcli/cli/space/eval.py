"""`prefcli space eval`."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli import completion
from prefcli.cli.options import Json, Seed, examples
from prefcli.cli.space import screen
from prefcli.cli.space.group import Plot, commands
from prefcli.output import Output


@commands.command(
    "eval",
    help="Measure a space anew, on prompts of your own.\n\n"
    "The base answers the prompts, and the answers tell how far the space can be trusted on them. "
    "Nothing is changed unless --save is given. The prompts are those of the catalog's feedback, "
    "or a file with one per line; of many, 48 are drawn. They should not be those that the space "
    "was trained on.",
    short_help="Measure a space anew, on other prompts.",
    epilog=examples(
        "prefcli space eval everyday --prompts prompts.txt",
        "prefcli space eval everyday --plot everyday.png --save",
    ),
)
def eval_(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A trained space; otherwise the one in use.",
            autocompletion=completion.spaces,
        ),
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(metavar="FILE", help="Prompts to answer; - is stdin.")
    ] = None,
    samples: Annotated[
        int, typer.Option(min=2, metavar="N", help="Answers to sample per prompt.")
    ] = 8,
    seed: Seed = 0,
    save: Annotated[
        bool, typer.Option("--save", help="Keep this report in the place of the space's own.")
    ] = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    from prefcli.services.space_eval import eval_space
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        found = eval_space(
            store,
            name,
            prompts=prompts,
            samples=samples,
            seed=seed,
            save=save,
            plot=plot,
            progress=output.progress,
        )
        screen.show(output, found, as_json)
        if plot is not None:
            output.note(f"drawn in {plot}")
