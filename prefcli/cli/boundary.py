"""Where words that make no sense, and exceptions, become one line on stderr and an exit code."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from shutil import get_terminal_size
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from prefcli.errors import PrefcliError
from prefcli.output import Output

INTERRUPTED = 130
# Typer's own UsageError: private, but the parent of its public BadParameter.
WRONG_WORDS = typer.BadParameter.__bases__[0]
# Words that may be any bytes: paths and model ids, and the prompt, which is data.
ANY_BYTES = ("FILE", "FILES...", "SOURCE", "[PROMPT]")
NARROW = 52  # columns of a window below which Click's help pages, 50 wide at least, overflow


class Command(TyperCommand):
    """A command whose usage line reads `prefcli base add [OPTIONS] SOURCE`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words after the command's name, without the braces of required arguments."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def get_help_option(self, ctx: Any) -> Any:
        """The option `--help`."""
        return _through_output(super().get_help_option(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        super().format_help(ctx, _narrowed(formatter))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of this command; names must be UTF-8."""
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            value = ctx.params.get(parameter.name)
            values = value if isinstance(value, list | tuple) else (value,)
            for each in values if parameter.metavar not in ANY_BYTES else ():
                if isinstance(each, str):
                    _check_utf8(each, ctx, parameter)
        return rest


class Group(TyperGroup):
    """Commands that belong together; without a command, its help page and exit code 2."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option `--help`."""
        return _through_output(super().get_help_option(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        super().format_help(ctx, _narrowed(formatter))

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
        columns = get_terminal_size().columns
        if columns < NARROW:
            extra["terminal_width"] = columns - 2
        try:
            with _one_interrupt():
                code = super().main(
                    args, prog_name, complete_var, False, windows_expand_args, **extra
                )
        except (typer.Abort, KeyboardInterrupt):
            code = INTERRUPTED
        except Exception as error:
            code = report(error)
        if code == INTERRUPTED:
            # Typer turns Ctrl-C into this code itself, without a word.
            Output().interrupted()
        Output().finish()
        sys.exit(code or 0)


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal end the work alike, unless others handle them.

    Only the first of them counts: what it leaves undone is tidied up in peace.
    """
    usual: dict[int, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        getattr(signal, "SIGHUP", signal.SIGTERM): signal.SIG_DFL,
    }
    main = threading.current_thread() is threading.main_thread()
    mine = [each for each, handler in usual.items() if main and signal.getsignal(each) == handler]

    def stop(*_: Any) -> NoReturn:
        for each in mine:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for each in mine:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each in mine:
            if signal.getsignal(each) == stop:
                signal.signal(each, usual[each])


def report(error: Exception) -> int:
    """Print `error` as a line on stderr and return the exit code it stands for."""
    if os.environ.get("PREFCLI_DEBUG", "0") not in ("", "0"):
        with suppress(OSError):  # nobody listens
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
    message = re.sub("not a valid float( range)?", "not a number", message)
    message = re.sub("not a valid int(eger)?( range)?", "not a whole number", message)
    if message[1:2].islower():
        message = message[0].lower() + message[1:]
    if error.ctx is None:
        return message
    return f"{message}; see '{error.ctx.command_path} --help'"


def _through_output(option: Any) -> Any:
    """The option `--help`, printing as every result is printed."""

    def show(ctx: Any, _: Any, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            Output().text(ctx.get_help())
            ctx.exit()

    if option is not None:
        option.callback = show
    return option


def _narrowed(formatter: Any) -> Any:
    """In a narrow window, a long option stands on a line above its text and not beside it."""
    if formatter.width < NARROW - 2:
        formatter.write_dl = partial(formatter.write_dl, col_max=formatter.width // 3)
    return formatter


def _check_utf8(value: str, ctx: Any, parameter: Any) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:  # the shell's bytes, kept by Python as half characters
        shown = value.encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise typer.BadParameter(f"'{shown}' is not UTF-8", ctx, parameter) from None
