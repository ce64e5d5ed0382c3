"""`prefcli profile list|show`."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli import completion, words
from prefcli.cli.options import Json, JsonLines, Limit, command_group, examples
from prefcli.output import Column, Output

commands = command_group("What was learned about each user.")

COLUMNS = (
    Column("profile", "PROFILE", words.name, shrinks=True),
    Column("space", "SPACE", words.name, shrinks=True),
    Column("pairs", "PAIRS", words.name, right=True),
    Column("thumbs", "THUMBS", words.name, right=True),
    Column("heldout_accuracy", "HELD OUT", words.accuracy, right=True),
    Column("bytes", "SIZE", words.size, right=True),
    Column("created", "CREATED", words.moment),
)


@commands.command(
    "list",
    help="List the latest profile of each user.",
    epilog=examples("prefcli profile list", "prefcli profile list -n 0 --jsonl"),
)
def list_(limit: Limit = 20, as_jsonl: JsonLines = False) -> None:
    from prefcli.services.profiles import list_profiles
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        # One more than is shown, to tell whether there are more.
        rows = list_profiles(store, limit + 1 if limit else 0)
        output.listing(COLUMNS, rows, limit, as_jsonl, empty="no profiles yet: prefcli fit --all")


@commands.command(
    help="Show one profile.",
    epilog=examples("prefcli profile show alice", "prefcli profile show alice@2 --json"),
)
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="USER[@VERSION]",
            help="A user, or one version of their profile.",
            autocompletion=completion.profiles,
        ),
    ],
    as_json: Json = False,
) -> None:
    from prefcli.cli.profile_screen import show as show_on_screen
    from prefcli.services.profile_report import report_profile
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        show_on_screen(output, report_profile(store, name), as_json)
