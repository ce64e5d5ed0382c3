"""`prefcli refit`."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli import completion
from prefcli.cli.fit import print_reports
from prefcli.cli.options import Json, JsonLines, command_group, examples
from prefcli.errors import UsageError
from prefcli.output import Output

commands = command_group()


@commands.command(
    help="Move users to another space, from their feedback.\n\n"
    "Without --user or --all, everybody whose latest profile is of another space. Each gets a "
    "new version; older ones stay. Once all have moved, the space is the one in use.",
    short_help="Move users to another space, from their feedback.",
    epilog=examples(
        "prefcli refit --space everyday",
        "prefcli refit --space everyday --user alice --user bob --no-use",
    ),
)
def refit(
    space: Annotated[
        str,
        typer.Option(
            "--space",
            metavar="NAME",
            help="The space to move to.",
            autocompletion=completion.spaces,
        ),
    ],
    user: Annotated[
        list[str] | None,
        typer.Option(
            "--user",
            "-u",
            metavar="NAME",
            help="Who moves; may be given several times.",
            autocompletion=completion.users,
        ),
    ] = None,
    all_users: Annotated[bool, typer.Option("--all", help="Every user with feedback.")] = False,
    use: Annotated[
        bool, typer.Option("--use/--no-use", help="Make it the space in use at the end.")
    ] = True,
    as_json: Json = False,
    as_jsonl: JsonLines = False,
) -> None:
    if user and all_users:
        raise UsageError("refit takes --user NAME or --all, not both")
    if as_json and len(user or ()) != 1:
        raise UsageError("--json is for one --user: use --jsonl")
    if as_json and as_jsonl:
        raise UsageError("--json and --jsonl exclude each other")

    from prefcli.services import refit as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        reports = service.refit(
            store,
            space,
            users=user or None,
            all_users=all_users,
            use=use,
            progress=output.progress,
        )
        if not print_reports(output, reports, as_json, as_jsonl):
            output.note(f"nobody to move: every latest profile is of space {space}")
        if use:
            output.note(f"space in use: {space}")
