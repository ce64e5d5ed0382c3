"""The one place that writes to the terminal.

stdout carries results and nothing else: text, tables, JSON, JSON lines. Progress, notes, warnings
and errors go to stderr. Each stream decides about colour for itself (`NO_COLOR` is respected) and
what goes into a pipe is plain: no colour, no frame, nothing cut to the width of a window.

Rich takes as long to import as all the rest of a start, so the first table or bar loads it and
nothing before.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from shutil import get_terminal_size
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from prefcli import chart, table
from prefcli.bar import Bar
from prefcli.chart import BarRow
from prefcli.errors import PrefcliError, UsageError
from prefcli.table import Column

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Column", "Output"]

# What could move the cursor or change colours: C0 without tab and newline, DEL and C1.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Output:
    """Both streams of one command; a context manager that takes the progress bar away."""

    def __init__(self) -> None:
        self._stdout = _writable(sys.stdout)
        self._stderr = _writable(sys.stderr)
        self.progress = Bar(self._stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

    @property
    def interactive(self) -> bool:
        """Whether a person reads the results in a terminal."""
        return self._stdout.isatty()

    # Results

    def text(self, text: str) -> None:
        """Print a result as text, ending in one newline."""
        self.piece(text if text.endswith("\n") else text + "\n")

    def sentence(self, text: str, indent: int = 0) -> None:
        """Print a result that is one long line; in a terminal it goes on below, indented."""
        from textwrap import fill

        room = get_terminal_size().columns
        cuts = self.interactive and room >= table.LEAST_WIDTH
        if cuts:
            blanks = " " * indent
            text = fill(text, room, subsequent_indent=blanks, break_on_hyphens=False)
        self.text(text)

    def piece(self, text: str) -> None:
        """Print part of a result at once, as it is; in a terminal without control characters."""
        self._result(_CONTROL.sub("", text) if self.interactive else text)

    def binary(self, content: bytes) -> None:
        """Print a result that is no text.

        Raises:
            UsageError: a terminal would show it.
        """
        if self.interactive:
            raise UsageError("no terminal can show such bytes: name a file, or send them to one")
        stream = getattr(self._stdout, "buffer", None)
        assert stream is not None
        self._write(stream, content)

    def exact(self, text: str) -> None:
        """Print part of a result that a program will read, as it is."""
        self._result(text)

    def json(self, value: Any) -> None:
        """Print one JSON object over several lines."""
        self._result(self._to_json(value, indent=2) + "\n")

    def jsonl(self, value: Any) -> None:
        """Print one JSON object as one line, at once."""
        self._result(self._to_json(value) + "\n")

    def table(self, columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> None:
        """Print rows below a line of titles."""
        cells = [
            [_one_line(column.show(row.get(column.key))) for column in columns] for row in rows
        ]
        if not self.interactive:
            self._result(table.plain(columns, cells))
            return
        window = get_terminal_size().columns
        widths = table.fitting_widths(columns, cells, window)
        if widths is None:
            self._result(table.cards(columns, cells, window))
        else:
            self._print(table.framed(columns, cells, widths))

    def fields(self, values: Mapping[str, Any]) -> None:
        """Print one object as lines of name and value, what is nested indented.

        In a terminal, a long value goes on below itself.
        """
        from textwrap import wrap

        lines = list(_lines(values))
        width = max((len(name) for name, _ in lines), default=0) + table.GAP
        room = get_terminal_size().columns - width
        cuts = self.interactive and room >= table.LEAST_WIDTH
        printed = []
        for name, value in lines:
            first, *more = (wrap(value, room) if cuts else [value]) or [""]
            printed.append(f"{name:<{width}}{first}".rstrip())
            printed += [" " * width + part for part in more]
        self.text("\n".join(printed))

    def bars(self, rows: Sequence[BarRow]) -> None:
        """Print bars, each with a label before it and a note behind."""
        window = get_terminal_size().columns if self.interactive else 80
        lines = chart.bars(
            [replace(row, label=_one_line(row.label), note=_one_line(row.note)) for row in rows],
            window,
            blocks=self._unicode,
            colours=self.interactive and not _plain_terminal(),
        )
        self._result("".join(f"{line}\n" for line in lines))

    def record(self, values: Mapping[str, Any], as_json: bool) -> None:
        """Print one object, as JSON or for a person."""
        if as_json:
            self.json(values)
        else:
            self.fields(values)

    def listing(
        self,
        columns: Sequence[Column],
        rows: Iterable[Mapping[str, Any]],
        limit: int,
        as_jsonl: bool,
        empty: str = "",
    ) -> None:
        """Print at most `limit` rows (0: all), as JSON lines or as a table.

        One row more than `limit` is asked for, to tell on stderr that there are more. `empty` is
        what to tell when there is no row.
        """
        found = iter(rows)
        shown = islice(found, limit or None)
        if as_jsonl:
            for row in shown:
                self.jsonl(row)
        else:
            listed = list(shown)
            if listed:
                self.table(columns, listed)
            elif empty:
                self.note(empty)
        if limit and next(found, None) is not None:
            first = "the first one is" if limit == 1 else f"the first {limit} are"
            self.note(f"{first} shown, there are more: -n 0 shows all")

    def side_by_side(self, titles: Sequence[str], texts: Sequence[str]) -> None:
        """Print texts in columns beside each other, each below its title."""
        from rich.table import Table

        columns = Table(
            box=None, expand=True, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold"
        )
        for title in titles:
            columns.add_column(title, ratio=1, overflow="fold")
        columns.add_row(*(_CONTROL.sub("", text) for text in texts))
        self._print(columns, width=None if self.interactive else 80)

    # Everything else

    def note(self, message: str) -> None:
        """Tell something about the results that is not part of them."""
        self._say(f"prefcli: {_one_line(message)}")

    def hint(self, message: str) -> None:
        """Tell the person in front of the terminal what to do next; silent when nobody is."""
        if self._stderr.isatty() and self.interactive:
            self._say(message)

    def warning(self, message: str) -> None:
        """Tell of something doubtful that did not stop the work."""
        self._say(self._coloured("prefcli: warning:", "33") + f" {_one_line(message)}")

    def error(self, message: str, details: Sequence[str] = ()) -> None:
        """Tell what went wrong, in one line, and each fault below it."""
        lines = [self._coloured("prefcli: error:", "31") + f" {_one_line(message)}"]
        lines += [f"  {_one_line(detail)}" for detail in details]
        self._say("\n".join(lines))

    def interrupted(self) -> None:
        """Say that the work was stopped from outside."""
        self._say("prefcli: interrupted")

    def usage(self, text: str) -> None:
        """Print a help page to stderr, for a command that lacks its words."""
        self._say(text)

    def finish(self) -> None:
        """Leave nothing behind that Python could fail to write at its exit, changing the code."""
        for stream in (self._stdout, self._stderr):
            try:
                stream.flush()
            except OSError:
                _discard(stream)

    def _result(self, text: str) -> None:
        if self.interactive:
            self.progress.stop()
        self._write(self._stdout, text)

    def _write(self, stream: Any, content: str | bytes) -> None:
        try:
            stream.write(content)
            stream.flush()
        except BrokenPipeError:
            self.progress.stop()
            _discard(self._stdout)
            raise SystemExit(0) from None
        except OSError as error:
            _discard(self._stdout)
            raise PrefcliError(
                f"cannot write to standard output: {error.strerror or error}; "
                "send it to another file or device"
            ) from error

    def _say(self, text: str) -> None:
        self.progress.stop()
        try:
            self._stderr.write(text + "\n")
            self._stderr.flush()
        except OSError:  # nobody listens; the exit code still tells
            _discard(self._stderr)

    def _coloured(self, text: str, colour: str) -> str:
        return (
            text
            if _plain_terminal() or not self._stderr.isatty()
            else f"\x1b[1;{colour}m{text}\x1b[0m"
        )

    def _to_json(self, value: Any, indent: int | None = None) -> str:
        return json.dumps(
            _finite(value), ensure_ascii=not self._unicode, indent=indent, default=_encode
        )

    @property
    def _unicode(self) -> bool:
        return (self._stdout.encoding or "").lower().replace("-", "") == "utf8"

    def _print(self, drawing: Table, width: int | None = None) -> None:
        from rich.console import Console

        console = Console(file=self._stdout, width=width, markup=False, highlight=False)
        with console.capture() as capture:
            console.print(drawing)
        self._result("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def _plain_terminal() -> bool:
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def _writable(stream: TextIO | None) -> TextIO:
    if stream is None:  # started with the stream closed
        return Path(os.devnull).open("w", encoding="utf-8", errors="backslashreplace")
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None and stream.errors in ("strict", "surrogateescape"):
        # What the terminal's encoding lacks, and half characters (which the C locale's
        # surrogateescape lets through only in part), are shown as escapes.
        reconfigure(errors="backslashreplace")
    return stream


def _discard(stream: TextIO) -> None:
    """Drop what `stream` holds: Python flushes it once more on its way out, and complains then."""
    with suppress(OSError):  # a stream without a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _one_line(text: str) -> str:
    return _CONTROL.sub("", " ".join(text.split()))


def _lines(values: Mapping[str, Any], indent: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        label = indent + str(name).replace("_", " ")
        if isinstance(value, Mapping) and value:
            yield label, ""
            yield from _lines(value, indent + "  ")
        else:
            yield label, _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple) and not any(
        isinstance(item, list | tuple | Mapping) for item in value
    ):
        return ", ".join(map(_plain, value)) or "-"
    if isinstance(value, list | tuple | Mapping):
        return json.dumps(_finite(value), ensure_ascii=False, default=_encode)
    return _one_line(str(value))


def _finite(value: Any) -> Any:
    """`value` with null for NaN and infinities, which JSON does not know."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _encode(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not a JSON type")
