"""Where prefcli keeps its files, and which word decides.

The first that is set wins: `$PREFCLI_HOME`, `$XDG_DATA_HOME/prefcli`, `~/.local/share/prefcli`.
Nothing here touches the disk, so a completion script may import it.
"""

from __future__ import annotations

import os
from pathlib import Path

from prefcli.errors import PrefcliError

CATALOG_NAME = "catalog.db"
SPACES_NAME = "spaces"
PSEUDONYM_KEY_NAME = "pseudonym.key"


def home_directory() -> Path:
    """The directory of the catalog and the spaces: absolute, not created here.

    An empty variable counts as unset, and so does a relative `$XDG_DATA_HOME`, as the XDG base
    directory specification asks. A relative `$PREFCLI_HOME` starts at the working directory.

    Raises:
        PrefcliError: `~` stands in the path and no home directory is known.
    """
    own = os.environ.get("PREFCLI_HOME", "")
    if own:
        return _expand(own).absolute()
    shared = os.environ.get("XDG_DATA_HOME", "")
    if shared and Path(shared).is_absolute():
        return Path(shared) / "prefcli"
    return _expand("~/.local/share") / "prefcli"


def catalog_path(home: Path | None = None) -> Path:
    """The catalog's file in `home` (default: `home_directory()`)."""
    return (home_directory() if home is None else home) / CATALOG_NAME


def _expand(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise PrefcliError(
            f"no home directory found for {text!r}, set PREFCLI_HOME to a directory"
        ) from error
