"""A space's files come to their place whole, or not at all, whoever made them.

Training and import write in a workplace beside the spaces, a directory that its process holds a
lock on. The kernel lets go of the lock when the process ends, however it ends, so a workplace that
can be locked is one that nobody works in any more: the next workplace sweeps it away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from prefcli import tiny
from prefcli.errors import PrefcliError, UsageError
from prefcli.latent.files import read_description
from prefcli.store import Store
from prefcli.store.registry import check_name

if sys.platform != "win32":
    from fcntl import LOCK_EX, LOCK_NB, flock

if TYPE_CHECKING:
    from prefcli.latent.space import Space

PREFIX = ".training-"  # no space can have such a name


def check_new(store: Store, name: str) -> None:
    """Refuse a name that is none, or taken; some file systems do not tell `A` from `a`.

    Raises:
        UsageError: see above.
    """
    check_name(name, "space")
    taken = [tiny.NAME, *(row.name for row in store.spaces())]
    there = next((other for other in taken if other.casefold() == name.casefold()), None)
    if there is not None:
        raise UsageError(f"a space {there!r} exists already: choose another name")


@contextmanager
def workplace(spaces: Path) -> Iterator[Path]:
    """A directory among the spaces to write one in; gone at the end, with all that is left in it.

    Made before the work, so that a home that cannot be written to is told at once. What killed
    processes left of theirs is swept away first.

    Raises:
        PrefcliError: the home cannot be written to.
    """
    with writing(spaces):
        spaces.mkdir(mode=0o700, exist_ok=True)
        sweep(spaces)
        path, lock = _locked_directory(spaces)
    try:
        yield path
    finally:
        rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def sweep(spaces: Path) -> int:
    """Remove the workplaces whose process has ended, and say how many there were."""
    swept = 0
    for path in spaces.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody works there, or swept it a moment ago
            lock = _lock(path, wait=False)
            if lock is None:
                continue
            try:
                rmtree(path, ignore_errors=True)
                swept += 1
            finally:
                os.close(lock)
    return swept


def keep(store: Store, space: Space, name: str, base: str, workplace: Path) -> None:
    """Save a space under its name: files and row appear together, and only if the name is free.

    Raises:
        UsageError: the name was taken meanwhile.
        PrefcliError: the home cannot be written to.
    """
    directory, written = store.space_directory(name), workplace / "space"
    with writing(directory):
        space.save(written)
        read_description(written)  # what nobody could open must not take the name
        store.add_space(
            name, base, space.fingerprint(), {}, lambda: place(written, directory, workplace)
        )


def place(written: Path, directory: Path, workplace: Path) -> None:
    """Put the files of a space where they belong; what lies there goes with the workplace."""
    # Files without a row: a process was killed between putting them there and the commit.
    if os.path.lexists(directory):
        directory.rename(workplace / "orphan")
    written.rename(directory)


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Tell in one line that `directory` cannot be written to.

    Raises:
        PrefcliError: instead of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise PrefcliError(
            f"cannot write to {directory} ({error.strerror or error}): check the permissions and "
            "the free space, or set PREFCLI_HOME to another directory"
        ) from error


def _locked_directory(spaces: Path) -> tuple[Path, int | None]:
    """A new directory and the descriptor whose lock says that it is worked in."""
    while True:
        path = Path(mkdtemp(prefix=PREFIX, dir=spaces))
        try:
            lock = _lock(path, wait=True)
            # Between the two lines above another process may have swept the directory away.
            if lock is None or os.path.samestat(os.fstat(lock), path.stat()):
                return path, lock
            os.close(lock)
        except FileNotFoundError:
            continue
        except OSError:  # a file system without locks: nothing there is ever swept away
            return path, None


def _lock(path: Path, wait: bool) -> int | None:
    """Lock a directory, None where the system has no such locks.

    Raises:
        OSError: it is locked already and we do not `wait`, or it is gone.
    """
    if sys.platform == "win32":
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        flock(descriptor, LOCK_EX if wait else LOCK_EX | LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
