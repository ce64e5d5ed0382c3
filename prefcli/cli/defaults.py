"""What `prefcli config set` changes, put where Typer looks for defaults.

Read straight from the catalog, with the standard library only, before the options of a command are:
so that each option is set by its flag, else by the setting, else by its own default.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from prefcli.config import catalog_path
from prefcli.errors import PrefcliError

COMMANDS = ("generate", "compare", "chat")
NAMES = ("temperature", "top_p", "max_new_tokens", "log")


def defaults_of(command: str | None) -> dict[str, dict[str, Any]]:
    """The defaults that were set, by command and option; of a command that has none, nothing."""
    if command not in COMMANDS:
        return {}
    import sqlite3

    try:
        catalog = catalog_path()
        if not catalog.is_file():
            return {}
        with closing(sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT key, value FROM settings").fetchall()
    except (sqlite3.Error, OSError, PrefcliError):
        return {}  # the command itself will say what is wrong
    return {command: {key: value for key, value in rows if key in NAMES}}
