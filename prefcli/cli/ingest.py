"""`prefcli ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prefcli.cli import completion, words
from prefcli.cli.boundary import Command
from prefcli.cli.options import Json, command_group, examples
from prefcli.output import Output

commands = command_group()


@commands.command(
    cls=Command,
    help="Read feedback files into the catalog.\n\n"
    "JSON, JSON lines, CSV, Parquet, Arrow and Excel; plain, compressed or in archives; a "
    "directory, or a pattern in quotes, stands for the files in it. What a file is, and its "
    "layout, is recognised. Reading a file twice adds nothing, and so does a file with a bad row, "
    "unless you --skip-bad rows.",
    short_help="Read feedback files into the catalog.",
    epilog=examples(
        "prefcli ingest feedback.jsonl --user alice",
        "prefcli ingest ratings.csv.gz --user-field annotator",
        r"prefcli ingest votes-*.jsonl --user-pattern 'votes-(?P<user>[^.]+)\.jsonl'",
        "prefcli ingest 'logs/**/*.jsonl' answers.zip --user alice",
        "cat feedback.jsonl | prefcli ingest - --user alice",
    ),
)
def ingest(
    files: Annotated[
        list[str], typer.Argument(metavar="FILES...", help="Files or directories; - is stdin.")
    ],
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            "-u",
            metavar="NAME",
            help="Whose feedback all of it is.",
            autocompletion=completion.users,
        ),
    ] = None,
    user_field: Annotated[
        str | None, typer.Option(metavar="FIELD", help="The field of each row that names its user.")
    ] = None,
    user_pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX", help="Find the user in the file's name, as the group (?P<user>...)."
        ),
    ] = None,
    map_user: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NEW", help="Rename a user; may be given several times."),
    ] = None,
    pseudonymize: Annotated[
        bool, typer.Option("--pseudonymize", help="Replace names by keyed hashes of them.")
    ] = False,
    format: Annotated[
        str | None, typer.Option(metavar="NAME", help="The layout, where it is not recognised.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Keep the good rows of a file with bad ones.")
    ] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --skip-bad: save the bad rows as they came."),
    ] = None,
    as_json: Json = False,
) -> None:
    from prefcli.services.ingest import ingest as run
    from prefcli.services.users import parse_renames
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        report = run(
            store,
            files,
            user=user,
            user_field=user_field,
            user_pattern=user_pattern,
            map_user=parse_renames(map_user or []),
            pseudonymize=pseudonymize,
            format=format,
            skip_bad=skip_bad,
            rejects=rejects,
            progress=output.progress,
        )
        for warning in report.warnings:
            output.warning(warning)
        if as_json:
            output.json(report.as_dict())
            return
        parts = [f"{report.inserted} new", f"{report.duplicates} known already"]
        if report.ties:
            parts.append(words.count(report.ties, "tie") + " that say nothing")
        if report.rejected:
            parts.append(f"{report.rejected} rejected")
        output.text(f"{words.count(report.read, 'row')} read: {', '.join(parts)}")
        if report.users:
            output.text(f"{words.count(len(report.users), 'user')}: {words.some(report.users)}")
            one = f"--user {report.users[0]}" if len(report.users) == 1 else "--all"
            output.hint(f"Next: prefcli fit {one}")
