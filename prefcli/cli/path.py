"""`prefcli path`."""

from __future__ import annotations

from prefcli.cli.options import Json, command_group, examples
from prefcli.output import Output

commands = command_group()


@commands.command(
    help="Print where everything is stored.\n\n"
    "$PREFCLI_HOME, else $XDG_DATA_HOME/prefcli, else ~/.local/share/prefcli.",
    short_help="Print where everything is stored.",
    epilog=examples("prefcli path", "PREFCLI_HOME=/other/home prefcli path --json"),
)
def path(as_json: Json = False) -> None:
    from prefcli.config import SPACES_NAME, catalog_path, home_directory

    home = home_directory()
    with Output() as output:
        if as_json:
            output.json({"home": home, "catalog": catalog_path(home), "spaces": home / SPACES_NAME})
        else:
            output.text(str(home))
