"""Spaces: train, list, show, choose, open. The embedded one is always there."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefcli import tiny
from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.feedback.records import Message, Prompt, text_prompt
from prefcli.services.bases import open_base, resolve_base
from prefcli.store import Store
from prefcli.store.registry import check_name

if TYPE_CHECKING:
    from prefcli.latent.space import Space
    from prefcli.progress import Progress

FEWEST_PROMPTS = 10
HELD_OUT_SHARE, MOST_HELD_OUT = 0.15, 48


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
            "in_use": self.name == in_use,
        }


def train_space(
    store: Store,
    *,
    name: str,
    base: str | None = None,
    prompts: str | None = None,
    samples: int = 16,
    steps: int = 500,
    latent_size: int = 16,
    trunk_layers: int | None = None,
    seed: int = 0,
    max_new_tokens: int = 128,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Stage 1: learn a space for a base, save it, and use it from now on if none was chosen.

    Args:
        store: The open home.
        name: What to call the space.
        base: Name of a base; default the one in use.
        prompts: File of prompts, one per line or JSONL with `prompt`; `-` reads stdin; None takes
            the prompts of the catalog's feedback.
        samples: Answers sampled per prompt.
        steps: Optimiser steps.
        latent_size: Directions to start with.
        trunk_layers: Layers of the base that the encoder reads; default a sixth of them.
        seed: Everything random.
        max_new_tokens: Longest answer in tokens.

    Raises:
        UsageError: the name is taken.
        NotFoundError: no such base or file.
        DataError: too few prompts, or training failed.
    """
    if name == tiny.NAME or store.space(check_name(name, "space")):
        raise UsageError(f"a space {name!r} exists already: choose another name")
    if samples < 2:
        raise UsageError("--samples must be at least 2: stage 1 compares answers to one prompt")
    reference = resolve_base(store, base)
    found = read_prompts(prompts) if prompts else _catalog_prompts(store)
    found = list(dict.fromkeys(found))
    if len(found) < FEWEST_PROMPTS:
        where = prompts or "the catalog"
        raise DataError(
            f"{where} has {len(found)} different prompts: stage 1 needs at least {FEWEST_PROMPTS}, "
            "and hundreds to be good"
        )
    random.Random(seed).shuffle(found)
    count = min(MOST_HELD_OUT, max(2, round(HELD_OUT_SHARE * len(found))))

    from prefcli.latent.pretrain import PretrainConfig
    from prefcli.latent.train import train_space as train

    model = open_base(reference, progress)
    depth = trunk_layers if trunk_layers is not None else max(1, round(model.layer_count / 6))
    config = PretrainConfig(
        latent_size=latent_size,
        depth=depth,
        steps=steps,
        autocast=model.device.type == "cuda",
        seed=seed,
    )
    space = train(
        model,
        found[count:],
        found[:count],
        config,
        base_name=reference.name,
        samples=samples,
        max_new_tokens=max_new_tokens,
        progress=progress,
    )
    directory = store.space_directory(name)
    space.save(directory)
    store.add_space(name, reference.name, space.fingerprint(), {})
    if store.setting("space") is None and store.setting("base") == reference.name:
        store.set_setting("space", name)
    return show_space(store, name)


def read_prompts(source: str) -> list[Prompt]:
    """Prompts from a file or stdin: one per line, or JSONL with `prompt` (text or messages).

    Raises:
        NotFoundError: no such file.
        DataError: a JSON line without a prompt, or a file that is no text.
    """
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(f"no file {source}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read prompts from {source}: {error}") from error
    prompts = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("{"):
            prompts.append(_json_prompt(line, f"{source}:{number}"))
        elif line.strip():
            prompts.append(text_prompt(line.strip()))
    return prompts


def list_spaces(store: Store) -> list[dict[str, Any]]:
    """Every space, the embedded one first."""
    in_use = space_in_use(store)
    return [reference.as_dict(in_use) for reference in _references(store)]


def show_space(store: Store, name: str | None = None) -> dict[str, Any]:
    """One space with its trust report; the one in use by default.

    Raises:
        NotFoundError: no space of that name.
    """
    reference = resolve_space(store, name)
    return {
        **reference.as_dict(space_in_use(store)),
        "directory": str(reference.directory),
        "own_bits_per_byte": reference.description["own_bits_per_byte"],
        "trunk_layers": reference.description["encoder"]["depth"],
        "report": reference.description["report"],
    }


def use_space(store: Store, name: str) -> dict[str, Any]:
    """Make a space, and its base, the default.

    Raises:
        NotFoundError: no space of that name.
    """
    reference = resolve_space(store, name)
    store.set_setting("space", reference.name)
    store.set_setting("base", reference.base)
    return reference.as_dict(reference.name)


def space_in_use(store: Store) -> str:
    """Name of the default space."""
    return store.setting("space") or tiny.NAME


def resolve_space(store: Store, name: str | None = None) -> SpaceReference:
    """Find a space by name, without loading it.

    Raises:
        NotFoundError: no space of that name.
    """
    name = name or space_in_use(store)
    if name == tiny.NAME:
        return _reference(tiny.NAME, tiny.NAME, tiny.space_directory())
    if row := store.space(name):
        return _reference(row.name, row.base, store.space_directory(row.name))
    raise NotFoundError(f"no space {name!r}: see `prefcli space list`, or `prefcli space train`")


def space_of(store: Store, fingerprint: str) -> SpaceReference:
    """Find the space that a profile was fitted in.

    Raises:
        NotFoundError: it is not here.
    """
    for reference in _references(store):
        if reference.fingerprint == fingerprint:
            return reference
    raise NotFoundError(
        f"the space {fingerprint} of this profile is not here: fit the user again in one of "
        "`prefcli space list`"
    )


def open_space(reference: SpaceReference) -> Space:
    """Load a space's weights."""
    from prefcli.latent.space import Space

    return Space.load(reference.directory)


def _references(store: Store) -> list[SpaceReference]:
    return [
        resolve_space(store, tiny.NAME),
        *(resolve_space(store, row.name) for row in store.spaces()),
    ]


def _reference(name: str, base: str, directory: Path) -> SpaceReference:
    path = directory / "space.json"
    try:
        return SpaceReference(name, base, directory, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise NotFoundError(f"space {name!r} has lost its files: expected {path}") from error
    except ValueError as error:
        raise DataError(f"space {name!r} is damaged: {path} is not JSON") from error


def _catalog_prompts(store: Store) -> list[Prompt]:
    return [stored.feedback.prompt for stored in store.feedback()]


def _json_prompt(line: str, where: str) -> Prompt:
    try:
        given = json.loads(line)["prompt"]
        if isinstance(given, str):
            return text_prompt(given)
        return tuple(Message(str(turn["role"]), str(turn["content"])) for turn in given)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{where}: expected JSON with `prompt`, text or messages") from error
