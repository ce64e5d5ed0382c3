"""The files in a zip or tar archive, each as a stream, in the archive's order.

What an archiver or a desktop adds (`__MACOSX/`, names that begin with a dot) is passed over, and so
are members whose names are not those of feedback files, if others are: an archive of data may bring
its README along.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from prefcli.errors import DataError
from prefcli.feedback.containers.rows import Note, printable_name
from prefcli.feedback.containers.sources import is_feedback_name, left_out
from prefcli.feedback.containers.streams import Damaged, guarded

_WORKBOOK = "xl/workbook.xml"


def zip_names(path: Path) -> list[str]:
    """The names of an archive's members.

    Raises:
        Damaged: the list of members is missing or broken.
    """
    with _zip(path) as archive:
        return archive.namelist()


def is_workbook(names: Sequence[str]) -> bool:
    """True if these are the members of an Excel workbook."""
    return _WORKBOOK in names


def zip_members(path: Path, name: str, note: Note) -> Iterator[tuple[str, IO[bytes]]]:
    """The members of a zip archive that may hold rows: (name, bytes).

    Raises:
        DataError: one is encrypted or packed in a way that cannot be read, or there is none.
        Damaged: while reading.
    """
    with _zip(path) as archive:
        members = [one for one in archive.infolist() if not one.is_dir() and _counts(one.filename)]
        chosen = [one for one in members if is_feedback_name(one.filename)] or members
        if not chosen:
            raise DataError(f"{name}: nothing to read: the zip archive holds no files")
        note_left_out(name, [one.filename for one in members if one not in chosen], note)
        for member in chosen:
            inner = f"{name}/{printable_name(member.filename)}"
            if member.flag_bits & 1:
                raise DataError(f"{inner}: is encrypted; unpack the archive with its password")
            try:
                stream = archive.open(member)
            except NotImplementedError as error:
                raise DataError(f"{inner}: is packed in an unusual way; unpack the archive") from (
                    error
                )
            except (zipfile.BadZipFile, EOFError, ValueError) as error:
                raise Damaged("zip") from error
            with stream:
                yield inner, guarded(stream, "zip")


def tar_members(stream: IO[bytes], name: str, note: Note) -> Iterator[tuple[str, IO[bytes]]]:
    """The members of a tar archive that may hold rows: (name, bytes), read in one pass.

    Raises:
        DataError: there is none.
        Damaged: while reading.
    """
    passed: list[str] = []
    count = 0
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is None or not _counts(member.name):
                    continue
                if not is_feedback_name(member.name):
                    passed.append(member.name)
                    continue
                count += 1
                yield f"{name}/{printable_name(member.name)}", guarded(content, "tar")
    except tarfile.TarError as error:
        raise Damaged("tar") from error
    if not count:
        raise DataError(f"{name}: nothing to read: the tar archive holds no feedback files")
    note_left_out(name, passed, note)


def note_left_out(name: str, names: Sequence[str], note: Note) -> None:
    """Tell of the files of a directory or an archive that are not read."""
    if names:
        note(left_out(name, names))


def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise Damaged("zip") from error
    except OSError as error:
        if error.errno is not None and error.errno != 22:  # a seek to where no file goes
            raise
        raise Damaged("zip") from error


def _counts(name: str) -> bool:
    parts = name.split("/")
    return parts[0] != "__MACOSX" and not any(part.startswith(".") for part in parts if part != ".")
