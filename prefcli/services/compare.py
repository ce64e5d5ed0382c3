"""One prompt under several profiles, with one random stream, so that what differs is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from prefcli.errors import DataError, UsageError
from prefcli.feedback.records import text_prompt
from prefcli.services.generator import NOBODY, Generation, Generator, Job
from prefcli.services.sampling import Asked, Choice, check_text, pick_seed, under_system
from prefcli.store import Store

MOST = 16


def compare(
    store: Store,
    prompt: str,
    profiles: Sequence[str],
    **asked: Unpack[Asked],
) -> list[Generation]:
    """Answer one prompt under each profile, in one batch and with one seed.

    Args:
        store: The open home.
        prompt: Text; not empty.
        profiles: As in `generate`; `none` is the plain base.
        asked: As in `generate`.

    Raises:
        UsageError, NotFoundError, DataError: as the arguments deserve.
    """
    choice = Choice.of(**asked)
    if not 2 <= len(profiles) <= MOST:
        raise UsageError(f"{len(profiles)} profiles: compare 2 to {MOST}, each with -p")
    if not prompt.strip():
        raise DataError("the prompt is empty: give text as an argument or on stdin")
    named = [None if name == NOBODY else name for name in profiles]
    somebody = next((name for name in named if name is not None), None)
    generator = Generator(store, choice, somebody)
    turns = under_system(text_prompt(prompt), choice.system)
    check_text(turns)
    drawn = pick_seed(choice.seed)
    jobs = [Job(turns, generator.profile(name), drawn) for name in named]
    return generator.results(jobs, generator.answer(jobs))
