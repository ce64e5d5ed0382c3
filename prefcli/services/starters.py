"""The starter profiles that an installation carries, to import by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefcli import pref_file
from prefcli.errors import NotFoundError

SUFFIX = ".pref"


def starter_directory() -> Path:
    """Where the starter profiles lie: inside an installation, beside the package in a checkout.

    Raises:
        NotFoundError: neither place has them.
    """
    package = Path(__file__).parent.parent
    for folder in (package / "starter_profiles", package.parent / "profiles"):
        if folder.is_dir():
            return folder
    raise NotFoundError(f"no starter profiles in {package}: install prefcli again")


def list_starters() -> list[dict[str, Any]]:
    """Every starter profile, by name.

    Returns:
        `name`; `likes`, in words; `pairs`, how many judgements it was learned from; `space`, the
        name of its space, and `fingerprint`; `bytes` and `file`.

    Raises:
        NotFoundError: the installation lacks them.
        DataError: one of them is damaged.
    """
    found = []
    for path in sorted(starter_directory().glob(f"*{SUFFIX}")):
        content = path.read_bytes()
        _, about = pref_file.unpack(content, str(path))
        found.append(
            {
                "name": about["user"],
                "likes": str(about.get("note", "")).removeprefix("likes "),
                "pairs": about.get("pairs"),
                "space": about["space"]["name"],
                "fingerprint": about["space"]["fingerprint"],
                "bytes": len(content),
                "file": str(path),
            }
        )
    return found


def starter_file(name: str) -> Path | None:
    """The file of a starter profile; None where none has this name."""
    if not name or Path(name).name != name or "\0" in name:
        return None
    try:
        path = starter_directory() / f"{name}{SUFFIX}"
        return path if path.is_file() else None
    except (NotFoundError, OSError):  # OSError: a name that is too long for a file
        return None
