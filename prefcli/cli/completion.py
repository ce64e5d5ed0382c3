"""What the shell offers for names: read straight from the catalog, with the standard library only.

A key press must not wait for sqlite-utils (0.1 s), nor create a catalog, nor ever print an error.
"""

from __future__ import annotations

from contextlib import closing

from prefcli.config import catalog_path
from prefcli.errors import PrefcliError

BUILT_IN = "tiny"


def users(incomplete: str) -> list[str]:
    """Users with feedback whose names start with `incomplete`."""
    return _names("select distinct user from feedback", incomplete)


def profiles(incomplete: str) -> list[str]:
    """Users with a profile whose names start with `incomplete`."""
    return _names("select distinct user from profiles", incomplete)


def known(incomplete: str) -> list[str]:
    """Users with feedback or a profile whose names start with `incomplete`."""
    return _names("select user from feedback union select user from profiles", incomplete)


def bases(incomplete: str) -> list[str]:
    """Registered bases, and the built-in one."""
    return _names("select name from bases", incomplete, BUILT_IN)


def spaces(incomplete: str) -> list[str]:
    """Trained spaces, and the built-in one."""
    return _names("select name from spaces", incomplete, BUILT_IN)


def methods(incomplete: str) -> list[str]:
    """The methods of `fit`."""
    return [name for name in ("bradley-terry", "latent-dpo") if name.startswith(incomplete)]


def settings(incomplete: str) -> list[str]:
    """What `config` can set."""
    names = ("base", "space", "temperature", "top-p", "max-new-tokens", "log")
    return [name for name in names if name.startswith(incomplete)]


def _names(query: str, incomplete: str, *built_in: str) -> list[str]:
    names = {*built_in, *_column(query)}
    return sorted(name for name in names if name.startswith(incomplete))


def _column(query: str) -> list[str]:
    import sqlite3

    try:
        catalog = catalog_path()
        if not catalog.is_file():
            return []
        with closing(sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True)) as connection:
            return [str(row[0]) for row in connection.execute(query)]
    except (sqlite3.Error, OSError, PrefcliError):
        return []
