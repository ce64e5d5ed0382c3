"""The root of the command line: every command group in the order of the help page."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli import __version__
from prefcli.cli import (
    ab,
    ask,
    backup,
    base,
    chat,
    compare,
    config,
    demo,
    doctor,
    eval,  # noqa: A004 (a module)
    feedback,
    fit,
    generate,
    ingest,
    log,
    path,
    profile,
    profile_edit,  # noqa: F401 (adds its command to those of `profile`)
    profile_files,  # noqa: F401 (adds its commands to those of `profile`)
    profile_versions,  # noqa: F401 (adds its commands to those of `profile`)
    refit,
    removal,
    space,
    user_map,
)
from prefcli.cli.boundary import CommandLine
from prefcli.cli.defaults import defaults_of
from prefcli.cli.options import examples
from prefcli.output import Output

app = typer.Typer(
    cls=CommandLine,
    help="Turn opinions about a language model's answers into a personal profile, in "
    "milliseconds, and generate text the way that person likes it.",
    epilog=examples(
        "prefcli demo",
        "prefcli ingest feedback.jsonl --user alice",
        "prefcli fit --user alice",
        "prefcli generate --profile alice 'How do I cook rice?'",
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    # Typer's own report of a crash would print the values of local variables.
    pretty_exceptions_enable=False,
)


PAPER = """\
After Zhang et al., Disentangling Preference Representation and Text Generation
for Efficient Individual Preference Alignment, COLING 2025, arXiv:2412.20834"""


def _print_version(wanted: bool) -> None:
    if wanted:
        Output().text(f"prefcli {__version__}\n{PAPER}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    version: Annotated[  # noqa: ARG001 (its callback has done it)
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Parse what comes before the command; its text is the help of `app`."""
    ctx.default_map = defaults_of(ctx.invoked_subcommand)


app.add_typer(ingest.commands)
app.add_typer(removal.commands)
app.add_typer(fit.commands)
app.add_typer(refit.commands)
app.add_typer(ask.commands)
app.add_typer(generate.commands)
app.add_typer(chat.commands)
app.add_typer(compare.commands)
app.add_typer(eval.commands)
app.add_typer(ab.commands)
app.add_typer(log.rating)
app.add_typer(log.commands, name="log")
app.add_typer(profile.commands, name="profile")
app.add_typer(feedback.commands, name="feedback")
app.add_typer(base.commands, name="base")
app.add_typer(space.commands, name="space")
app.add_typer(user_map.commands)
app.add_typer(config.commands, name="config")
app.add_typer(path.commands)
app.add_typer(doctor.commands)
app.add_typer(backup.commands)
app.add_typer(demo.commands)
