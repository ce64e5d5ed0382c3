"""`prefcli feedback list|rm|conflicts|export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from prefcli.cli import completion, words
from prefcli.cli.options import (
    Json,
    JsonLines,
    Limit,
    Yes,
    command_group,
    confirm,
    examples,
    told_of_the_rest,
)
from prefcli.errors import UsageError
from prefcli.output import Column, Output

commands = command_group("What users said about answers.")

COLUMNS = (
    Column("id", "ID", words.name, right=True),
    Column("user", "USER", words.name, shrinks=True),
    Column("kind", "KIND", words.name),
    Column("judgement", "JUDGED", words.name, shrinks=True),
    Column("prompt", "PROMPT", words.text, shrinks=True),
    Column("responses", "ANSWER", words.first, shrinks=True),
)
CONFLICTS = (
    Column("user", "USER", words.name, shrinks=True),
    Column("id", "ID", words.name, right=True),
    Column("contradicts", "CONTRADICTS", words.name, right=True),
    Column("kind", "KIND", words.name),
    Column("prompt", "PROMPT", words.text, shrinks=True),
    Column("responses", "ANSWER", words.first, shrinks=True),
)

User = Annotated[
    str | None,
    typer.Option(
        "--user",
        "-u",
        metavar="NAME",
        help="Only this user's.",
        autocompletion=completion.users,
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(metavar="KIND", help="Only pair, thumb, rating, ranking, edit or demonstration."),
]
Source = Annotated[
    str | None,
    typer.Option("--source", metavar="FILE", help="Only what was read from this file."),
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Only what was read on that day or later.")
]
Contains = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Only with this text in prompt or answers.")
]


@commands.command(
    "list",
    help="List feedback, the newest first.",
    epilog=examples("prefcli feedback list --user alice", "prefcli feedback list -n 0 --jsonl"),
)
def list_(
    user: User = None,
    kind: Kind = None,
    source: Source = None,
    since: Since = None,
    contains: Contains = None,
    limit: Limit = 20,
    as_jsonl: JsonLines = False,
) -> None:
    from prefcli.services.feedback import list_feedback
    from prefcli.store import Selection, Store

    selection = Selection(user, _kind(kind), source, since, contains)
    with Output() as output, Store.open() as store:
        rows = list_feedback(store, limit=limit + 1 if limit else 0, selection=selection)
        if not as_jsonl:
            rows = (row | {"judgement": words.judgement(row)} for row in rows)
        empty = "no feedback yet: prefcli ingest FILE --user NAME"
        if not selection.is_everything:
            empty = "no feedback that meets all of this"
        output.listing(COLUMNS, rows, limit, as_jsonl, empty=empty)


@commands.command(
    "rm",
    help="Remove feedback, by number or by what it is.\n\n"
    "Profiles keep what they learned from it until the next fit.",
    short_help="Remove feedback.",
    epilog=examples(
        "prefcli feedback rm 17 18",
        "prefcli feedback rm --source votes.jsonl --kind thumb --yes",
    ),
)
def rm(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID...]", help="Numbers.")] = None,
    user: User = None,
    kind: Kind = None,
    source: Source = None,
    since: Since = None,
    contains: Contains = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    from prefcli.services.feedback import matching, remove_feedback
    from prefcli.store import Selection, Store

    selection = Selection(user, _kind(kind), source, since, contains, ids or None)
    with Output() as output, Store.open() as store:
        if ids is None and not selection.is_everything:
            count, selection = matching(store, selection)
            if count:
                confirm(f"Remove {words.count(count, 'judgement')}?", yes)
        with told_of_the_rest(output):
            removed = remove_feedback(store, selection)
        if as_json:
            output.json(removed)
        else:
            output.text(f"{words.count(removed['removed'], 'judgement')} removed")


@commands.command(
    help="List judgements in which one user says opposite things.\n\n"
    "Preferring each of two answers to the other, or liking and disliking one.",
    short_help="List judgements that contradict each other.",
    epilog=examples("prefcli feedback conflicts --user alice"),
)
def conflicts(user: User = None, limit: Limit = 20, as_jsonl: JsonLines = False) -> None:
    from prefcli.services.feedback import find_conflicts
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        found = find_conflicts(store, user)
        output.listing(CONFLICTS, found, limit, as_jsonl, empty="no judgements contradict")


@commands.command(
    help="Write feedback to a file or to stdout.\n\n"
    "prefcli: JSON lines that ingest reads back exactly. trl: preference pairs for training. "
    "csv and parquet: a table, one row per judgement.",
    short_help="Write feedback to a file or to stdout.",
    epilog=examples(
        "prefcli feedback export -o feedback.jsonl",
        "prefcli feedback export --user alice --format trl > pairs.jsonl",
    ),
)
def export(
    user: User = None,
    format: Annotated[
        str, typer.Option(metavar="NAME", help="prefcli, trl, csv or parquet.")
    ] = "prefcli",
    file: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")
    ] = None,
) -> None:
    from prefcli.services.export import export_feedback
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        report = export_feedback(store, format, file, user=user, write=output.exact)
        if file is not None:
            output.note(f"{words.count(report.rows, 'row')} written to {file}")
        if report.left_out:
            output.warning(
                f"{words.count(report.left_out, 'judgement')} left out: {format} holds "
                "only which of two answers is better"
            )


def _kind(kind: str | None) -> Any:
    from prefcli.feedback.records import KINDS

    if kind is not None and kind not in KINDS:
        raise UsageError(f"--kind {kind}: expected one of {', '.join(KINDS)}")
    return kind
