"""`prefcli fit`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefcli.cli import completion, words
from prefcli.cli.options import HalfLife, Json, JsonLines, Space, command_group, examples
from prefcli.errors import UsageError
from prefcli.output import Column, Output

if TYPE_CHECKING:
    from prefcli.services.fit import FitReport

commands = command_group()

COLUMNS = (
    Column("profile", "PROFILE", words.name, shrinks=True),
    Column("pairs", "PAIRS", words.name, right=True),
    Column("thumbs", "THUMBS", words.name, right=True),
    Column("prompts", "PROMPTS", words.name, right=True),
    Column("train_accuracy", "TRAIN", words.accuracy, right=True),
    Column("heldout_accuracy", "HELD OUT", words.accuracy, right=True),
    Column("encode_seconds", "ENCODE", words.seconds, right=True),
    Column("solve_seconds", "SOLVE", words.seconds, right=True),
    Column("bytes", "SIZE", words.size, right=True),
)


@commands.command(
    help="Learn a user's profile from their feedback.\n\n"
    "Every fit is a new version; older ones stay. HELD OUT is the accuracy on prompts that "
    "were kept out of the fit, a dash where there are too few to tell. With --all, what users "
    "have in common is learned as well, and helps those who said little. What the methods do: "
    "docs/methods.md.",
    short_help="Learn a user's profile from their feedback.",
    epilog=examples(
        "prefcli fit --user alice",
        "prefcli fit --all --jsonl",
        "prefcli fit --user alice --half-life 90",
        "prefcli fit --user alice --method latent-dpo",
    ),
)
def fit(
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            "-u",
            metavar="NAME",
            help="The user to learn about.",
            autocompletion=completion.users,
        ),
    ] = None,
    all_users: Annotated[
        bool, typer.Option("--all", help="Every user whose feedback has changed.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --all: those who are up to date as well.")
    ] = False,
    half_life: HalfLife = None,
    space: Space = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            metavar="NAME",
            help="bradley-terry, a convex reward over z; or latent-dpo, the paper's own: a policy "
            "that reads each prompt, trained in seconds. Default: bradley-terry; with --all, what "
            "each user's latest profile has, and its half-life.",
            autocompletion=completion.methods,
        ),
    ] = None,
    as_json: Json = False,
    as_jsonl: JsonLines = False,
) -> None:
    if (user is None) != all_users:
        both = "not both" if all_users else "one of the two"
        raise UsageError(f"fit takes --user NAME or --all, {both}")
    if force and not all_users:
        raise UsageError("--force is for --all: --user fits in any case")
    if as_json and all_users:
        raise UsageError("--json is for one profile: use --jsonl with --all")
    if as_json and as_jsonl:
        raise UsageError("--json and --jsonl exclude each other")

    from prefcli.services import fit as service
    from prefcli.services.fit_before import BRADLEY_TERRY
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        if user is not None:
            report = service.fit(
                store,
                user,
                space=space,
                method=method or BRADLEY_TERRY,
                half_life=half_life,
                progress=output.progress,
            )
            reports = iter([report])
        else:
            reports = service.fit_all(
                store,
                space=space,
                method=method,
                half_life=half_life,
                force=force,
                progress=output.progress,
            )
        rows = print_reports(output, reports, as_json, as_jsonl)
        if not rows:
            output.note("every profile is up to date: --force fits them again")
        if len(rows) == 1 and not (as_json or as_jsonl):
            output.hint(f"Next: prefcli generate --profile {rows[0]['user']} 'How do I cook rice?'")


def print_reports(
    output: Output, reports: Iterable[FitReport], as_json: bool, as_jsonl: bool
) -> list[dict[str, Any]]:
    """Print what each fit did, as JSON at once or as a table at the end, and return it."""
    rows: list[dict[str, Any]] = []
    for report in reports:
        row = report.as_dict()
        for warning in report.warnings:
            output.warning(f"{row['user']}: {warning}")
        if as_json:
            output.json(row)
        elif as_jsonl:
            output.jsonl(row)
        rows.append(row)
    if rows and not (as_json or as_jsonl):
        output.table(COLUMNS, rows)
        output.sentence(_learned(rows))
    return rows


def _learned(rows: list[dict[str, Any]]) -> str:
    """Whether something was learned: of one user with the figures, of several by name."""
    from prefcli.solvers.learned import in_words

    if len(rows) == 1:
        return in_words(rows[0]["learned"])
    users: dict[str, list[str]] = {"yes": [], "no": [], "too early": []}
    for row in rows:
        users[row["learned"]["verdict"]].append(str(row["user"]))
    told = {"yes": "something learned", "no": "nothing learned", "too early": "too early to tell"}
    return "; ".join(
        f"{told[verdict]}: {words.some(names)}" for verdict, names in users.items() if names
    )
