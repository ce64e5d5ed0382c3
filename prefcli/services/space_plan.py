"""What a training of a space was asked to do: its settings and its prompts, on disk until it ends.

A plan lies in a directory beside the spaces, together with the answers sampled so far and the
checkpoint. While it lies there the training is unfinished, and `--resume` goes on with it: with the
same prompts, whatever became of their file or of the catalog's feedback.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from prefcli.errors import DataError, PrefcliError, UsageError
from prefcli.feedback.records import Prompt, prompt_from_json, prompt_to_json
from prefcli.services.space_files import writing

FORMAT = 1
PLAN, LOCK, KEPT = "plan.json", "lock", ".kept"
UNFINISHED = ".unfinished-"  # no space can have such a name
# Far beyond what helps, and short of what can only be a slip of the finger.
MOST = {
    "samples": 1024,
    "steps": 1_000_000,
    "latent_size": 1024,
    "trunk_layers": 10_000,
    "prefix_length": 256,
    "lora_rank": 1024,
    "prompts_per_step": 4096,
    "max_new_tokens": 65_536,
    "tokens_per_pass": 2**31,
    "seed": 2**63 - 1,
}
MOST_REAL = {"temperature": 100.0, "top_p": 1.0, "learning_rate": 1.0, "encoder_pace": 10.0}
LEAST = {"samples": 2, "lora_rank": 0, "seed": 0}


class Asked(TypedDict, total=False):
    """The settings that somebody chose; see `SpaceSettings`."""

    samples: int
    temperature: float
    top_p: float
    max_new_tokens: int
    steps: int
    learning_rate: float
    encoder_pace: float
    principal_axes: bool
    prompts_per_step: int
    latent_size: int
    trunk_layers: int
    adapter: str
    prefix_length: int
    lora_rank: int
    tokens_per_pass: int
    checkpointing: bool
    seed: int


@dataclass(frozen=True)
class SpaceSettings:
    """Everything about a training that a person may choose.

    Args:
        samples: Answers sampled per prompt.
        temperature, top_p: How they are sampled.
        max_new_tokens: Longest answer in tokens.
        steps: Optimiser steps.
        learning_rate: AdamW's peak.
        encoder_pace: The encoder's learning rate as a share of that of the rest.
        principal_axes: Start the encoder on the axes in which the answers differ most.
        prompts_per_step: Prompts of a step, with up to 8 answers each.
        latent_size: Directions to start with.
        trunk_layers: Layers of the base that the encoder reads; None for a sixth of them.
        adapter: What z becomes: `prefix` or `soft`.
        prefix_length: Positions of the prefix.
        lora_rank: Rank of a LoRA by which the base moves for all users alike; 0 for none.
        tokens_per_pass: Tokens that the base reads at once.
        checkpointing: Save memory by computing activations twice.
        seed: Everything random.

    Raises:
        UsageError: a value is out of its range.
    """

    samples: int = 16
    temperature: float = 1.0
    top_p: float = 1.0
    max_new_tokens: int = 128
    steps: int = 500
    learning_rate: float = 2e-3
    encoder_pace: float = 0.25
    principal_axes: bool = False
    prompts_per_step: int = 4
    latent_size: int = 16
    trunk_layers: int | None = None
    adapter: str = "prefix"
    prefix_length: int = 4
    lora_rank: int = 0
    tokens_per_pass: int = 8192
    checkpointing: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            value = getattr(self, name)
            if value is not None:
                check_range(name, value, LEAST.get(name, 1), most)
        for name, limit in MOST_REAL.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 < value <= limit):
                raise UsageError(f"{option(name)} {value}: expected more than 0, at most {limit:g}")
        if self.adapter not in ("prefix", "soft"):
            raise UsageError(f"--adapter {self.adapter!r}: expected prefix or soft")


@dataclass(frozen=True)
class Plan:
    """One training.

    Args:
        base: Name of the base.
        settings: What was chosen.
        prompts: What is answered in training.
        held_out: Prompts for the trust report alone.
        given: Answers that are there already, by prompt.
        provenance: Where the prompts come from and whose they are.
    """

    base: str
    settings: SpaceSettings
    prompts: list[Prompt]
    held_out: list[Prompt]
    given: Mapping[Prompt, tuple[str, ...]]
    provenance: Mapping[str, Any]

    def save(self, directory: Path) -> None:
        """Write the plan; a reader never sees half of it."""
        content = {
            "format": FORMAT,
            "base": self.base,
            "settings": asdict(self.settings),
            "prompts": [prompt_to_json(prompt) for prompt in self.prompts],
            "held_out": [prompt_to_json(prompt) for prompt in self.held_out],
            "given": [[prompt_to_json(p), list(texts)] for p, texts in self.given.items()],
            "provenance": dict(self.provenance),
        }
        partial = directory / f".{PLAN}"
        partial.write_text(json.dumps(content) + "\n", encoding="utf-8")
        partial.replace(directory / PLAN)

    @classmethod
    def load(cls, directory: Path) -> Plan:
        """Read a plan.

        Raises:
            DataError: it is damaged, or of another version of prefcli.
        """
        try:
            content = json.loads((directory / PLAN).read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise DataError(
                    f"the unfinished training in {directory} is of another version of prefcli: "
                    "begin anew with --restart"
                )
            return cls(
                content["base"],
                SpaceSettings(**content["settings"]),
                [prompt_from_json(text) for text in content["prompts"]],
                [prompt_from_json(text) for text in content["held_out"]],
                {prompt_from_json(text): tuple(found) for text, found in content["given"]},
                content["provenance"],
            )
        except (OSError, ArithmeticError, LookupError, AttributeError, TypeError) as error:
            raise _damaged(directory) from error
        except (ValueError, RecursionError, UsageError) as error:
            raise _damaged(directory) from error


def _damaged(directory: Path) -> DataError:
    return DataError(
        f"the unfinished training in {directory} is damaged: begin anew with --restart"
    )


def unfinished(space_directory: Path) -> Path:
    """Where the training of the space in `space_directory` lies until it ends."""
    return space_directory.with_name(f"{UNFINISHED}{space_directory.name}")


def abandon_trainings(spaces: Path, user: str) -> list[str]:
    """Remove the unfinished trainings on a user's prompts; the names of their spaces."""
    found = trainings_on(spaces, user)
    for name in found:
        shutil.rmtree(spaces / f"{UNFINISHED}{name}")
    return found


