"""The two files of a space as they lie on disk, read and checked without torch.

`space list` looks at every space, and `fit` and `generate` at theirs, before anything heavy is
imported. So it is here that a space proves lost or damaged, and that this is told in one line.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from prefcli.errors import DataError, NotFoundError

FORMAT = 1
WEIGHTS, DESCRIPTION = "space.safetensors", "space.json"
# What decides, beside the weights, how a space encodes and answers; its fingerprint is of the
# weights and the base alone.
SETTINGS = (
    "base_fingerprint",
    "encoder",
    "adapter",
    "latent_size",
    "max_prompt_tokens",
    "max_response_tokens",
    "rho",
    "lora_rank",
)
REMEDY = "restore that directory, or `prefcli space remove` it and import or train the space again"


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
    if fault := check_description(description):
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
    _replace(directory / DESCRIPTION, _told({**read_description(directory), "report": report}))


def read_weights(directory: Path, fingerprint: str) -> dict[str, npt.NDArray[Any]]:
    """The tensors of `space.safetensors` by name, if they are those that the fingerprint is of.

    Raises:
        NotFoundError: the file is not there.
        DataError: they are others, or cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    base_fingerprint = read_description(directory)["base_fingerprint"]
    try:
        with _reading(directory), safe_open(directory / WEIGHTS, framework="numpy") as file:
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, TypeError) as error:  # TypeError: numbers that numpy lacks
        raise damaged(directory, f"{WEIGHTS} is cut off or overwritten") from error
    if fingerprint_of(base_fingerprint, tensors) != fingerprint:
        raise damaged(directory, "its weights are not those that its fingerprint is of")
    return tensors


def write_files(directory: Path, description: Mapping[str, Any], weights: bytes) -> None:
    """Write the two files of a space; a reader never sees one half-written."""
    directory.mkdir(parents=True, exist_ok=True)
    _replace(directory / WEIGHTS, weights)
    _replace(directory / DESCRIPTION, _told(description))


def _told(description: Mapping[str, Any]) -> bytes:
    return (json.dumps(description, indent=1) + "\n").encode()


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def fingerprint_of(base_fingerprint: str, tensors: Mapping[str, npt.NDArray[Any]]) -> str:
    """16 hex digits over the base and every weight; profiles and encodings carry it."""
    digest = hashlib.sha256(base_fingerprint.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor).data)
    return digest.hexdigest()[:16]


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


def check_description(description: Any) -> str | None:
    """The first member that is not what `Space.save` writes, None where all are."""
    if not isinstance(description, dict):
        return "format"
    value = description.get
    bits, report, encoder = value("own_bits_per_byte"), value("report"), value("encoder")
    rho = value("rho")
    names = ("base", "fingerprint", "base_fingerprint")
    sizes = ("latent_size", "max_prompt_tokens", "max_response_tokens")
    sound = {
        "format": value("format") == FORMAT,
        **{name: isinstance(value(name), str) for name in names},
        **{name: _whole(value(name), 1) for name in sizes},
        "rho": isinstance(rho, int | float) and _number(rho) and rho >= 0,
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
