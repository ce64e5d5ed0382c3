"""Generate: a prompt, perhaps under a profile, to an answer or to several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Unpack

from prefcli.errors import DataError, UsageError
from prefcli.feedback.records import text_prompt
from prefcli.services.generator import Generation, Generator, Job
from prefcli.services.sampling import Asked, Choice, check_text, pick_seed, under_system
from prefcli.store import Store

AT_ONCE = 32  # answers to one prompt in one batch


def generate(
    store: Store,
    prompt: str,
    *,
    profile: str | None = None,
    on_text: Callable[[str], None] | None = None,
    **asked: Unpack[Asked],
) -> Generation:
    """Answer one prompt.

    Args:
        store: The open home.
        prompt: Text; not empty.
        profile: `user`, `user@version`, or a blend as `alice=0.7,bob=0.3`; None for the plain
            base.
        on_text: Called with each piece of the answer as it comes.
        asked: `base`, `seed`, `system`, `log`, `progress` as in `sampling.Choice`; `strength`,
            `max_new_tokens`, `temperature`, `top_p`, `stop` as in `sampling.Settings`.

    Raises:
        UsageError, NotFoundError, DataError: as the arguments deserve.
    """
    [answer] = generate_many(store, prompt, 1, profile=profile, on_text=on_text, **asked)
    return answer


def generate_many(
    store: Store,
    prompt: str,
    count: int,
    *,
    profile: str | None = None,
    on_text: Callable[[str], None] | None = None,
    **asked: Unpack[Asked],
) -> Iterator[Generation]:
    """Several answers to one prompt, each with a seed one higher than the one before.

    Args:
        count: How many; `AT_ONCE` of them are made together.
        on_text: As in `generate`; for a count of one.
        Others as in `generate`.

    Raises:
        UsageError, NotFoundError, DataError: as the arguments deserve.
    """
    choice = Choice.of(**asked)
    if count < 1:
        raise UsageError(f"--count {count}: expected 1 or more")
    if not prompt.strip():
        raise DataError("the prompt is empty: give text as an argument or on stdin")
    generator = Generator(store, choice, profile)
    chosen = generator.profile(profile)
    first = pick_seed(choice.seed)
    turns = under_system(text_prompt(prompt), choice.system)
    check_text(turns)
    for start in range(0, count, AT_ONCE):
        seeds = range(first + start, first + min(count, start + AT_ONCE))
        jobs = [Job(turns, chosen, each % 2**63) for each in seeds]
        yield from generator.results(jobs, generator.answer(jobs, on_text))
