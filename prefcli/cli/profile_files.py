"""`prefcli profile export|import|starters`."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli import words
from prefcli.cli.options import Json, JsonLines, Limit, examples, finite
from prefcli.cli.profile import commands
from prefcli.cli.profile_versions import Name, NewVersion
from prefcli.errors import UsageError
from prefcli.output import Column, Output

STARTER_COLUMNS = (
    Column("name", "NAME"),
    Column("likes", "LIKES", words.name, shrinks=True),
    Column("bytes", "SIZE", words.size, right=True),
)


@commands.command(
    "export",
    help="Write a profile into one small file, to carry it elsewhere.\n\n"
    "The bytes go to stdout, or with -o to a file. It is a safetensors file: its metadata says "
    "whose it is, what it was learned from and which space it needs, and holds a checksum.\n\n"
    "With --to peft, -o is a directory that PEFT's PeftModel.from_pretrained(base, DIR) loads "
    "without prefcli; greedy answers are the same tokens. A blend as alice=0.7,bob=0.3 can be "
    "exported so, too.",
    short_help="Write a profile into one small file.",
    epilog=examples(
        "prefcli profile export alice > alice.pref",
        "prefcli profile export alice --to peft -o alice-adapter",
        "prefcli profile export alice | ssh host prefcli profile import -",
    ),
)
def export(
    name: Name,
    target: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write; - is stdout."),
    ] = "-",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    form: Annotated[
        str, typer.Option("--to", metavar="FORM", help="pref (a file) or peft (a directory).")
    ] = "pref",
    strength: Annotated[
        float,
        typer.Option(
            min=0, max=10, metavar="X", help="With --to peft: as in generate.", callback=finite
        ),
    ] = 1.0,
    as_json: Json = False,
) -> None:
    if form not in ("pref", "peft"):
        raise UsageError(f"--to {form}: expected pref or peft")
    if form == "peft":
        _export_peft(name, target, strength, force, as_json)
        return
    if strength != 1:
        raise UsageError("--strength is for --to peft: a file holds the whole profile")
    if target == "":
        raise UsageError("-o is empty: name a file, or - for stdout")
    if target == "-" and as_json:
        raise UsageError("stdout cannot take both the profile and --json: name a file with -o")

    from prefcli.services.profile_files import export_profile, write_profile
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        if target == "-":
            if output.interactive:
                raise UsageError("a terminal cannot show a profile: send it to a file, or use -o")
            output.binary(export_profile(store, name)[0])
            return
        written = write_profile(store, name, target, force)
        if as_json:
            output.json(written)
        else:
            output.text(f"{written['file']}: {written['profile']}, {words.size(written['bytes'])}")


@commands.command(
    "import",
    help="Add a profile from a file that `profile export` wrote.\n\n"
    "Its space must be here: a profile means nothing in another. A file that was changed on its "
    "way is refused. Where there is no file FILE, it is the name of a starter profile, one that "
    "prefcli brings for its built-in space: see `profile starters`.",
    short_help="Add a profile from a file.",
    epilog=examples(
        "prefcli profile import alice.pref",
        "prefcli profile import alice.pref --as anna",
        "prefcli profile import brief",
    ),
)
def import_(
    source: Annotated[
        str,
        typer.Argument(metavar="FILE", help="The file; - is stdin. Or a starter profile."),
    ],
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Whose it becomes, if not whom it names."),
    ] = None,
    new_version: NewVersion = False,
    as_json: Json = False,
) -> None:
    from prefcli.services.profile_files import import_profile
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        made = import_profile(store, source, name, new_version)
        if as_json:
            output.json(made)
        elif made["imported"]:
            output.text(f"{made['profile']}: imported")
        if not made["imported"]:
            output.note(f"{made['profile']} is this very profile already: nothing was added")


@commands.command(
    help="List the profiles that prefcli brings, ready to import by name.\n\n"
    "They belong to the built-in space, and were learned from judgements of the built-in base's "
    "own answers.",
    short_help="List the profiles that prefcli brings.",
    epilog=examples(
        "prefcli profile starters",
        "prefcli profile import brief",
        "prefcli generate --profile brief 'How do I cook rice?'",
    ),
)
def starters(limit: Limit = 0, as_jsonl: JsonLines = False) -> None:
    from prefcli.services.starters import list_starters

    with Output() as output:
        output.listing(STARTER_COLUMNS, list_starters(), limit, as_jsonl)


def _export_peft(name: str, target: str, strength: float, force: bool, as_json: bool) -> None:
    if target in ("-", ""):
        raise UsageError("an adapter is a directory: name it with -o")

    from prefcli.services.profile_peft import export_peft
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        told = export_peft(
            store, name, target, strength=strength, force=force, progress=output.progress
        )
        if as_json:
            output.json(told)
        else:
            output.text(f"{told['file']}: {told['profile']}, {words.size(told['bytes'])}")
            output.hint(
                f"In Python: PeftModel.from_pretrained(model, {told['file']!r}), where model is "
                f"AutoModelForCausalLM.from_pretrained({told['base']!r})"
            )
