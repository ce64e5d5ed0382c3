"""A profile as one file that travels, `alice.pref`: the artifact with what is known about it.

The file is the artifact's own safetensors with one more section, `file`, in its JSON metadata:
whose it is, which space and base it needs, what it was learned from, and a SHA-256 over all of
that and every tensor. So anything that shows the header of a safetensors file shows it, and reading
it executes nothing. Taking the section out again gives the artifact's very bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from prefcli.errors import DataError

LARGEST = 1_000_000  # bytes; a profile has a few thousand
FORMAT = 1
_METADATA, _SECTION = "prefcli", "file"


def pack(artifact: bytes, about: Mapping[str, Any]) -> bytes:
    """The file of an artifact.

    Args:
        artifact: From `Profile.to_bytes`.
        about: What is known about it; must be JSON.
    """
    tensors, metadata = load(artifact), _header(artifact)
    section = {"format": FORMAT, **about}
    section["sha256"] = _digest(tensors, metadata | {_SECTION: section})
    return _saved(tensors, metadata | {_SECTION: section})


def unpack(content: bytes, where: str) -> tuple[bytes, dict[str, Any]]:
    """Inverse of `pack`.

    Args:
        content: The file.
        where: Its name, for messages.

    Raises:
        DataError: it is no file of a profile, of a newer format, cut off or changed.
    """
    if len(content) > LARGEST:
        raise DataError(f"{where} is larger than any profile: expected what `profile export` wrote")
    try:
        tensors, metadata = load(content), _header(content)
        section = dict(metadata.pop(_SECTION))
        said = section.pop("sha256")
        form = section["format"]
    except (
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise DataError(
            f"{where} is no file of a profile, or cut off: expected what `profile export` wrote"
        ) from error
    if form != FORMAT:
        raise DataError(f"{where} has format {form!r}, expected {FORMAT}: upgrade prefcli")
    if said != _digest(tensors, metadata | {_SECTION: section}):
        raise DataError(f"{where} was changed since it was written (its checksum differs)")
    del section["format"]
    return _saved(tensors, metadata), section


def _header(content: bytes) -> dict[str, Any]:
    """The JSON of a file whose header safetensors has checked."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata = json.loads(header["__metadata__"][_METADATA])
    if not isinstance(metadata, dict):
        raise ValueError("metadata is no JSON object")
    return metadata


def _saved(tensors: dict[str, Any], metadata: Mapping[str, Any]) -> bytes:
    return save(tensors, metadata={_METADATA: json.dumps(metadata, sort_keys=True)})


def _digest(tensors: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
