"""Bars in a terminal: a label, a bar as long as a number says, a note.

The bars share what room is left beside labels and notes. Where the encoding has no block
characters they are made of `=`; in a pipe they are plain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

GAP = 2  # blanks between label, bar and note
WIDEST, NARROWEST = 40, 4  # of a bar, in characters
_BLOCKS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True)
class BarRow:
    """One bar.

    Args:
        label: What stands before it.
        value: How long it is, at least 0.
        note: What stands behind it.
        faint: Drawn as less than the others: what it stands for is not certain.
    """

    label: str
    value: float
    note: str = ""
    faint: bool = False


def bars(
    rows: Sequence[BarRow],
    window: int,
    blocks: bool,
    colours: bool = False,
    least: float = 1.0,
) -> Iterator[str]:
    """The lines of a chart.

    Args:
        rows: The bars.
        window: Columns of the terminal.
        blocks: Whether its encoding has block characters.
        colours: Whether to colour the bars.
        least: What a bar of full length stands for at least.
    """
    labels = max((len(row.label) for row in rows), default=0)
    notes = max((len(row.note) for row in rows), default=0)
    room = window - labels - notes - 2 * GAP
    room = max(NARROWEST, min(WIDEST, room))
    largest = max([least, *(row.value for row in rows)])
    for row in rows:
        drawn = _bar(room * row.value / largest, blocks)
        blanks = " " * (room - len(drawn))
        if colours:
            drawn = f"\x1b[{'2;36' if row.faint else '36'}m{drawn}\x1b[0m"
        yield f"{row.label:<{labels}}  {drawn}{blanks}  {row.note}".rstrip()


def _bar(length: float, blocks: bool) -> str:
    """A bar of so many characters, to an eighth where there are blocks for it; never none."""
    if not blocks:
        return "=" * max(1, round(length))
    eighths = max(1, round(8 * length))
    return "█" * (eighths // 8) + (_BLOCKS[eighths % 8] if eighths % 8 else "")
