"""Tables for people: framed and cut to a window, or plain and complete in a pipe.

In a pipe nothing is cut, but a column is padded to `WIDEST` at most: one long cell pushes its own
line to the right and not all the others. In a window too narrow for even the least width of every
column, each row becomes a card: one line for each field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

GAP = 2  # blanks between two columns
LEAST_WIDTH = 8  # of a column that gives way
WIDEST = 60  # to which a column is padded in a pipe


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Args:
        key: The field of the row.
        title: What stands above it.
        show: Turns the field into text; a missing field is None.
        right: Align to the right, as numbers want.
        shrinks: Gives way when the window is too narrow.
        wraps: What then does not fit goes on below, where others are cut.
    """

    key: str
    title: str
    show: Callable[[Any], str] = str
    right: bool = False
    shrinks: bool = False
    wraps: bool = False


Cells = Sequence[Sequence[str]]


def plain(columns: Sequence[Column], cells: Cells) -> str:
    """Rows below a line of titles, for a pipe."""
    from rich.cells import cell_len

    lines = [[column.title for column in columns], *cells]
    widths = [min(width, WIDEST) for width in _widths(columns, cells)]

    def padded(column: Column, text: str, width: int) -> str:
        blanks = " " * (width - cell_len(text))
        return blanks + text if column.right else text + blanks

    gap = " " * GAP
    return "".join(gap.join(map(padded, columns, line, widths)).rstrip() + "\n" for line in lines)


def fitting_widths(columns: Sequence[Column], cells: Cells, window: int) -> list[int] | None:
    """The columns' widths in a terminal of `window` columns, or None where they do not fit.

    The widest columns that give way do so first.
    """
    widths = _widths(columns, cells)
    room = window - GAP * (len(columns) - 1)
    giving = [index for index, column in enumerate(columns) if column.shrinks]
    while sum(widths) > room:
        widest = max(giving, key=lambda index: widths[index], default=None)
        if widest is None or widths[widest] <= LEAST_WIDTH:
            return None
        widths[widest] -= 1
    return widths


def framed(columns: Sequence[Column], cells: Cells, widths: Sequence[int]) -> Table:
    """Rows below a line of titles and a rule, for a terminal."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, GAP - 1, 0, 0),  # the frame's own divider is the other blank
        header_style="bold",
    )
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            width=width,
            no_wrap=not column.wraps,
            overflow="fold" if column.wraps else "ellipsis",
        )
    for row in cells:
        table.add_row(*row)
    return table


def cards(columns: Sequence[Column], cells: Cells, window: int) -> str:
    """Each row as lines of title and field, a blank line between two rows."""
    from textwrap import wrap

    from rich.cells import cell_len, set_cell_size

    titles = max(len(column.title) for column in columns)
    room = max(LEAST_WIDTH, window - titles - GAP)

    def cut(text: str) -> str:
        return text if cell_len(text) <= room else set_cell_size(text, room - 1) + "…"

    def shown(column: Column, text: str) -> str:
        if not column.wraps:
            return cut(text)
        return ("\n" + " " * (titles + GAP)).join(wrap(text, room))

    return "\n".join(
        "".join(
            f"{column.title:<{titles + GAP}}{shown(column, text)}".rstrip() + "\n"
            for column, text in zip(columns, row, strict=True)
        )
        for row in cells
    )


def _widths(columns: Sequence[Column], cells: Cells) -> list[int]:
    from rich.cells import cell_len

    lines = [[column.title for column in columns], *cells]
    return [max(map(cell_len, texts)) for texts in zip(*lines, strict=True)]
