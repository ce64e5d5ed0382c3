"""Every error prefcli raises on purpose, each with the exit code it ends in.

    PrefcliError            1    something failed
    ├── UsageError          2    the words of the command do not fit together
    ├── DataError          65    what was read is not what it should be
    └── NotFoundError      66    no such input, user, profile, base or space

A message is one line: what, where, what to do.
"""

from __future__ import annotations

from collections.abc import Sequence


class PrefcliError(Exception):
    """The root of the tree.

    Args:
        message: One line for a person: what happened, where, what to do.
        details: Further lines, one per fault (a bad row each, say).
    """

    exit_code = 1

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)


class UsageError(PrefcliError):
    """The arguments contradict each other or lack something."""

    exit_code = 2


class DataError(PrefcliError):
    """Input was found and is malformed."""

    exit_code = 65


class NotFoundError(PrefcliError):
    """A named input, user, profile, base or space does not exist."""

    exit_code = 66
