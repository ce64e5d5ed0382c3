"""`prefcli doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli.options import Json, command_group, examples
from prefcli.output import Output

commands = command_group()


@commands.command(
    help="Check the installation and the home.\n\n"
    "Device, versions, disk, permissions, the catalog's integrity, profiles, bases and spaces: "
    "each line is ok, a warning, or bad, with what to do. Nothing is changed. Exit code 1 if "
    "anything is bad.",
    short_help="Check the installation and the home.",
    epilog=examples("prefcli doctor", "prefcli doctor --deep --json > report.json"),
)
def doctor(
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Read every profile and every weight, too; takes as long as loading."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    from prefcli.services.doctor import examine, worst

    with Output() as output:
        found = []
        for finding in examine(deep=deep, progress=output.progress):
            found.append(finding.as_dict())
            if not as_json:
                output.sentence(f"{finding.state:<9}{finding.topic}: {finding.told}", 9)
                if finding.remedy:
                    output.sentence(f"{'':9}-> {finding.remedy}", 12)
        state = worst(found)
        if as_json:
            output.json({"state": state, "findings": found})
    if state == "bad":
        raise typer.Exit(1)
