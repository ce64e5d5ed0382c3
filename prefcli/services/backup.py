"""Backup and restore: the home as one file, and back.

A backup of the catalog is a catalog: SQLite's own `VACUUM INTO` writes it while others go on
writing, as it was at one moment. With spaces it is a tar archive of that file and of the two files
of every space, which any tar opens. Either is written under another name, checked, and only then
given its own.

Restoring unpacks among the spaces, checks what came and brings it up to date. New spaces are put
into their places first, where nobody sees them yet, and then SQLite copies the catalog over the old
one in one transaction: whoever has it open waits or sees the old one, and a kill at any moment
leaves the old or the new. The key of the pseudonyms is a secret and in no backup.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from prefcli.config import CATALOG_NAME, SPACES_NAME
from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.latent.files import DESCRIPTION, WEIGHTS, read_description
from prefcli.services.space_files import workplace, writing
from prefcli.store import Store
from prefcli.store.checkup import check_catalog
from prefcli.store.registry import check_name

SQLITE = b"SQLite format 3\x00"
FILES = (DESCRIPTION, WEIGHTS)

Agreed = Callable[[dict[str, int]], object]


def backup(
    store: Store, path: Path, *, spaces: bool = False, force: bool = False
) -> dict[str, Any]:
    """Write the catalog, and with `spaces` the trained spaces, to one file.

    Args:
        store: The open home.
        path: The file.
        spaces: Spaces as well, in a tar archive.
        force: Take the place of a file that is there.

    Returns:
        `file`, `bytes`, `rows` of each table, and the `spaces` in it.

    Raises:
        UsageError: there is such a file already.
        PrefcliError: it cannot be written, or the catalog or a space is damaged.
    """
    if path.exists() and not force:
        raise UsageError(f"{path} is there already: name another file, or add --force")
    if path.is_dir():
        raise UsageError(f"{path} is a directory: name a file in it")
    names = [row.name for row in store.spaces()] if spaces else []
    with _beside(path) as place:
        copy = place / CATALOG_NAME
        store.copy_to(copy)
        rows = check_catalog(copy)
        made = copy
        if spaces:
            made = place / "backup.tar"
            with tarfile.open(made, "w", format=tarfile.PAX_FORMAT) as archive:
                archive.add(copy, CATALOG_NAME, filter=_private)
                for name in names:
                    directory = store.space_directory(name)
                    read_description(directory)
                    for file in FILES:
                        archive.add(
                            directory / file, f"{SPACES_NAME}/{name}/{file}", filter=_private
                        )
        _to_disk(made)
        made.chmod(0o600)
        if force:
            made.replace(path)
        else:
            _give_name(made, path)
    return {"file": str(path), "bytes": path.stat().st_size, "rows": rows, "spaces": names}


def restore(path: Path, home: Path, *, agreed: Agreed = lambda _: None) -> dict[str, Any]:
    """Put a backup in the place of what a home has, all of it or nothing.

    Args:
        path: What `backup` wrote.
        home: The home's directory; made if there is none.
        agreed: Asked with the rows that would be lost, by table, where there are some; raises if
            they are not to be.

    Returns:
        `home`, `rows` of each table, the `spaces` that came with it, and `left`: spaces whose
        files are here and which the backup does not know.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is no backup, or a damaged one.
        UsageError: a space here has the name of another one in the backup.
        PrefcliError: the home cannot be written.
    """
    catalog, spaces = home / CATALOG_NAME, home / SPACES_NAME
    with writing(home):
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
    with writing(home), workplace(spaces) as place:
        fresh = place / "home"
        fresh.mkdir(mode=0o700)
        names = _unpack(path, fresh)
        try:
            check_catalog(fresh / CATALOG_NAME)
        except PrefcliError as error:
            raise DataError(f"{path} cannot be restored: {error.message}") from error
        with Store.open(fresh):  # brings an older catalog up to date
            pass
        rows = check_catalog(fresh / CATALOG_NAME)
        _check_spaces(fresh / SPACES_NAME, spaces, names)
        lost = _rows_of(catalog)
        if lost is None or any(lost.values()):
            agreed(lost or {})
        if lost is None:
            _set_aside(catalog)
        with Store.open(home) as store:
            for name in names:
                if not (spaces / name).exists():
                    (fresh / SPACES_NAME / name).rename(spaces / name)
            store.replace_with(fresh / CATALOG_NAME)
            known = {row.name for row in store.spaces()}
    there = [path.name for path in spaces.iterdir() if path.is_dir()] if spaces.is_dir() else []
    left = sorted(name for name in there if name not in known and not name.startswith("."))
    return {"home": str(home), "rows": rows, "spaces": names, "left": left}


def _check_spaces(fresh: Path, spaces: Path, names: list[str]) -> None:
    """Read what came, and refuse to put a space in the place of another one.

    A directory cannot be exchanged in the transaction that exchanges the catalog.
    """
    for name in names:
        fingerprint = read_description(fresh / name)["fingerprint"]
        if not (spaces / name).exists():
            continue
        try:
            same = read_description(spaces / name)["fingerprint"] == fingerprint
        except PrefcliError:
            same = False
        if not same:
            raise UsageError(
                f"the space {name!r} here is another one than the backup's, or damaged: "
                f"`prefcli space export` and `prefcli space remove` it first, or move "
                f"{spaces / name} away"
            )


def _rows_of(catalog: Path) -> dict[str, int] | None:
    """What would be lost; None where the catalog is there and damaged."""
    if not catalog.exists():
        return {}
    try:
        return check_catalog(catalog)
    except PrefcliError:
        return None


def _set_aside(catalog: Path) -> None:
    """Move a damaged catalog away, for whoever wants to save something of it."""
    for end in ("-wal", "-shm", ""):
        file = catalog.with_name(catalog.name + end)
        if file.exists():
            file.replace(catalog.with_name(f"{catalog.name}.before-restore{end}"))


def _unpack(path: Path, fresh: Path) -> list[str]:
    """Write what a backup holds into a new home; the names of its spaces."""
    try:
        with path.open("rb") as file:
            head = file.read(len(SQLITE))
        if head == SQLITE:
            shutil.copyfile(path, fresh / CATALOG_NAME)
            (fresh / CATALOG_NAME).chmod(0o600)
            return []
        with tarfile.open(path) as archive:
            return _unpack_archive(archive, fresh, path)
    except FileNotFoundError:
        raise NotFoundError(f"no such file: {path}") from None
    except IsADirectoryError:
        raise NotFoundError(f"{path} is a directory: name a file of `prefcli backup`") from None
    except (tarfile.TarError, EOFError) as error:
        raise DataError(
            f"{path} is no backup, or cut off ({error}): name a file of `prefcli backup`"
        ) from error


def _unpack_archive(archive: tarfile.TarFile, fresh: Path, path: Path) -> list[str]:
    """Write the members that a backup has, each where this module says and not where it says."""
    names: dict[str, None] = {}
    for member in archive:
        place = fresh / CATALOG_NAME
        if member.name != CATALOG_NAME:
            folder, name, file = (*member.name.split("/"), "", "")[:3]
            if folder != SPACES_NAME or file not in FILES or member.name.count("/") != 2:
                raise DataError(f"{path} holds {member.name!r}, which no backup does")
            names[check_name(name, "space")] = None
            place = fresh / SPACES_NAME / name / file
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = archive.extractfile(member) if member.isreg() else None
        if content is None or place.exists():
            raise DataError(f"{path} holds {member.name!r} as no backup does")
        with content, place.open("xb") as file_:
            shutil.copyfileobj(content, file_)
        place.chmod(0o600)
    if not (fresh / CATALOG_NAME).is_file():
        raise DataError(f"{path} holds no catalog: name a file of `prefcli backup`")
    return list(names)


def _private(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member that says nothing of who made it, and is its owner's alone."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _to_disk(path: Path) -> None:
    """Wait until the disk has a file: what has a name is to survive a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _give_name(made: Path, path: Path) -> None:
    """Give a file its name, which nobody may have taken meanwhile."""
    try:
        path.hardlink_to(made)
    except FileExistsError:
        raise UsageError(f"{path} is there already: name another file, or add --force") from None
    except OSError:  # a file system without hard links
        made.rename(path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A directory on the same disk as `path`, gone at the end."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        place = Path(mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise PrefcliError(
            f"cannot write to {path.parent} ({error.strerror or error}): name another place"
        ) from error
    try:
        yield place
    except OSError as error:
        raise PrefcliError(
            f"cannot write {path} ({error.strerror or error}): make room or name another place"
        ) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
