"""Where words that make no sense, and exceptions, become one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from prefcli.errors import PrefcliError
from prefcli.output import Output

INTERRUPTED = 130
# Typer's own UsageError: private, but the parent of its public BadParameter.
WRONG_WORDS = typer.BadParameter.__bases__[0]


class Command(TyperCommand):
    """A command whose usage line reads `prefcli base add [OPTIONS] SOURCE`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words after the command's name, without the braces of required arguments."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


class Group(TyperGroup):
    """Commands that belong together; without a command, its help page and exit code 2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of this level, or show the help page when there are none."""
        if not args and not ctx.resilient_parsing:
            Output().usage(ctx.get_help())
            raise typer.Exit(2)
        return super().parse_args(ctx, args)


class CommandLine(Group):
    """The root of all commands: the boundary that no exception passes."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run the command named in `args` and exit with its code.

        Raises:
            SystemExit: always.
        """
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except (typer.Abort, KeyboardInterrupt):
            code = INTERRUPTED
        except Exception as error:
            code = report(error)
        if code == INTERRUPTED:
            # Typer turns Ctrl-C into this code itself, without a word.
            Output().interrupted()
        sys.exit(code or 0)


def report(error: Exception) -> int:
    """Print `error` as a line on stderr and return the exit code it stands for."""
    if os.environ.get("PREFCLI_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error)
    output = Output()
    if isinstance(error, PrefcliError):
        output.error(error.message, error.details)
        return error.exit_code
    if isinstance(error, WRONG_WORDS):
        output.error(_usage_message(error))
        return 2
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        output.error(f"{error.strerror}{where}")
        return 1
    output.error(f"{type(error).__name__}: {error} (PREFCLI_DEBUG=1 shows where)")
    return 1


def _usage_message(error: Any) -> str:
    message = str(error.format_message()).rstrip(".")
    if message[1:2].islower():
        message = message[0].lower() + message[1:]
    if error.ctx is None:
        return message
    return f"{message}; see '{error.ctx.command_path} --help'"
