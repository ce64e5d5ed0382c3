"""The two files of a space as they lie on disk, read and checked without torch.

`space list` looks at every space, and `fit` and `generate` at theirs, before anything heavy is
imported. So it is here that a space proves lost or damaged, and that this is told in one line.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefcli.errors import DataError, NotFoundError

FORMAT = 1
WEIGHTS, DESCRIPTION = "space.safetensors", "space.json"
REMEDY = "restore that directory, or train the space again under another name"


def read_description(directory: Path) -> dict[str, Any]:
    """What `space.json` says, once it and the weights are found whole as far as headers tell.

    Raises:
        NotFoundError: a file is not there.
        DataError: a file cannot be read, is not what `Space.save` writes, or is of a newer format.
    """
    with _reading(directory):
        content = (directory / DESCRIPTION).read_bytes()
    try:
        description = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise damaged(directory, f"{DESCRIPTION} is not JSON") from error
    if not isinstance(description, dict):
        raise damaged(directory, f"{DESCRIPTION} is no JSON object")
    if _whole(description.get("format"), FORMAT + 1):
        raise DataError(f"the space in {directory} is of a newer format: update prefcli")
    if fault := _fault(description):
        raise damaged(directory, f"{DESCRIPTION} lacks {fault!r} or has something else for it")
    _check_weights(directory, description["latent_size"])
    return description


def replace_report(directory: Path, report: dict[str, Any]) -> None:
    """Put another trust report in the place of a space's own; a reader sees the one or the other.

    The weights stay, and so does the fingerprint, which is of them.

    Raises:
        NotFoundError, DataError: as `read_description`.
        OSError: it cannot be written.
    """
    description = {**read_description(directory), "report": report}
    partial = directory / f".{DESCRIPTION}.{os.getpid()}"
    try:
        partial.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
        partial.replace(directory / DESCRIPTION)
    finally:
        partial.unlink(missing_ok=True)


def damaged(directory: Path, what: str) -> DataError:
    """The error for a space whose files are there and no good."""
    return DataError(f"the space in {directory} is damaged ({what}): {REMEDY}")


@contextmanager
def _reading(directory: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(
            f"no space in {directory}, which has lost its files: expected {DESCRIPTION} and "
            f"{WEIGHTS}, {REMEDY}"
        ) from error
    except OSError as error:
        raise damaged(directory, f"cannot be read: {error.strerror or 'not a file'}") from error


def _check_weights(directory: Path, latent_size: int) -> None:
    """Read the header, which knows how long the file has to be."""
    from safetensors import SafetensorError, safe_open

    try:
        with _reading(directory), safe_open(directory / WEIGHTS, framework="numpy") as tensors:
            shape = tensors.get_slice("reference").get_shape()
    except SafetensorError as error:
        raise damaged(directory, f"{WEIGHTS} is cut off or overwritten") from error
    if shape[1:] != [latent_size]:
        raise damaged(directory, f"{DESCRIPTION} and {WEIGHTS} do not fit together")


def _fault(description: dict[str, Any]) -> str | None:
    """The first member that is not what `Space.save` writes."""
    value = description.get
    bits, report, encoder = value("own_bits_per_byte"), value("report"), value("encoder")
    sizes = ("latent_size", "max_prompt_tokens", "max_response_tokens")
    sound = {
        "format": value("format") == FORMAT,
        **{name: isinstance(value(name), str) for name in ("fingerprint", "base_fingerprint")},
        **{name: _whole(value(name), 1) for name in sizes},
        "rho": _number(value("rho")),
        "own_bits_per_byte": isinstance(bits, list) and len(bits) == 2 and all(map(_number, bits)),
        "encoder": isinstance(encoder, dict) and _whole(encoder.get("depth")),
        "adapter": isinstance(value("adapter"), dict),
        "report": isinstance(report, dict) and _number(report.get("contrastive_accuracy")),
    }
    return next((name for name, well in sound.items() if not well), None)


def _whole(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: Any) -> bool:
    return _whole(value) or (isinstance(value, float) and math.isfinite(value))
