"""Spaces as files: one is exported, carried, and imported where its base is."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefcli import tiny
from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.latent.files import SETTINGS, read_weights, write_files
from prefcli.latent.portable import SUFFIX, Portable, is_hub_id, read
from prefcli.services.bases import BaseReference, base_in_use, list_bases, resolve_base
from prefcli.services.space_files import check_new, place, workplace, writing
from prefcli.services.spaces import (
    SpaceReference,
    resolve_space,
    space_in_use,
    spaces_like,
)
from prefcli.store import SpaceRow, Store
from prefcli.store.registry import check_name


def portable_space(store: Store, name: str | None = None) -> tuple[SpaceReference, Portable]:
    """A space as what one file of it holds; the one in use by default.

    Raises:
        NotFoundError: no space of that name, or it has lost its files.
        DataError: its files are damaged.
    """
    reference = resolve_space(store, name)
    tensors = read_weights(reference.directory, reference.fingerprint)
    described = _without_names(reference.description)
    return reference, Portable(described, tensors, _source(store, reference))


def _without_names(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description that says of how many users' prompts the space saw, and not of whose."""
    provenance = dict(description.get("provenance") or {})
    prompts = dict(provenance.get("prompts") or {})
    if "users" in prompts:
        prompts["users"] = len(prompts["users"])
        provenance["prompts"] = prompts
    return {**description, **({"provenance": provenance} if provenance else {})}


def export_space(
    store: Store, name: str | None = None, target: str | None = None, force: bool = False
) -> dict[str, Any]:
    """Write a space into one file, which is there whole or not at all.

    Args:
        store: The open home.
        name: Which space; default the one in use.
        target: The file; default NAME.space.safetensors in the working directory.
        force: Replace a file that is there.

    Raises:
        UsageError: there is a file, or the target is none.
        NotFoundError: no space of that name, or it has lost its files.
        DataError: its files are damaged.
        PrefcliError: the file cannot be written.
    """
    if target == "":
        raise UsageError("-o is empty: name a file, or - for stdout")
    reference, portable = portable_space(store, name)
    content = portable.to_bytes()
    path = Path(f"{reference.name}{SUFFIX}" if target is None else target)
    write_file(path, content, force)
    return {
        "space": reference.name,
        "base": reference.base,
        "fingerprint": reference.fingerprint,
        "file": str(path),
        "bytes": len(content),
    }


def import_space(
    store: Store, source: str, name: str | None = None, base: str | None = None
) -> dict[str, Any]:
    """Add a space from a file that `export_space` wrote.

    Args:
        store: The open home.
        source: The file; `-` reads stdin.
        name: What to call the space; default the file's name without its ending.
        base: Name of its base; default the one here that has the fingerprint of the space's base.

    Raises:
        UsageError: the name is taken by another space, or there is none.
        NotFoundError: no such file, or the space's base is not here.
        DataError: the file is no space, or damaged, or of another base.
        PrefcliError: the home cannot be written to.
    """
    where = "stdin" if source == "-" else source
    if name is None:
        name = _derived_name(source)
    check_name(name, "space")
    return add_portable(store, read_file(source, where), name, base, where)


def read_file(source: str, where: str) -> bytes:
    """The bytes of a portable space, from a file or, for `-`, from stdin.

    Raises:
        UsageError: the name is empty, or nobody sends anything to stdin.
        NotFoundError: no such file.
        DataError: it is no space, or cut off.
    """
    if not source:
        raise UsageError("FILE is empty: name a file, or - for stdin")
    if source == "-":
        if sys.stdin is None:
            raise NotFoundError("stdin: there is no standard input; name a file")
        if sys.stdin.isatty():
            raise UsageError("stdin is a terminal: name a file, or send one to stdin")
        return read(sys.stdin.buffer, where)
    try:
        with Path(source).open("rb") as file:
            return read(file, where)
    except FileNotFoundError as error:
        raise NotFoundError(f"no such file: {source}") from error
    except IsADirectoryError as error:
        raise NotFoundError(f"{source} is a directory, expected a file of a space") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise NotFoundError(f"cannot read {source}: {reason}") from error


def add_portable(
    store: Store, content: bytes, name: str, base: str | None, where: str
) -> dict[str, Any]:
    """Add the space that a file holds; one that is here already stays as it is.

    Its files take the place of those that a space of this name has lost.

    Raises:
        As `import_space`.
    """
    portable = Portable.from_bytes(content, where)
    chosen = _base(store, portable, base)
    for other in spaces_like(store, portable.fingerprint):
        _check_settings(portable, other, where)
        if other.name == name:
            return _told(store, other, imported=False)
    row = store.space(name)
    if row is None:
        check_new(store, name)
    elif row.fingerprint != portable.fingerprint:
        raise UsageError(
            f"space {name!r} is another one already: give this one another name, or "
            f"`prefcli space remove {shlex.quote(name)}` first"
        )
    _place(store, portable, name, chosen, row, where)
    return _told(store, resolve_space(store, name), imported=True)


