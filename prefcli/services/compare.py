"""One prompt under several profiles, with one random stream, so that what differs is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefcli.errors import DataError, UsageError
from prefcli.feedback.records import text_prompt
from prefcli.services.generate import (
    MAX_NEW_TOKENS,
    TEMPERATURE,
    TOP_P,
    Generation,
    Generator,
    Job,
    Settings,
    check_system,
    check_text,
    pick_seed,
    under_system,
)
from prefcli.store import Store

if TYPE_CHECKING:
    from prefcli.progress import Progress

NOBODY = "none"  # the plain base
MOST = 16


def compare(
    store: Store,
    prompt: str,
    profiles: Sequence[str],
    *,
    base: str | None = None,
    strength: float = 1.0,
    seed: int | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    temperature: float = TEMPERATURE,
    top_p: float = TOP_P,
    system: str | None = None,
    log: bool = False,
    progress: Progress | None = None,
) -> list[Generation]:
    """Answer one prompt under each profile, in one batch and with one seed.

    Args:
        store: The open home.
        prompt: Text; not empty.
        profiles: As in `generate`; `none` is the plain base.
        Others as in `generate`.

    Raises:
        UsageError, NotFoundError, DataError: as the arguments deserve.
    """
    settings = Settings(strength, max_new_tokens, temperature, top_p)
    if not 2 <= len(profiles) <= MOST:
        raise UsageError(f"{len(profiles)} profiles: compare 2 to {MOST}, each with -p")
    if not prompt.strip():
        raise DataError("the prompt is empty: give text as an argument or on stdin")
    check_system(system)
    named = [None if name == NOBODY else name for name in profiles]
    somebody = next((name for name in named if name is not None), None)
    generator = Generator(store, settings, base, somebody, progress)
    turns = under_system(text_prompt(prompt), system)
    check_text(turns)
    drawn = pick_seed(seed)
    jobs = [Job(turns, generator.profile(name), drawn) for name in named]
    answers = generator.answer(jobs)
    found = []
    for job, response, told in zip(jobs, answers, generator.warnings(jobs), strict=True):
        if log:
            generator.log(job, response)
        chosen = job.profile
        found.append(
            Generation(
                prompt,
                response,
                chosen.user if chosen else None,
                chosen.version if chosen else None,
                generator.reference.name,
                drawn,
                told,
            )
        )
    return found