def trainings_on(spaces: Path, user: str) -> list[str]:
    """Names of the spaces whose unfinished training is on a user's prompts."""
    found = []
    for directory in sorted(spaces.glob(f"{UNFINISHED}*")):
        with suppress(DataError):  # damaged: nobody can tell whose prompts are in it
            if user in Plan.load(directory).provenance.get("users", ()):
                found.append(directory.name.removeprefix(UNFINISHED))
    return found


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Make the directory of a plan, and hold it for this process alone.

    When the training fails or is interrupted it stays, if there is anything in it worth going on
    with. What a killed process was writing, whose name begins with a dot, is not, and goes.

    Raises:
        PrefcliError: another process trains there, or it cannot be written to.
    """
    from filelock import FileLock, Timeout

    with writing(directory.parent):
        directory.parent.mkdir(mode=0o700, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        lock = FileLock(directory / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise PrefcliError(
                f"another process is training this space (it works in {directory}): wait for it, "
                "or choose another name"
            ) from error
    try:
        _remove(path for path in directory.iterdir() if path.name.startswith("."))
        yield
    finally:
        _remove(path for path in directory.iterdir() if path.name.startswith("."))
        if not any(path.name not in (PLAN, LOCK) for path in directory.iterdir()):
            shutil.rmtree(directory, ignore_errors=True)
        lock.release()


def discard(directory: Path) -> None:
    """Remove what an ended or abandoned training left, but for the lock that is held."""
    # The plan goes last: while it is there, what is left can be told and thrown away.
    paths = sorted(directory.iterdir(), key=lambda path: path.name == PLAN)
    _remove(path for path in paths if path.name != LOCK)


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def check_range(name: str, value: int, least: int, most: int) -> None:
    """Refuse a number outside its range.

    Raises:
        UsageError: naming the option.
    """
    if not least <= value <= most:
        shown = str(value) if abs(value) < 2**64 else "of more than 64 bits"
        raise UsageError(f"{option(name)} {shown}: expected {least} to {most}")


def option(name: str) -> str:
    """What a setting is called on the command line."""
    return "--gradient-checkpointing" if name == "checkpointing" else f"--{name.replace('_', '-')}"
