"""`prefcli undo` and `prefcli forget`."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli import completion, words
from prefcli.cli.options import Json, Yes, command_group, confirm, examples, told_of_the_rest
from prefcli.output import Output

commands = command_group()


@commands.command(
    help="Take back the last ingest: remove the rows that it added.\n\n"
    "Rows that were known before stay. Called again, it takes back the ingest before.",
    short_help="Take back the last ingest.",
    epilog=examples("prefcli undo"),
)
def undo(as_json: Json = False) -> None:
    from prefcli.services import feedback as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        with told_of_the_rest(output):
            undone = service.undo(store)
        if as_json:
            output.json(undone)
            return
        sources = words.some(undone["sources"]) or "nothing new"
        output.text(
            f"ingest {undone['ingest']} of {words.moment(undone['created'])} taken back "
            f"({sources}): {words.count(undone['removed'], 'judgement')} removed"
        )
        gone = undone["inserted"] - undone["removed"]
        if gone:
            output.note(f"{words.count(gone, 'judgement')} of it had been removed before")
        if undone["users"]:
            output.note(
                f"profiles fitted since keep what they learned of {words.some(undone['users'])} "
                "until the next fit"
            )


@commands.command(
    help="Remove everything about a user, from every file of the home.\n\n"
    "Feedback, encodings, profiles and what was generated with them or picked in blind tests are "
    "gone for good, and where they lay is overwritten, whether they stand there by name or by the "
    "pseudonym of it. Copies and exports that you made elsewhere are yours to delete.",
    short_help="Remove everything about a user.",
    epilog=examples("prefcli forget --user alice"),
)
def forget(
    user: Annotated[
        str,
        typer.Option(
            "--user",
            "-u",
            metavar="NAME",
            help="Who is to be forgotten.",
            autocompletion=completion.users,
        ),
    ],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    from prefcli.services import feedback as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        confirm(f"Remove everything about {user}, for good?", yes)
        with told_of_the_rest(output):
            gone = service.forget(store, user)
        if as_json:
            output.json(gone)
        else:
            named = user if gone["pseudonym"] is None else f"{user} (here {gone['pseudonym']})"
            output.text(
                f"{named} is forgotten: {words.count(gone['judgements'], 'judgement')}, "
                f"{words.count(gone['encodings'], 'encoding')}, "
                f"{words.count(gone['profiles'], 'profile')} and "
                f"{words.count(gone['generations'], 'generation')} removed"
                + (f", and {words.count(gone['picks'], 'blind pick')}" if gone["picks"] else "")
            )
        if gone["spaces"]:
            output.warning(
                f"trained on prompts of {user}: space {words.some(gone['spaces'])}; "
                "that cannot be undone, train a new one without them"
            )
        if gone["unfinished"]:
            output.warning(
                f"the unfinished training of space {words.some(gone['unfinished'])} had prompts "
                f"of {user} and is removed: begin it anew"
            )
