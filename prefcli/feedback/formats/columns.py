"""Columns that someone named: whether a file has them.

A row that lacks one is a bad row like any other, and a column may begin anywhere in a file. Where
no row of the whole file has it, its name is wrong: that is one line for the file, with the names
that come near.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from prefcli.feedback import fields

_LOOKED_AT = 32  # rows whose columns are told
_SHOWN = 12  # columns


class SoughtColumns:
    """The columns of one file that are still to be found.

    Args:
        named: The columns by the flags that name them.
    """

    def __init__(self, named: Mapping[str, str]) -> None:
        self._lacking = dict(named)
        self._there: dict[str, None] = {}
        self._seen = 0

    def see(self, row: Mapping[str, Any]) -> None:
        """Look at one row."""
        if not self._lacking:
            return
        self._lacking = {
            flag: name for flag, name in self._lacking.items() if not fields.has(row, name)
        }
        self._seen += 1
        if self._lacking and self._seen <= _LOOKED_AT:
            self._there.update(dict.fromkeys(fields.paths(row)))

    def fault(self) -> str | None:
        """What is wrong with the names, after the last row; None if each was found."""
        if not self._lacking or not self._seen:
            return None
        said = []
        for flag, name in self._lacking.items():
            near = difflib.get_close_matches(name, self._there, n=3, cutoff=0.5)
            hint = f", did you mean {' or '.join(near)}?" if near else ""
            said.append(f"{flag} {name}: there is no such field{hint}")
        shown = ", ".join(list(self._there)[:_SHOWN]) + (", ..." * (len(self._there) > _SHOWN))
        return f"{'; '.join(said)} (the rows have {shown or 'no fields'})"
