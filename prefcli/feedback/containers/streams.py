"""Bytes out of files: opening, looking at the beginning, unpacking; nothing is held or sought.

What is packed says so in its first bytes. Damage shows only where the unpacking gets to it: the
bytes before it are handed on, so that a message can say how far the file was good.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from prefcli.errors import DataError, NotFoundError, PrefcliError

HEAD_BYTES = 65536
_BUFFER_BYTES = 1 << 18
_LARGEST_COPY = 16 << 30

SIGNATURES = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow stream"),
    (b"SQLite format 3\0", "sqlite"),
)
_FOREIGN = (
    (b"%PDF", "a PDF"),
    (b"FEA1", "a Feather file of version 1 (write it as version 2)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (save it as .xlsx)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive (unpack it)"),
    (b"Rar!", "a RAR archive (unpack it)"),
    (b"\x04\x22\x4d\x18", "an lz4 file (unpack it)"),
    (b"\x93NUMPY", "a NumPy array"),
)


_DAMAGE: tuple[type[Exception], ...] = (
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
)


class Damaged(DataError):  # noqa: N818 (it is told with a place before it reaches anyone)
    """Packed data ends early or is not what it should be; `what` it is packed by."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"the {what} data is cut off or damaged; copy the file again")


def kind_of(head: bytes, name: str) -> str:
    """What the first bytes of a file say it is: one of `SIGNATURES`, `tar` or `text`.

    Raises:
        DataError: they are those of something that holds no rows.
    """
    for signature, kind in SIGNATURES:
        if head.startswith(signature):
            return kind
    for signature, what in _FOREIGN:
        if head.startswith(signature):
            raise DataError(f"{name}: is {what}, expected rows of text or a table")
    return "tar" if head[257:262] == b"ustar" else "text"


@contextmanager
def opened(source: str, name: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, or of standard input, which stays open.

    Raises:
        NotFoundError: there is none, or it may not be read.
        DataError: it is a directory.
    """
    if source == "-":
        if sys.stdin is None:
            raise NotFoundError("stdin: there is no standard input; name a file")
        yield sys.stdin.buffer
        return
    try:
        stream = Path(source).open("rb")  # noqa: SIM115 (closed below; the try is for opening)
    except FileNotFoundError as error:
        raise NotFoundError(f"{name}: no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{name}: is a directory, expected a file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise NotFoundError(f"{name}: cannot be opened: {reason}") from error
    with stream:
        yield stream


class _Source(io.RawIOBase):
    """Bytes by a function, behind bytes that were read ahead."""

    def __init__(self, read: Callable[[int], bytes], head: bytes = b"") -> None:
        self._read = read
        self._head = head

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)


def looked_at(stream: IO[bytes]) -> tuple[bytes, io.BufferedReader]:
    """The first bytes of a stream, and the whole of it again.

    Damage within the first bytes is raised when the reading gets to it.
    """
    head = bytearray()
    damage: list[Damaged] = []

    def read(size: int) -> bytes:
        if damage:
            raise damage[0]
        return _some(stream, size)

    try:
        while len(head) < HEAD_BYTES and (data := _some(stream, HEAD_BYTES - len(head))):
            head += data
    except Damaged as error:
        if not head:
            raise
        damage.append(error)
    return bytes(head), io.BufferedReader(_Source(read, bytes(head)), _BUFFER_BYTES)


def _some(stream: Any, size: int) -> bytes:
    """The next bytes, as many as there are at once: those before a damage come without it."""
    read = getattr(stream, "read1", stream.read)
    return bytes(read(size))


def unpacked(stream: IO[bytes], kind: str, name: str) -> IO[bytes]:
    """The bytes that a stream of one of the four compressions holds, members one after the other.

    Raises:
        PrefcliError: the library for it is not installed.
        Damaged: while reading.
    """
    return guarded(_unpacker(stream, kind, name), kind)


def guarded(stream: Any, what: str) -> IO[bytes]:
    """The stream, with whatever its unpacking raises as `Damaged`."""
    errors = _DAMAGE + _zstd_errors()

    def read(size: int) -> bytes:
        try:
            return _some(stream, size)
        except errors as error:
            raise Damaged(what) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise Damaged(what) from error  # bad bzip2 and gzip data have no number

    return cast(IO[bytes], _Source(read))


def _unpacker(stream: IO[bytes], kind: str, name: str) -> Any:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=stream)
    if kind == "bzip2":
        return bz2.BZ2File(stream)
    if kind == "xz":
        return lzma.LZMAFile(stream)
    zstd = _zstd()
    if zstd is None:
        raise PrefcliError(
            f"{name}: is a zstd file; reading it needs the package backports.zstd "
            "(the extra 'zstd' of prefcli)"
        )
    return zstd.ZstdFile(stream)


def _zstd() -> Any:
    """The standard library's module (Python 3.14), or the same for earlier versions, or None."""
    for module in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(module)
        except ImportError:
            continue
    return None


def _zstd_errors() -> tuple[type[Exception], ...]:
    zstd: Any = sys.modules.get("compression.zstd") or sys.modules.get("backports.zstd")
    return (zstd.ZstdError,) if zstd is not None else ()


@contextmanager
def seekable(stream: IO[bytes], name: str) -> Iterator[Path]:
    """A file that holds what a stream gives, for what can only be read with jumps.

    Raises:
        DataError: it is larger than any file that is worth copying.
    """
    with tempfile.NamedTemporaryFile(prefix="prefcli-") as copy:
        while data := stream.read(_BUFFER_BYTES):
            copy.write(data)
            if copy.tell() > _LARGEST_COPY:
                raise DataError(f"{name}: unpacks to more than {_LARGEST_COPY >> 30} GB; unpack it")
        copy.flush()
        yield Path(copy.name)
