"""What stage 1 needs to go on where it stopped, in one file that is always whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from prefcli.errors import DataError

FORMAT = 1


def write(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint; whoever is killed meanwhile leaves the one before."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            torch.save({"format": FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path) -> dict[str, Any] | None:
    """The checkpoint's state, None if there is no file. Tensors and plain values only are read.

    Raises:
        DataError: it is damaged, or of another version of prefcli.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        known = state.pop("format") == FORMAT
    except Exception as error:  # torch raises nearly anything
        raise DataError(
            f"the checkpoint {path} is damaged: remove it, and training begins anew"
        ) from error
    if not known:
        raise DataError(f"the checkpoint {path} is of another version of prefcli: remove it")
    return dict(state)
