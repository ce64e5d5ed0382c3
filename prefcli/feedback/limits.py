"""How much one row may hold, so that a file of any size is read in a memory that does not grow."""

from __future__ import annotations

from prefcli.errors import DataError

LARGEST_ROW = 64 * 1024 * 1024
"""Characters in one row; a long book has two million."""


class RowTooLongError(DataError):
    """A row holds more than `LARGEST_ROW` characters.

    Args:
        line: The 1-based line on which the row starts.
    """

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(
            f"a row of more than {LARGEST_ROW >> 20} million characters, which no judgement has; "
            "is a line break, a bracket or a quote missing?"
        )
