"""`prefcli ingest`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from prefcli.cli import completion, words
from prefcli.cli.boundary import Command
from prefcli.cli.fit import print_reports
from prefcli.cli.options import Json, JsonLines, command_group, examples
from prefcli.cli.table_options import (
    ChosenField,
    EditedField,
    IdField,
    LabelField,
    PromptField,
    ReasonField,
    RejectedField,
    ResponseField,
    ScoreField,
    ScoreScale,
    TimeField,
)
from prefcli.errors import UsageError
from prefcli.output import Column, Output

commands = command_group()

FORMAT_COLUMNS = (
    Column("format", "FORMAT", words.name),
    Column("kinds", "KINDS", ", ".join, shrinks=True),
    Column("tried", "TRIED", lambda tried: "on a real file" if tried else "no"),
    Column("example", "EXAMPLE", words.name, shrinks=True),
)


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
        "prefcli ingest mine.csv -u alice --prompt-field asked --edited-field answer",
        "prefcli ingest feedback.jsonl --user alice --fit",
        "prefcli ingest --list-formats",
        "cat feedback.jsonl | prefcli ingest - --user alice",
    ),
)
def ingest(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILES...", help="Files or directories; - is stdin."),
    ] = None,
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
    prompt_field: PromptField = None,
    chosen_field: ChosenField = None,
    rejected_field: RejectedField = None,
    response_field: ResponseField = None,
    score_field: ScoreField = None,
    score_scale: ScoreScale = None,
    label_field: LabelField = None,
    edited_field: EditedField = None,
    reason_field: ReasonField = None,
    id_field: IdField = None,
    time_field: TimeField = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Keep the good rows of a file with bad ones.")
    ] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --skip-bad: save the bad rows as they came."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what is in the files; change nothing.")
    ] = False,
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit the users of these files afterwards.")
    ] = False,
    list_formats: Annotated[
        bool,
        typer.Option(
            "--list-formats", help="List the layouts, or show --format's whole, and stop."
        ),
    ] = False,
    as_json: Json = False,
    as_jsonl: JsonLines = False,
) -> None:
    if list_formats:
        if as_json:
            raise UsageError("--json is for the report of an ingest; the list of formats: --jsonl")
        _list_formats(format, as_jsonl)
        return
    if as_jsonl:
        raise UsageError("--jsonl is for --list-formats; the report is one object: --json")
    if not files:
        raise UsageError("missing argument 'FILES...'; see 'prefcli ingest --help'")

    from prefcli.feedback.formats.table import Columns, parse_scale
    from prefcli.services.users import parse_renames

    words_for_both: dict[str, Any] = {
        "user": user,
        "user_field": user_field,
        "user_pattern": user_pattern,
        "map_user": parse_renames(map_user or []),
        "pseudonymize": pseudonymize,
        "format": format,
        "columns": Columns(
            prompt=prompt_field,
            chosen=chosen_field,
            rejected=rejected_field,
            response=response_field,
            score=score_field,
            label=label_field,
            edited=edited_field,
            reason=reason_field,
            id=id_field,
            time=time_field,
            scale=parse_scale(score_scale) if score_scale is not None else None,
        ),
        "skip_bad": skip_bad,
    }
    if dry_run:
        if rejects is not None:
            raise UsageError("--rejects and --dry-run exclude each other: nothing is written")
        if fit:
            raise UsageError("--fit and --dry-run exclude each other: nothing is written")
        _preview(files, as_json, words_for_both)
        return

    from prefcli.services.ingest import ingest as run
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        report = run(store, files, rejects=rejects, progress=output.progress, **words_for_both)
        for warning in report.warnings:
            output.warning(warning)
        fits = None
        if fit:
            from prefcli.services.fit import fit_users

            # Somebody may have said nothing but ties, which are not kept.
            told = [name for name in report.users if store.has_user(name)]
            fits = fit_users(store, told, progress=output.progress)
        if as_json:
            found = report.as_dict()
            if fits is not None:
                found["fits"] = [each.as_dict() for each in fits]
            output.json(found)
            return
        known = report.duplicates - report.repeated
        parts = [f"{report.inserted} new", f"{known} known already"]
        if report.repeated:
            parts.append(f"{report.repeated} repeated among them")
        if report.ties:
            parts.append(words.count(report.ties, "tie") + " that say nothing")
        if report.rejected:
            parts.append(f"{report.rejected} rejected")
        output.text(f"{words.count(report.read, 'row')} read: {', '.join(parts)}")
        if report.users:
            output.text(f"{words.count(len(report.users), 'user')}: {words.some(report.users)}")
        if fits is not None:
            print_reports(output, fits, as_json=False, as_jsonl=False)
        elif report.users:
            one = f"--user {report.users[0]}" if len(report.users) == 1 else "--all"
            output.hint(f"Next: prefcli fit {one}")


def _preview(files: list[str], as_json: bool, arguments: dict[str, Any]) -> None:
    from tempfile import TemporaryDirectory

    from prefcli.config import catalog_path
    from prefcli.services.preview import preview
    from prefcli.store import Store

    with Output() as output, ExitStack() as stack:
        home = None
        if not catalog_path().exists():  # not even an empty catalog is left behind
            home = Path(stack.enter_context(TemporaryDirectory(prefix="prefcli-"))) / "home"
        store = stack.enter_context(Store.open(home))
        found = preview(store, files, progress=output.progress, **arguments)
        for warning in found.warnings:
            output.warning(warning)
        if as_json:
            output.json(found.as_dict())
            return
        kinds = ", ".join(words.count(number, kind) for kind, number in found.kinds.items())
        output.fields(
            {
                "format": found.formats,
                "rows": found.read,
                "judgements": kinds or "none",
                "users": words.some([f"{name} ({n})" for name, n in found.users.items()]),
                "new": found.inserted,
                "known already": found.duplicates - found.repeated,
                "repeated": found.repeated,
                "ties": found.equal,
                "identical answers": found.ties,
                "empty answers": found.empty,
                "bad rows": found.rejected,
                "conflicts": f"{found.conflicts} ({found.first_conflict})"
                if found.first_conflict
                else found.conflicts,
                "words per prompt": _range(found.prompt_words),
                "words per answer": _range(found.answer_words),
            }
        )
        for number, row in enumerate(found.samples, start=1):
            output.fields({f"row {number}": _shown(row)})
        output.note("this was a dry run: nothing was added")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A judgement as a person checks it: what is there, the texts no longer than a line."""
    told = {key: value for key, value in row.items() if value is not None}
    answers = told.pop("responses")
    told["prompt"] = words.brief(words.text(told["prompt"]))
    return told | {
        f"answer {number}": words.brief(answer) for number, answer in enumerate(answers, start=1)
    }


def _range(lengths: dict[str, int]) -> str:
    return f"median {lengths['median']}, longest {lengths['max']}"


def _list_formats(one: str | None, as_jsonl: bool) -> None:
    """Every format on a line, or one with its whole example, which no line of a terminal holds."""
    from prefcli.services.formats import format_named, list_formats

    with Output() as output:
        if one is None:
            output.listing(FORMAT_COLUMNS, list_formats(), 0, as_jsonl)
            output.hint("A whole example: prefcli ingest --list-formats --format NAME")
        else:
            found = format_named(one)
            if as_jsonl:
                output.jsonl(found)
            else:
                output.fields(
                    {
                        column.title.lower(): column.show(found[column.key])
                        for column in FORMAT_COLUMNS
                    }
                )
