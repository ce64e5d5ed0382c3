"""A profile moved by example texts instead of judgements: toward some, away from others.

The direction is the difference between the mean encodings of the two sides, of texts read as
answers to the same prompts, so that what the prompts have in common cancels; with one side only,
from the middle of the base's own answers. It becomes a linear reward, and the edited profile is the
blend of what was learned with it, in shares of 1 and `strength`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.feedback.records import Prompt, text_prompt
from prefcli.services.bases import open_base, resolve_base
from prefcli.services.blends import policy_lost
from prefcli.services.profile_versions import add_version
from prefcli.services.profiles import open_profile, stored_profile
from prefcli.services.spaces import open_space, space_of
from prefcli.solvers.blend import blend
from prefcli.store import Store

if TYPE_CHECKING:
    from prefcli.progress import Progress

MOST_TEXTS, MOST_PROMPTS = 500, 4
STRONGEST = 100.0
WEAK = 0.5  # standard deviations of the base's answers; sides that differ by less hardly differ

Array = npt.NDArray[np.float64]
Example = tuple[Prompt | None, str]  # without a prompt of its own it is read after the shared ones


def edit(
    store: Store,
    name: str,
    toward: Sequence[str] = (),
    away: Sequence[str] = (),
    *,
    prompt: str | None = None,
    strength: float = 1.0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Move a profile by examples, as a new version.

    Args:
        store: The open home.
        name: `user` or `user@version`.
        toward, away: Files of texts: JSONL (by its name's ending) with `text`, or `prompt` and
            `response`, on each line; anything else is one text.
        prompt: What the texts answer; default the last few prompts of the user's feedback.
        strength: What the examples count beside the profile; 1 is as much.

    Returns:
        The fields of `profile list`, `origin`, `parents`, `moved` (how far apart the two sides
        are, in standard deviations of the base's answers) and `warnings`.

    Raises:
        UsageError: no file, a strength out of range, or nobody says what the texts answer.
        NotFoundError: no such profile or file.
        DataError: a file is no text, or the two sides are the same.
    """
    if not toward and not away:
        raise UsageError("nothing to go by: give --toward FILE or --away FILE")
    if not 0 < strength <= STRONGEST:
        raise UsageError(f"--strength {strength}: expected more than 0, at most {STRONGEST:g}")
    sides = [_examples(files) for files in (toward, away)]
    stored = stored_profile(store, name)
    learned = open_profile(stored)
    prompts = _prompts(store, stored.user, prompt) if _lacks_prompt(sides) else []
    reference = space_of(store, stored.space)
    base = open_base(resolve_base(store, reference.base), progress)
    space = open_space(reference)
    space.attach(base)

    def middle(side: Sequence[Example]) -> Array:
        answers = [
            (shared, text)
            for own, text in side
            for shared in ([own] if own is not None else prompts)
        ]
        if not answers:
            return np.zeros(space.size)
        means = [encoded.mean for batch in space.encode(base, answers) for _, encoded in batch]
        found: Array = np.mean(means, axis=0, dtype=np.float64)
        return found

    direction = middle(sides[0]) - middle(sides[1])
    moved = float(np.linalg.norm(direction))
    if moved < 1e-6:
        raise DataError("the texts of --toward and --away are the same to this space")
    size = len(direction)
    examples = dataclasses.replace(
        learned.reward,
        weight=direction,
        curvature=np.zeros((size, size)),
        covariance=np.zeros((size, size)),
        intercept=0.0,
    )
    edited = type(learned).from_reward(
        stored.user,
        stored.space,
        blend([learned.reward, examples], [1.0, strength]),
        learned.rho,
        method=learned.method,
    )
    content = dataclasses.replace(stored, artifact=edited.to_bytes())
    made = add_version(
        store,
        stored.user,
        content,
        "edit",
        [stored],
        edited={"toward": len(sides[0]), "away": len(sides[1]), "strength": strength},
    )
    weak = (
        f"the texts hardly differ in space {reference.name} ({moved:.2f} standard deviations): "
        "the direction may be chance"
    )
    warnings = policy_lost([stored], "edit") + ([weak] if moved < WEAK else [])
    return made | {"moved": round(moved, 3), "warnings": warnings}


def _lacks_prompt(sides: Sequence[Sequence[Example]]) -> bool:
    return any(own is None for side in sides for own, _ in side)


def _prompts(store: Store, user: str, given: str | None) -> list[Prompt]:
    """What texts without a prompt of their own are read after."""
    if given is not None:
        if not given.strip():
            raise UsageError("--prompt is empty: say what the texts answer")
        return [text_prompt(given)]
    found: dict[Prompt, None] = {}
    for row in store.feedback(user, limit=200, newest_first=True):
        found.setdefault(row.feedback.prompt)
        if len(found) == MOST_PROMPTS:
            break
    if not found:
        raise UsageError(
            f"{user} has no feedback whose prompts the texts could answer: name one with --prompt"
        )
    return list(found)


def _examples(files: Sequence[str]) -> list[Example]:
    found = [example for file in files for example in _read(file)]
    if len(found) > MOST_TEXTS:
        raise DataError(f"{len(found)} example texts: {MOST_TEXTS} at most on either side")
    return found


def _read(file: str) -> list[Example]:
    try:
        text = Path(file).read_text("utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"no such file: {file}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8: byte {error.start}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise NotFoundError(f"cannot read {file}: {reason}") from None
    if not file.endswith(".jsonl"):
        if not text.strip():
            raise DataError(f"{file} is empty: expected an example text")
        return [(None, text.strip())]
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise DataError(f"{file} is empty: expected an example text on each line")
    return [_example(line, f"{file}:{number}") for number, line in lines]


def _example(line: str, where: str) -> Example:
    try:
        row = json.loads(line)
        own = row.get("prompt")
        text = row["text"] if "text" in row else row["response"]
        if not isinstance(text, str) or not text.strip() or not isinstance(own, str | None):
            raise ValueError
        text.encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(
            f'{where}: expected {{"text": ...}}, or {{"prompt": ..., "response": ...}}'
        ) from None
    return (text_prompt(own) if own is not None and own.strip() else None), text
