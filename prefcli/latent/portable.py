"""A space as one file that can be carried: `NAME.space.safetensors`.

A safetensors file with the tensors of `space.safetensors` and, under the single metadata key
`prefcli`, JSON (a single key, because safetensors writes several in no fixed order):

    {"format": 1, "sha256": ..., "source": ..., "space": the description in space.json}

`sha256` is over the rest of that JSON and over every tensor's name, type, shape and numbers, so it
does not depend on how safetensors lays them out. `source` is the Hugging Face id of the base, for
people. Reading such a file executes nothing, and what is read is bounded: a stream may claim any
length. No torch here: what the sizes mean is checked by `Space.load`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from prefcli.errors import DataError
from prefcli.latent.files import check_description, fingerprint_of

SUFFIX = ".space.safetensors"
PORTABLE_FORMAT = 1
LONGEST_HEADER = 4 << 20  # bytes of JSON; a space has some kilobytes of it
LARGEST = 4 << 30  # bytes of numbers; a base of 70 billion weights needs a tenth of that
_PART = 1 << 20  # bytes read at once
_METADATA = "prefcli"
_BYTES = {"F16": 2, "F32": 4}  # the types of number that a space has
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)

Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Portable:
    """What one file holds.

    Args:
        description: What `space.json` says.
        tensors: What `space.safetensors` holds.
        source: Hugging Face id of the base, None where nobody knows it.
    """

    description: dict[str, Any]
    tensors: Tensors
    source: str | None = None

    @property
    def fingerprint(self) -> str:
        """What profiles and encodings of this space carry."""
        return str(self.description["fingerprint"])

    def to_bytes(self) -> bytes:
        """The file; the same space always gives the same bytes."""
        text = json.dumps({"format": PORTABLE_FORMAT, "sha256": self._digest(), **self._told()})
        return save(dict(self.tensors), metadata={_METADATA: text})

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> Portable:
        """Inverse of `to_bytes`.

        Args:
            where: Name of the file, for messages.

        Raises:
            DataError: it is no space, a damaged one, or one of a newer format.
        """
        try:
            header = _header(content[: 8 + LONGEST_HEADER])
            told = json.loads(header["__metadata__"][_METADATA])
            number = told["format"]
            if isinstance(number, int) and number > PORTABLE_FORMAT:
                raise DataError(f"{where} is a space of a newer format: update prefcli")
            source = told["source"]
            found = cls(told["space"], load(content), source)
            if number != PORTABLE_FORMAT or told["sha256"] != found._digest():
                raise DataError(
                    f"{where} is damaged (its checksum is that of other content): copy it again"
                )
        # What JSON and safetensors make of bytes that no space has.
        except (SafetensorError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise _no_space(where) from error
        if source is not None and not is_hub_id(source):
            raise _no_space(where)
        found._check(where)
        return found

    def _check(self, where: str) -> None:
        """Refuse numbers that no training gives, with a checksum or without.

        Raises:
            DataError: see above.
        """
        if fault := check_description(self.description):
            raise DataError(
                f"{where} is no sound space (it lacks {fault!r} or has something else for it): "
                "export it again"
            )
        for name, tensor in self.tensors.items():
            if not np.isfinite(tensor).all():
                raise DataError(
                    f"{where} is no sound space ({name} holds a weight that is not finite): "
                    "train it again"
                )
        base = self.description["base_fingerprint"]
        if fingerprint_of(base, self.tensors) != self.fingerprint:
            raise DataError(
                f"{where} is no sound space (its weights are not those that its fingerprint is "
                "of): export it again"
            )

    def _told(self) -> dict[str, Any]:
        return {"source": self.source, "space": self.description}

    def _digest(self) -> str:
        digest = hashlib.sha256(json.dumps([PORTABLE_FORMAT, self._told()]).encode())
        for name, tensor in sorted(self.tensors.items()):
            line = json.dumps([name, tensor.dtype.str, list(tensor.shape)])
            digest.update(line.encode())
            digest.update(np.ascontiguousarray(tensor).data)
        return digest.hexdigest()


def read(stream: BinaryIO, where: str) -> bytes:
    """One portable space from a stream that may be anything, and endless.

    Raises:
        DataError: it is no safetensors file of numbers that a space has, or is cut off.
    """
    start = stream.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or not 2 <= length <= LONGEST_HEADER:
        raise _no_space(where)
    start += stream.read(length)
    try:
        size = _size(_header(start))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise _no_space(where) from error
    if size > LARGEST:
        raise _no_space(where)
    content = bytearray(start)
    # In parts: what a file claims to hold must not be asked of the memory before it is there.
    while part := stream.read(min(_PART, len(start) + size + 1 - len(content))):
        content += part
    if len(content) != len(start) + size:
        raise DataError(f"{where} is cut off or goes on beyond its end: copy it again")
    return bytes(content)


def is_hub_id(source: str) -> bool:
    """Whether a base's source is the id of a model on the Hugging Face Hub."""
    return isinstance(source, str) and _HUB_ID.fullmatch(source) is not None


def _header(content: bytes) -> dict[str, Any]:
    """The JSON at the beginning of a safetensors file.

    Raises:
        ValueError: there is none.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 + length:
        raise ValueError("cut off")
    header = json.loads(content[8 : 8 + length])
    if not isinstance(header, dict):
        raise ValueError("no JSON object")
    return header


def _size(header: Mapping[str, Any]) -> int:
    """Bytes of numbers that follow the header, from shapes and not from what offsets claim."""
    tensors = [entry for name, entry in header.items() if name != "__metadata__"]
    for entry in tensors:
        if not all(isinstance(side, int) and side >= 0 for side in entry["shape"]):
            raise ValueError("no shape")
    return sum(_BYTES[entry["dtype"]] * math.prod(entry["shape"]) for entry in tensors)


def _no_space(where: str) -> DataError:
    return DataError(
        f"{where} is no space, or cut off or overwritten: expected what `prefcli space export` "
        "writes"
    )
