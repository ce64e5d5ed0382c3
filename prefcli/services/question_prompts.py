"""What questions are about: prompts from a file or the feedback, answers from the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from prefcli import tiny
from prefcli.errors import DataError
from prefcli.feedback.containers import source_name
from prefcli.feedback.records import Prompt, text_prompt
from prefcli.services.prompts import different_prompts
from prefcli.services.sampling import check_text
from prefcli.store import Store


def prompts_to_ask(
    store: Store,
    user: str,
    source: str | None,
    base: str,
    most: int,
    rng: np.random.Generator,
    from_others: bool = False,
) -> list[Prompt]:
    """At most so many different prompts, drawn at random within each kind of source.

    Args:
        source: A file or `-`; None takes the prompts of the user's feedback, then, for the
            embedded base, questions about topics that it knows.
        base: Name of the base that will answer.
        from_others: After the user's own, show what other people asked.

    Raises:
        UsageError, NotFoundError: the source's name is empty, or there is no such file.
        DataError: it cannot be read or holds no prompt, or there is no prompt anywhere.
    """
    if source is not None:
        return _drawn([different_prompts(source, source_name(source))], most, rng)
    own: dict[Prompt, None] = {}
    others: dict[Prompt, None] = {}
    for stored in store.feedback():
        (own if stored.feedback.user == user else others)[stored.feedback.prompt] = None
    kinds = [list(own)]
    if from_others:
        kinds.append([prompt for prompt in others if prompt not in own])
    if base == tiny.NAME:
        known = {prompt for prompts in kinds for prompt in prompts}
        kinds.append([prompt for prompt in _topics() if prompt not in known])
    found = _drawn(kinds, most, rng)
    if not found:
        hint = ", or show other people's with --from-others" if others else ""
        raise DataError(
            f"no prompts to ask about: {user} has given no feedback yet; name a file with "
            f"--prompts FILE{hint}"
        )
    return found


def logged_answers(store: Store, user: str, base: str) -> Mapping[Prompt, Mapping[str, bool]]:
    """Answers of the generation log by prompt, and whether the base alone gave each.

    Only what this base answered, for this user's profile or for none.
    """
    found: dict[Prompt, dict[str, bool]] = {}
    for entry in store.generations():
        if entry.base == base and entry.user in (None, user):
            found.setdefault(entry.prompt, {})[entry.response] = entry.user is None
    return found


def _drawn(kinds: Sequence[Sequence[Prompt]], most: int, rng: np.random.Generator) -> list[Prompt]:
    """The first `most` prompts, each kind shuffled."""
    found = [prompts[i] for prompts in kinds for i in rng.permutation(len(prompts))][:most]
    for prompt in found:
        check_text(prompt)
    return found


def _topics() -> list[Prompt]:
    """One question about each of the topics that the embedded space was trained on."""
    from prefcli.tiny import corpus

    kinds = corpus.PROMPT_KINDS
    return [
        text_prompt(corpus.prompts(topic, kinds[number % len(kinds)])[0])
        for number, topic in enumerate(corpus.stage_one_topics())
    ]