def _place(
    store: Store,
    portable: Portable,
    name: str,
    base: BaseReference,
    row: SpaceRow | None,
    where: str,
) -> None:
    """Write the files, see that they can be opened, and let them and the row appear together."""
    from safetensors.numpy import save

    from prefcli.latent.space import Space

    directory = store.space_directory(name)
    with workplace(directory.parent) as there, writing(directory):
        written = there / "space"
        write_files(written, portable.description, save(dict(portable.tensors)))
        try:
            Space.load(written)
        except DataError as error:
            raise DataError(
                f"{where} is no sound space (its sizes and weights do not fit together): "
                "export it again"
            ) from error
        store.add_space(
            name,
            base.name if row is None else row.base,
            portable.fingerprint,
            {"source": portable.source},
            lambda: place(written, directory, there),
            restore=True,
        )


def _base(store: Store, portable: Portable, name: str | None) -> BaseReference:
    """The base of a space: the one named, else the one of its fingerprint."""
    wanted = portable.description["base_fingerprint"]
    trained_on = f"base {portable.description['base'][:100]!r} ({portable.source or wanted})"
    if name is not None:
        asked = resolve_base(store, name)
        if asked.fingerprint != wanted:
            raise DataError(
                f"the space was trained on {trained_on}, not on {asked.name!r} "
                f"({asked.fingerprint}): name its own base, or none"
            )
        return asked
    found = [row["base"] for row in list_bases(store) if row["fingerprint"] == wanted]
    if not found:
        source = portable.source or "SOURCE"
        raise NotFoundError(
            f"the space was trained on {trained_on}, which is not here: "
            f"`prefcli base add {source}` first"
        )
    likeliest = (base_in_use(store), portable.description["base"])
    return resolve_base(store, next((base for base in likeliest if base in found), found[0]))


def _check_settings(portable: Portable, other: SpaceReference, where: str) -> None:
    """Refuse weights that are here and are used otherwise: their encodings would be mixed up."""
    for setting in SETTINGS:
        if portable.description.get(setting) != other.description.get(setting):
            raise DataError(
                f"{where} has the weights of space {other.name!r} but another {setting!r}: one "
                "of the two was changed by hand, train it again"
            )


def _told(store: Store, reference: SpaceReference, imported: bool) -> dict[str, Any]:
    return {**reference.as_dict(space_in_use(store)), "imported": imported}


def _source(store: Store, reference: SpaceReference) -> str | None:
    """Hugging Face id of the space's base, as it came with the space or as the base has it."""
    row = None if reference.name == tiny.NAME else store.space(reference.name)
    if row is not None and "source" in row.details:
        source = row.details["source"]
    else:
        try:
            source = resolve_base(store, reference.base).source
        except NotFoundError:
            return None
    return source if is_hub_id(source) else None


def _derived_name(source: str) -> str:
    if source == "-":
        raise UsageError("stdin has no name: `prefcli space import - NAME`")
    name = Path(source).name
    for ending in (SUFFIX, ".safetensors"):
        name = name.removesuffix(ending)
    try:
        return check_name(name, "space")
    except UsageError as error:
        raise UsageError(f"{error.message}; it is the file's: give a NAME after it") from error


def write_file(path: Path, content: bytes, force: bool) -> None:
    """Write a file whole; a pipe or a device gets the bytes as they are.

    Raises:
        UsageError: there is a file, and it is not to be replaced.
        PrefcliError: it cannot be written.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)
            return
        partial = path.with_name(f".{path.name[:100]}.{os.getpid()}")
        try:
            partial.write_bytes(content)
            _settle(partial, path, force)
        finally:
            partial.unlink(missing_ok=True)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already: --force overwrites it") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise PrefcliError(f"cannot write {path} ({reason}): name another file with -o") from error


def _settle(partial: Path, path: Path, force: bool) -> None:
    """Give a whole file its name, and take no other's unless forced to."""
    if force:
        partial.replace(path)
        return
    try:
        path.hardlink_to(partial)  # of two exports to one name at once, the second is told
        return
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        pass
    if os.path.lexists(path):
        raise FileExistsError(path)
    partial.rename(path)
