"""`prefcli config list|get|set|unset`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from prefcli.cli import completion
from prefcli.cli.options import Json, JsonLines, command_group, examples
from prefcli.output import Column, Output

commands = command_group("What commands take where nobody says otherwise.")

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Which, as in `config list`.", autocompletion=completion.settings
    ),
]


def _value(value: Any) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else f"{value}"


COLUMNS = (
    Column("setting", "SETTING"),
    Column("value", "VALUE", _value, shrinks=True),
    Column("origin", "FROM"),
)


@commands.command(
    "list",
    help="List every setting, its value, and where that comes from.\n\n"
    "FROM is `catalog` for what was set here, `default`, or the variable that says it. A flag "
    "goes before all of them.",
    short_help="List every setting and where it comes from.",
    epilog=examples("prefcli config list", "prefcli config list --jsonl"),
)
def list_(as_jsonl: JsonLines = False) -> None:
    from prefcli.services.settings import list_settings
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        output.listing(COLUMNS, list_settings(store), 0, as_jsonl)


@commands.command(help="Print one setting.", epilog=examples("prefcli config get temperature"))
def get(name: Name, as_json: Json = False) -> None:
    from prefcli.services.settings import show_setting
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        found = show_setting(store, name)
        if as_json:
            output.json(found)
        else:
            output.text(_value(found["value"]))


@commands.command(
    "set",
    help="Set what generate and compare take by default.\n\n"
    "temperature, top-p, max-new-tokens, log (on or off), and base and space, as `base use` and "
    "`space use` do.",
    short_help="Set a default.",
    epilog=examples("prefcli config set temperature 0.6", "prefcli config set log on"),
)
def set_(
    name: Name,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What it is from now on.")],
    as_json: Json = False,
) -> None:
    from prefcli.services.settings import change_setting
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        _print(output, change_setting(store, name, value), as_json)


@commands.command(
    help="Let a setting be what it is by default again.",
    epilog=examples("prefcli config unset temperature"),
)
def unset(name: Name, as_json: Json = False) -> None:
    from prefcli.services.settings import unset as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        _print(output, service(store, name), as_json)


def _print(output: Output, found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.json(found)
    else:
        output.text(f"{found['setting']}: {_value(found['value'])}")
