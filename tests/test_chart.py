"""Bars fit their window, whatever it is, and say more where there is more."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from prefcli.chart import BarRow, bars

ROWS = [
    BarRow("shorter", 2.0, "much"),
    BarRow("more commas per sentence", 1.0),
    BarRow("more emoji", 0.3, "a little, probably", faint=True),
]


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("window", [60, 80, 200])
def test_no_line_is_wider_than_the_window(window: int, blocks: bool) -> None:
    lines = list(bars(ROWS, window, blocks))
    assert max(map(cell_len, lines)) <= window
    drawn = [sum(line.count(mark) for mark in "█=") for line in lines]
    assert drawn == sorted(drawn, reverse=True)
    assert drawn[0] >= 2 * drawn[1] - 1


def test_a_bar_is_never_nothing_and_a_small_largest_one_is_not_blown_up() -> None:
    (line,) = bars([BarRow("a", 0.0)], 80, False)
    assert line.split() == ["a", "="]
    (small,) = bars([BarRow("a", 0.5)], 80, False)
    (large,) = bars([BarRow("a", 1.0)], 80, False)
    assert 2 * small.count("=") == large.count("=")


def test_colours_change_nothing_but_colour() -> None:
    plain = list(bars(ROWS, 80, True))
    coloured = list(bars(ROWS, 80, True, colours=True))
    assert plain != coloured
    assert [re.sub("\x1b\\[[0-9;]*m", "", line) for line in coloured] == plain


def test_without_blocks_everything_is_ascii() -> None:
    assert all(line.isascii() for line in bars(ROWS, 80, False))


def test_no_rows_are_no_lines() -> None:
    assert list(bars([], 80, True)) == []
