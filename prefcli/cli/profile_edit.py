"""`prefcli profile edit`."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli.options import Json, examples, finite
from prefcli.cli.profile import commands
from prefcli.cli.profile_versions import Name
from prefcli.errors import UsageError
from prefcli.output import Output


@commands.command(
    help="Move a profile toward example texts, or away from some, as a new version.\n\n"
    "A FILE is one text; one whose name ends in .jsonl has a text on each line, as "
    '{"text": ...} or {"prompt": ..., "response": ...}. Texts without a prompt are read as answers '
    "to --prompt, or to the last prompts of the user's feedback. A later fit starts from the "
    "feedback again; `profile rollback` undoes the edit.",
    short_help="Move a profile by example texts.",
    epilog=examples(
        "prefcli profile edit alice --toward letters.txt",
        "prefcli profile edit alice --toward good.txt --away bad.txt --strength 0.5",
    ),
)
def edit(
    name: Name,
    toward: Annotated[
        list[str] | None,
        typer.Option("--toward", metavar="FILE", help="Like this; may be given several times."),
    ] = None,
    away: Annotated[
        list[str] | None,
        typer.Option("--away", metavar="FILE", help="Unlike this; may be given several times."),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="TEXT", help="What the texts answer.")
    ] = None,
    strength: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="What the examples count beside the profile; 1 is as much.",
            callback=finite,
        ),
    ] = 1.0,
    as_json: Json = False,
) -> None:
    if not toward and not away:
        raise UsageError("nothing to go by: give --toward FILE or --away FILE")

    from prefcli.services.profile_edit import edit as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        made = service(
            store,
            name,
            toward or (),
            away or (),
            prompt=prompt,
            strength=strength,
            progress=output.progress,
        )
        if as_json:
            output.json(made)
        else:
            output.text(
                f"{made['profile']}: edit of {made['parents'][0]}, along {made['moved']:.2f} "
                "standard deviations"
            )
        for warning in made["warnings"]:
            output.warning(warning)
