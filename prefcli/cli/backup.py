"""`prefcli backup` and `prefcli restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prefcli.cli import words
from prefcli.cli.options import Json, Yes, command_group, confirm, examples
from prefcli.errors import UsageError
from prefcli.output import Output

commands = command_group()


@commands.command(
    help="Write everything that was said and learned to one file.\n\n"
    "The file is a catalog as it was at one moment, checked before it has its name; others may go "
    "on writing meanwhile. With --spaces it is a tar archive with the trained spaces as well. "
    "Models, and the key of --pseudonymize, are in no backup.",
    short_help="Write the home to one file.",
    epilog=examples("prefcli backup prefcli.db", "prefcli backup everything.tar --spaces"),
)
def backup(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to.")],
    spaces: Annotated[
        bool, typer.Option("--spaces", help="The trained spaces, too, in a tar archive.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Take the place of a file that is there.")
    ] = False,
    as_json: Json = False,
) -> None:
    if not file:
        raise UsageError("FILE is empty: name the file to write")

    from prefcli.services.backup import backup as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        made = service(store, Path(file), spaces=spaces, force=force)
        if as_json:
            output.json(made)
            return
        output.text(f"{made['file']}: {words.size(made['bytes'])}, {_held(made['rows'])}")
        if spaces:
            output.text(f"spaces: {words.some(made['spaces']) or 'none were trained here'}")
        elif made["rows"]["spaces"]:
            output.note("without the trained spaces: --spaces writes them, too")


@commands.command(
    help="Put a backup in the place of what is here.\n\n"
    "The file is checked first, and brought up to date if an older prefcli wrote it. It takes the "
    "catalog's place all at once or, whatever happens, not at all. Spaces that are here stay.",
    short_help="Put a backup in the place of what is here.",
    epilog=examples(
        "prefcli restore prefcli.db", "PREFCLI_HOME=/new/home prefcli restore everything.tar"
    ),
)
def restore(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `backup` wrote.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    from prefcli.config import home_directory
    from prefcli.services.backup import restore as service

    home = home_directory()

    def agree(lost: dict[str, int]) -> None:
        what = _held(lost) if lost else "a damaged catalog"
        confirm(f"{home} holds {what}: put the backup in their place?", yes)

    with Output() as output:
        done = service(Path(file), home, agreed=agree)
        if as_json:
            output.json(done)
            return
        output.text(f"{done['home']} holds {_held(done['rows'])}")
        if done["spaces"]:
            output.text(f"spaces: {words.some(done['spaces'])}")
        if done["left"]:
            output.note(
                f"the backup does not know the spaces {words.some(done['left'])}, whose files stay"
            )


def _held(rows: dict[str, int]) -> str:
    return (
        f"{words.count(rows.get('feedback', 0), 'judgement')}, "
        f"{words.count(rows.get('profiles', 0), 'profile version')} and "
        f"{words.count(rows.get('generations', 0), 'generation')}"
    )
