"""Stage 1 as a service: from prompts to a space in the catalog."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from prefcli import tiny
from prefcli.errors import PrefcliError, UsageError
from prefcli.latent.files import read_description
from prefcli.services.bases import open_base, resolve_base
from prefcli.services.prompts import find_prompts
from prefcli.services.spaces import show_space
from prefcli.store import Store
from prefcli.store.registry import check_name

if TYPE_CHECKING:
    from prefcli.latent.space import Space
    from prefcli.progress import Progress

FEWEST_PROMPTS = 10
HELD_OUT_SHARE, MOST_HELD_OUT = 0.15, 48
# Far beyond what helps, and short of what can only be a slip of the finger.
MOST_SAMPLES, MOST_STEPS = 1024, 1_000_000
LARGEST_LATENT_SIZE, LONGEST_ANSWER = 1024, 65_536
LARGEST_SEED = 2**63 - 1


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
        UsageError: the name is taken or cannot name a directory, or a number is out of its range.
        NotFoundError: no such base or file.
        DataError: too few prompts, or training failed.
        PrefcliError: the home cannot be written to.
    """
    _check_new(store, name)
    _check_range("--samples", samples, 2, MOST_SAMPLES)
    _check_range("--steps", steps, 1, MOST_STEPS)
    _check_range("--latent-size", latent_size, 1, LARGEST_LATENT_SIZE)
    _check_range("--seed", seed, 0, LARGEST_SEED)
    _check_range("--max-new-tokens", max_new_tokens, 1, LONGEST_ANSWER)
    reference = resolve_base(store, base)
    found = find_prompts(store, prompts, FEWEST_PROMPTS)
    random.Random(seed).shuffle(found)
    count = min(MOST_HELD_OUT, max(2, round(HELD_OUT_SHARE * len(found))))

    from prefcli.latent.pretrain import PretrainConfig
    from prefcli.latent.train import train_space as train
    from prefcli.precision import bfloat16_pays

    with _workplace(store.space_directory(name)) as workplace:
        model = open_base(reference, progress)
        if trunk_layers is None:
            trunk_layers = max(1, round(model.layer_count / 6))
        _check_range("--trunk-layers", trunk_layers, 1, model.layer_count)
        config = PretrainConfig(
            latent_size=latent_size,
            depth=trunk_layers,
            steps=steps,
            autocast=bfloat16_pays(model.device),
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
        _keep(store, space, name, reference.name, workplace)
    if store.setting("space") is None and store.setting("base") == reference.name:
        store.set_settings(space=name)
    return show_space(store, name)


def _check_new(store: Store, name: str) -> None:
    """Refuse a name that is none, or taken; some file systems do not tell `A` from `a`."""
    check_name(name, "space")
    taken = [tiny.NAME, *(row.name for row in store.spaces())]
    there = next((other for other in taken if other.casefold() == name.casefold()), None)
    if there is not None:
        raise UsageError(f"a space {there!r} exists already: choose another name")


def _check_range(option: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        shown = str(value) if abs(value) < 2**64 else "of more than 64 bits"
        raise UsageError(f"{option} {shown}: expected {least} to {most}")


@contextmanager
def _workplace(directory: Path) -> Iterator[Path]:
    """A directory beside a space's own to write it in; gone at the end, with all that is left.

    Made before the training, so that a home that cannot be written to is told at once. What a
    killed process leaves of it is in nobody's way: no space can have such a name.
    """
    spaces = directory.parent
    with _writing(spaces):
        spaces.mkdir(mode=0o700, exist_ok=True)
        workplace = TemporaryDirectory(prefix=".training-", dir=spaces, ignore_cleanup_errors=True)
    with workplace as path:
        yield Path(path)


def _keep(store: Store, space: Space, name: str, base: str, workplace: Path) -> None:
    """Save a space under its name: files and row appear together, and only if the name is free."""
    directory, written = store.space_directory(name), workplace / "space"

    def place() -> None:
        # Files without a row: a process was killed between putting them there and the commit.
        if os.path.lexists(directory):
            directory.rename(workplace / "orphan")
        written.rename(directory)

    with _writing(directory):
        space.save(written)
        read_description(written)  # what nobody could open must not take the name
        store.add_space(name, base, space.fingerprint(), {}, place)


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PrefcliError(
            f"cannot write to {directory} ({error.strerror or error}): check the permissions and "
            "the free space, or set PREFCLI_HOME to another directory"
        ) from error
