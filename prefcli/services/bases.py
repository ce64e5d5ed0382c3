"""Bases: register, list, show, choose, open. The embedded one is always there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefcli import tiny
from prefcli.errors import NotFoundError, UsageError
from prefcli.store import Store
from prefcli.store.registry import check_asked, check_name
from prefcli.store.text import storable

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.progress import Progress


@dataclass(frozen=True)
class BaseReference:
    """A base that can be opened: what it is called, where it lies, how it is loaded."""

    name: str
    source: str
    device: str | None
    dtype: str | None
    fingerprint: str
    details: dict[str, Any]

    @property
    def quantize(self) -> str | None:
        """How its weights are quantized, None where they are not."""
        found: str | None = self.details.get("quantize")
        return found

    def as_dict(self, in_use: str) -> dict[str, Any]:
        """The fields of `base list` and `base show`."""
        return {
            "base": self.name,
            "source": self.source,
            "device": self.device or "auto",
            "dtype": self.dtype or "auto",
            "quantize": self.quantize,
            "fingerprint": self.fingerprint,
            "in_use": self.name == in_use,
            **self.details,
        }


def add_base(
    store: Store,
    source: str,
    *,
    name: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
    trust_remote_code: bool = False,
    quantize: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Load a base once, to see that it works, and register it.

    Args:
        store: The open home.
        source: Hugging Face id or directory.
        name: What to call it; default the last part of `source`.
        device: cuda, cuda:N, mps or cpu; default the best there is, chosen anew at each start.
        dtype: float32, bfloat16 or float16; default by device.
        trust_remote_code: Run code that comes with the model.
        quantize: 4bit or 8bit, at each start; default as the weights are.
        progress: Told what is being loaded.

    Raises:
        UsageError: the name is reserved or taken by another source, the source is no text, or
            device, dtype or quantization is unknown.
        NotFoundError, DataError, PrefcliError: it cannot be loaded, or cannot take prefixes.
    """
    from prefcli.loading import load_base, local_path

    if not source:
        raise UsageError("SOURCE is empty: give a Hugging Face id or a directory")
    if directory := local_path(source):
        source = str(directory.resolve())
    if storable(source) != source:
        raise UsageError(f"source {source!r} is not UTF-8 text: rename the directory")
    name = _new_name(name, source)
    if progress:
        progress(f"loading {source}", 0, None)
    base = load_base(source, device, dtype, trust_remote_code, quantize)
    details = {
        "model_type": base.config.model_type,
        "parameters": base.model.num_parameters(),
        "layers": base.layer_count,
        "context": base.context,
        "chat_template": bool(base.tokenizer.chat_template),
        "trust_remote_code": trust_remote_code,
        "quantize": quantize,
    }
    store.add_base(name, source, device, dtype, base.fingerprint(), details)
    return resolve_base(store, name).as_dict(base_in_use(store))


def list_bases(store: Store) -> list[dict[str, Any]]:
    """Every base, the embedded one first."""
    in_use = base_in_use(store)
    names = [tiny.NAME, *(row.name for row in store.bases() if row.name != tiny.NAME)]
    return [resolve_base(store, name).as_dict(in_use) for name in names]


def show_base(store: Store, name: str | None = None) -> dict[str, Any]:
    """One base; the one in use by default.

    Raises:
        NotFoundError: no base of that name.
    """
    return resolve_base(store, name).as_dict(base_in_use(store))


def use_base(store: Store, name: str) -> dict[str, Any]:
    """Make a base the default of `generate` and `space train`.

    Raises:
        NotFoundError: no base of that name.
    """
    reference = resolve_base(store, name)
    store.set_settings(base=reference.name)
    return reference.as_dict(reference.name)


def base_in_use(store: Store) -> str:
    """Name of the default base."""
    return store.setting("base") or tiny.NAME


def resolve_base(store: Store, name: str | None = None) -> BaseReference:
    """Find a base by name, without loading it.

    Raises:
        UsageError: the name is empty or no text.
        NotFoundError: no base of that name.
    """
    name = base_in_use(store) if name is None else check_asked(name, "base")
    if name == tiny.NAME:
        return _embedded()
    if row := store.base(name):
        return BaseReference(
            row.name, row.source, row.device, row.dtype, row.fingerprint, row.details
        )
    raise NotFoundError(f"no base {name!r}: see `prefcli base list`, or `prefcli base add SOURCE`")


def open_base(
    reference: BaseReference, progress: Progress | None = None, device: str | None = None
) -> Base:
    """Load the model and tokenizer of a base, on `device` instead of its own if one is given.

    Raises:
        NotFoundError: its directory was removed since it was added.
        NotFoundError, DataError, PrefcliError: it cannot be loaded.
    """
    from prefcli.loading import load_base

    source = Path(reference.source)
    if source.is_absolute() and not source.exists():
        raise NotFoundError(
            f"the directory of base {reference.name!r} is gone: {source}, restore it, or add the "
            "model from elsewhere: `prefcli base add SOURCE --name OTHER`"
        )
    if progress:
        progress(f"loading {reference.name}", 0, None)
    trust = bool(reference.details.get("trust_remote_code"))
    return load_base(
        reference.source,
        device or reference.device,
        reference.dtype,
        trust,
        reference.quantize,
    )


def _new_name(name: str | None, source: str) -> str:
    derived = name is None
    name = Path(source).name if name is None else name
    hint = f"; it comes from {source}: add --name NAME" if derived else ""
    if name == tiny.NAME:
        raise UsageError(f"{name!r} is the built-in base's name, choose another{hint}")
    try:
        return check_name(name, "base")
    except UsageError as error:
        raise UsageError(f"{error.message}{hint}") from error


@cache
def _embedded() -> BaseReference:
    from safetensors import safe_open

    directory = tiny.base_directory()
    space = json.loads((tiny.space_directory() / "space.json").read_text(encoding="utf-8"))
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    with safe_open(directory / "model.safetensors", framework="numpy") as weights:
        shapes = [weights.get_slice(name).get_shape() for name in weights.keys()]  # noqa: SIM118 (no mapping)
    details = {
        "model_type": config["model_type"],
        "parameters": sum(map(prod, shapes)),
        "layers": config["n_layer"],
        "context": config["n_positions"],
        "chat_template": True,
        "trust_remote_code": False,
    }
    return BaseReference(
        tiny.NAME, str(directory), "cpu", "float32", space["base_fingerprint"], details
    )
