"""The options of `eval` and `ab` that say which profile is put to the test."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli import completion
from prefcli.errors import UsageError

Tested = Annotated[
    str | None,
    typer.Option(
        "--user",
        "-u",
        metavar="NAME",
        help="Whose latest profile.",
        autocompletion=completion.profiles,
    ),
]
TestedProfile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        "-p",
        metavar="USER[@VERSION]",
        help="Which profile, instead of --user.",
        autocompletion=completion.profiles,
    ),
]


def tested(user: str | None, profile: str | None) -> str:
    """The profile that is named, one way or the other.

    Raises:
        UsageError: none is, or both ways at once.
    """
    if (user is None) == (profile is None):
        raise UsageError("whose profile? give either --user NAME or --profile USER@VERSION")
    if user is not None and "@" in user:
        raise UsageError(f"--user {user}: a version is named with --profile {user}")
    return user or profile or ""
