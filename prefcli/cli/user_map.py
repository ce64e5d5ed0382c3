"""`prefcli map`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from prefcli.cli.options import Json, Limit, Space, command_group, examples
from prefcli.errors import UsageError
from prefcli.output import Column, Output

commands = command_group()


def _near(found: list[dict[str, Any]]) -> str:
    return ", ".join(f"{each['user']} {each['distance']:.2f}" for each in found) or "-"


COLUMNS = (
    Column("user", "USER", shrinks=True),
    Column("x", "X", lambda value: f"{value:+.2f}", right=True),
    Column("y", "Y", lambda value: f"{value:+.2f}", right=True),
    Column("group", "GROUP", lambda value: str(value + 1), right=True),
    Column("near", "NEAREST, AND HOW FAR", _near, shrinks=True),
)


@commands.command(
    "map",
    help="Show where the users of a space stand, and who is near whom.\n\n"
    "A user stands where their profile generates. X and Y are the two directions in which users "
    "differ most; distances are in standard deviations of the base's answers, over all "
    "directions. With -o it is drawn: older versions and judged answers too, the axes named by "
    "what they change in a text. An HTML page is one file that needs no network; there one can "
    "zoom, search and point at a user.",
    short_help="Show where users stand, and who is near whom.",
    epilog=examples(
        "prefcli map",
        "prefcli map -o users.png",
        "prefcli map -o users.html --space everyday",
    ),
)
def map_(
    space: Space = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Draw it: a name in .png, .svg or .html."
        ),
    ] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Of a picture: dark background.")] = False,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    if dark and (out is None or out.lower().endswith(".html")):
        raise UsageError("--dark is for -o FILE.png or .svg: a page follows its reader's settings")

    from prefcli.map_files import check_map, write_map
    from prefcli.services.user_map import user_map
    from prefcli.store import Store

    if out is not None:
        check_map(out)
    with Output() as output, Store.open() as store:
        found = user_map(store, space)
        if out is not None:
            write_map(found, out, dark=dark)
        told = found.as_dict()
        if as_json:
            output.json(told | ({} if out is None else {"file": out}))
        elif out is not None:
            output.text(out)
        else:
            output.listing(COLUMNS, told["users"], limit, False)
            for name, axis in zip("XY", told["axes"], strict=True):
                if axis["low"] or axis["high"]:
                    output.sentence(f"{name}: from {axis['low']} to {axis['high']}", 3)
