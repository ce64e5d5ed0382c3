"""Spaces: list, show, choose, open. The embedded one is always there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from prefcli import tiny
from prefcli.errors import DataError, NotFoundError
from prefcli.latent.files import WEIGHTS, damaged, read_description
from prefcli.latent.verdict import judge
from prefcli.store import SpaceRow, Store
from prefcli.store.registry import check_asked

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from prefcli.latent.space import Space


@dataclass(frozen=True)
class SpaceReference:
    """A space that can be opened; `description` is its `space.json`."""

    name: str
    base: str
    directory: Path
    description: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """What profiles and encodings of this space carry."""
        return str(self.description["fingerprint"])

    def as_dict(self, in_use: str) -> dict[str, Any]:
        """The fields of `space list`."""
        report = self.description["report"]
        return {
            "space": self.name,
            "base": self.base,
            "fingerprint": self.fingerprint,
            "directions": self.description["latent_size"],
            "rho": self.description["rho"],
            "contrastive_accuracy": report["contrastive_accuracy"],
            "state": "ok",
            "in_use": self.name == in_use,
        }


def list_spaces(store: Store) -> list[dict[str, Any]]:
    """Every space, the embedded one first; `state` is ok, missing (lost its files) or damaged."""
    in_use = space_in_use(store)
    rows = [_fields(store, row, in_use) for row in _rows(store)]
    return [_embedded().as_dict(in_use), *rows]


def show_space(store: Store, name: str | None = None, *, plot: str | None = None) -> dict[str, Any]:
    """One space with its trust report and the verdict on it; the one in use by default.

    Args:
        plot: Draw the report to this file as well, PNG or SVG.

    Raises:
        UsageError: no drawing can be made of that name.
        NotFoundError: no space of that name.
        PrefcliError: the drawing cannot be written.
    """
    reference = resolve_space(store, name)
    if plot is not None:
        from prefcli.plots import plot_space

        plot_space(reference.description, reference_encodings(reference), plot, reference.name)
    return {
        **reference.as_dict(space_in_use(store)),
        "directory": str(reference.directory),
        "own_bits_per_byte": reference.description["own_bits_per_byte"],
        "trunk_layers": reference.description["encoder"]["depth"],
        "report": reference.description["report"],
        "verdict": judge(reference.description["report"]).as_dict(),
    }


def use_space(store: Store, name: str) -> dict[str, Any]:
    """Make a space, and its base, the default.

    Raises:
        NotFoundError: no space of that name.
    """
    reference = resolve_space(store, name)
    store.set_settings(space=reference.name, base=reference.base)
    return reference.as_dict(reference.name)


def space_in_use(store: Store) -> str:
    """Name of the default space."""
    return store.setting("space") or tiny.NAME


def resolve_space(store: Store, name: str | None = None) -> SpaceReference:
    """Find a space by name, without loading it.

    Raises:
        UsageError: the name is empty or no text.
        NotFoundError: no space of that name, or it has lost its files.
        DataError: its files are damaged.
    """
    name = space_in_use(store) if name is None else check_asked(name, "space")
    if name == tiny.NAME:
        return _embedded()
    if row := store.space(name):
        return _reference(store, row)
    raise NotFoundError(f"no space {name!r}: see `prefcli space list`, or `prefcli space train`")


def space_of(store: Store, fingerprint: str) -> SpaceReference:
    """Find the space that a profile was fitted in, whatever became of the others.

    Raises:
        NotFoundError: it is not here, or has lost its files.
        DataError: its files are damaged.
    """
    # One training done twice, under two names, gives one fingerprint: either will do.
    for found in spaces_like(store, fingerprint):
        return found
    for row in _rows(store):
        if row.fingerprint == fingerprint:
            _reference(store, row)  # which tells what is wrong with it
    raise NotFoundError(
        f"the space {fingerprint} of this profile is not here: import it with `prefcli space "
        "import`, or fit the user again in one of `prefcli space list`"
    )


def spaces_like(store: Store, fingerprint: str) -> Iterator[SpaceReference]:
    """The sound spaces with these weights, the embedded one first."""
    if (embedded := _embedded()).fingerprint == fingerprint:
        yield embedded
    for row in _rows(store):
        if row.fingerprint == fingerprint:
            with suppress(NotFoundError, DataError):
                yield _reference(store, row)


def open_space(reference: SpaceReference) -> Space:
    """Load a space's weights.

    Raises:
        NotFoundError: it has lost its files.
        DataError: they are damaged, or those of another space since `reference` was found.
    """
    from prefcli.latent.space import Space

    space = Space.load(reference.directory)
    if space.fingerprint() != reference.fingerprint:
        raise _exchanged(reference)
    return space


def reference_encodings(reference: SpaceReference) -> npt.NDArray[np.float64]:
    """Where the base's own answers lie in a space, (R, K), without loading it.

    Raises:
        As `open_space`.
    """
    from safetensors import SafetensorError, safe_open

    path = reference.directory / WEIGHTS
    # In this order: files that are exchanged in between are told, too.
    try:
        with safe_open(path, framework="numpy") as tensors:
            found: npt.NDArray[np.float64] = tensors.get_tensor("reference").astype(np.float64)
    except (OSError, SafetensorError) as error:
        read_description(reference.directory)  # which tells what is wrong
        raise damaged(reference.directory, f"{WEIGHTS} cannot be read") from error
    if read_description(reference.directory)["fingerprint"] != reference.fingerprint:
        raise _exchanged(reference)
    return found


def _rows(store: Store) -> list[SpaceRow]:
    """Every space as the catalog has it, whatever became of its files; not the embedded one."""
    return [row for row in store.spaces() if row.name != tiny.NAME]


def _exchanged(reference: SpaceReference) -> DataError:
    return DataError(f"space {reference.name!r} became another one meanwhile: run this again")


def _embedded() -> SpaceReference:
    directory = tiny.space_directory()
    return SpaceReference(tiny.NAME, tiny.NAME, directory, read_description(directory))


def _reference(store: Store, row: SpaceRow) -> SpaceReference:
    directory = store.space_directory(row.name)
    description = read_description(directory)
    if description["fingerprint"] != row.fingerprint:
        raise damaged(directory, "its files are those of another space")
    return SpaceReference(row.name, row.base, directory, description)


def _fields(store: Store, row: SpaceRow, in_use: str) -> dict[str, Any]:
    """A row of `space list`; with its `state` and little else where the files are no good."""
    try:
        return _reference(store, row).as_dict(in_use)
    except NotFoundError:
        state = "missing"
    except DataError:
        state = "damaged"
    return {
        "space": row.name,
        "base": row.base,
        "fingerprint": row.fingerprint,
        "directions": None,
        "rho": None,
        "contrastive_accuracy": None,
        "state": state,
        "in_use": row.name == in_use,
    }
