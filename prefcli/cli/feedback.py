"""`prefcli feedback list`."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli import completion, words
from prefcli.cli.options import JsonLines, Limit, command_group
from prefcli.output import Column, Output

commands = command_group("What users said about answers.")

COLUMNS = (
    Column("id", "ID", words.name, right=True),
    Column("user", "USER", words.name, shrinks=True),
    Column("kind", "KIND", words.name),
    Column("value", "VALUE", words.name, right=True),
    Column("prompt", "PROMPT", words.text, shrinks=True),
    Column("responses", "ANSWER", words.first, shrinks=True),
)


@commands.command("list", help="List feedback, the newest first.")
def list_(
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            "-u",
            metavar="NAME",
            help="Only this user's.",
            autocompletion=completion.users,
        ),
    ] = None,
    limit: Limit = 20,
    as_jsonl: JsonLines = False,
) -> None:
    from prefcli.services.feedback import list_feedback
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        rows = list_feedback(store, user, limit + 1 if limit else 0)
        output.listing(
            COLUMNS, rows, limit, as_jsonl, empty="no feedback yet: prefcli ingest FILE --user NAME"
        )
