"""`prefcli space export|import|remove`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from prefcli.cli import completion, words
from prefcli.cli.options import Json, examples
from prefcli.cli.space.group import commands
from prefcli.errors import UsageError
from prefcli.output import Output

Here = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A trained space.", autocompletion=completion.spaces),
]
ItsBase = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="NAME",
        help="The base it was trained on, instead of the one found by its fingerprint.",
        autocompletion=completion.bases,
    ),
]


@commands.command(
    "export",
    help="Write a space into one file, to carry it elsewhere.\n\n"
    "The file is NAME.space.safetensors. With -o -, or where stdout is a file or a pipe and "
    "neither -o nor --json is given, its bytes go to stdout.",
    short_help="Write a space into one file.",
    epilog=examples(
        "prefcli space export everyday",
        "prefcli space export everyday -o - | ssh host prefcli space import - daily",
    ),
)
def export(
    name: Here,
    target: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write; - is stdout."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    if target == "-" and as_json:
        raise UsageError("stdout cannot take both the space and --json: name a file with -o")

    from prefcli.services.portable import export_space, portable_space
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        if target == "-" or (target is None and not as_json and not output.interactive):
            if output.interactive:
                raise UsageError("a terminal cannot show a space: name a file with -o")
            content = portable_space(store, name)[1].to_bytes()
            output.binary(content)
            output.note(f"space {name}: {words.size(len(content))} written to stdout")
            return
        written = export_space(store, name, target, force)
        if as_json:
            output.json(written)
        else:
            output.text(f"{written['file']}: space {name}, {words.size(written['bytes'])}")


@commands.command(
    "import",
    help="Add a space from a file that `space export` wrote.\n\n"
    "Its base must be here. A space that is here already under that name stays as it is, and "
    "gets back files that it has lost.",
    short_help="Add a space from a file.",
    epilog=examples(
        "prefcli space import everyday.space.safetensors",
        "prefcli space import - everyday --base mine < everyday.space.safetensors",
    ),
)
def import_(
    source: Annotated[str, typer.Argument(metavar="FILE", help="The file; - is stdin.")],
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="What to call it, if not what the file is called."),
    ] = None,
    base: ItsBase = None,
    as_json: Json = False,
) -> None:
    from prefcli.services.portable import import_space
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        print_imported(output, import_space(store, source, name, base), as_json)


@commands.command(
    help="Throw a space away: its files, its name and its encodings.\n\n"
    "For one that nobody uses, or whose files are damaged or gone, which blocks its name. "
    "Profiles stay; they work again once the same space is imported.",
    short_help="Throw a space away.",
    epilog=examples("prefcli space remove everyday", "prefcli space remove everyday --yes"),
)
def remove(
    name: Here,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    from prefcli.services.space_removal import remove_space
    from prefcli.store import Store

    with Output() as output, Store.open() as store:

        def agreed(plan: dict[str, Any]) -> bool:
            if yes:
                return True
            if sys.stdin is None or not sys.stdin.isatty():
                raise UsageError("space remove asks first, and stdin is no terminal: add --yes")
            return typer.confirm(f"Remove space {name} with {_what_goes(plan)}?", err=True)

        before = store.setting("space")
        removed = remove_space(store, name, agreed)
        if as_json:
            output.json(removed)
        else:
            output.text(f"space {name} is gone, with {_what_goes(removed)}")
        if removed["profiles"]:
            stay = (
                "1 profile stays"
                if removed["profiles"] == 1
                else (f"{removed['profiles']} profiles stay")
            )
            output.note(
                f"{stay} and cannot be used without the space: import it again, or fit the "
                "users again"
            )
        if before == name:
            output.note(f"space in use: {removed['in_use']}")


def print_imported(output: Output, space: dict[str, Any], as_json: bool) -> None:
    """Print a space that was imported, or was here already."""
    name = space["space"]
    output.record(space, as_json)
    if not space["imported"]:
        output.note(f"space {name} is here already, with the same weights: nothing was added")
    elif not as_json:
        output.hint(f"Next: prefcli space use {name}")


def _what_goes(plan: dict[str, Any]) -> str:
    return words.count(plan["encodings"], "encoding")
