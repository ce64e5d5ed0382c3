"""Prompts on which a profile can be put to the test: those that its fit has not seen.

What a profile was fitted on proves nothing of it. So prompts that are in the feedback of those
whose taste it holds are left out, wherever prompts come from: a file, or by default, for the
embedded space, topics that were kept out of everything, and for other spaces what other users were
asked. A user who is alone with their feedback is tested on parts of it in turn: for each fifth of
their prompts the fit is done again without it, as for the held-out accuracy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prefcli import tiny
from prefcli.errors import DataError
from prefcli.feedback.containers import source_name
from prefcli.feedback.records import Feedback, Prompt
from prefcli.profile import Profile
from prefcli.services.blends import Taste
from prefcli.services.feedback_encodings import FeedbackEncoder
from prefcli.services.generator import Generator, Job
from prefcli.services.population import common_prior
from prefcli.services.prompts import different_prompts
from prefcli.services.recency import recency_weights
from prefcli.services.sampling import check_text
from prefcli.services.space_eval import unseen_topics
from prefcli.services.spaces import SpaceReference
from prefcli.services.training_rows import training_rows
from prefcli.solvers.bradley_terry import fit_reward
from prefcli.store import Store
from prefcli.store.people import people_in

if TYPE_CHECKING:
    from prefcli.progress import Progress

FEWEST = 5  # prompts of others, below which a user's own are kept out in turn
FOLDS = 5
FITTED = ("fit", "rollback")  # origins of versions whose fit can be done again


@dataclass(frozen=True)
class Unseen:
    """Prompts for a test.

    Args:
        prompts: All different, in random order.
        source: `file`, `topics`, `others` or `kept out`.
        words: The same for people, as it ends "40 prompts ...".
        left_out: Prompts that there were besides, but the fit has seen.
    """

    prompts: list[Prompt]
    source: str
    words: str
    left_out: int = 0


def unseen_prompts(
    store: Store,
    taste: Taste,
    reference: SpaceReference,
    given: str | Sequence[Prompt] | None,
    seed: int,
) -> Unseen | None:
    """Prompts that nobody whose taste this is has judged answers to.

    Args:
        taste: The profile or blend that is tested.
        reference: Its space.
        given: A file or `-`, or prompts; None for the defaults.
        seed: Of their order.

    Returns:
        None where there is no default that serves.

    Raises:
        UsageError, NotFoundError: the file's name is empty, or there is no such file.
        DataError: it cannot be read, holds no prompt, or none that the fit has not seen.
    """
    everybody = {stored.user for stored, _ in taste.parts}.union(
        *(people_in(stored.summary) for stored, _ in taste.parts)
    )
    seen: set[Prompt] = set()
    others: dict[Prompt, None] = {}
    for row in store.feedback():
        if row.feedback.user in everybody:
            seen.add(row.feedback.prompt)
        else:
            others[row.feedback.prompt] = None
    if given is not None:
        return _given(given, seen, seed)
    if reference.name == tiny.NAME:
        found = unseen_topics(seed)
        words = "of topics that were kept out of everything"
        return Unseen(_shuffled(_new(found, seen), seed), "topics", words)
    found = _new(others, seen)
    if len(found) < FEWEST:
        return None
    words = "that only other users' feedback is about"
    return Unseen(_shuffled(found, seed), "others", words)


def _given(given: str | Sequence[Prompt], seen: set[Prompt], seed: int) -> Unseen:
    if isinstance(given, str):
        where = source_name(given)
        every = different_prompts(given, where)
    else:
        where, every = "what was given", list(dict.fromkeys(given))
    found = _new(every, seen)
    if not found:
        raise DataError(
            f"the fit has seen every prompt of {where}, where its answers would prove nothing: "
            "name others"
        )
    for prompt in found:
        check_text(prompt)
    ordered = _shuffled(found, seed) if isinstance(given, str) else found
    return Unseen(ordered, "file", f"of {where}", len(every) - len(found))


def warn_of(generator: Generator, prompts: Sequence[Prompt]) -> list[str]:
    """What a person should know about the answers to prompts, each thing once with its number."""
    told = generator.warnings([Job(prompt, None, 0) for prompt in prompts])
    counts = Counter(warning for each in told for warning in each)
    return [f"{count} of {len(prompts)} prompts: {text}" for text, count in counts.items()]


def kept_out(
    store: Store,
    taste: Taste,
    reference: SpaceReference,
    seed: int,
    progress: Progress | None = None,
) -> list[tuple[list[Prompt], Profile]]:
    """The user's own prompts in parts, each with the profile of a fit without it.

    Args:
        taste: A profile that is a fit.
        reference: Its space.
        seed: Deals the prompts out.

    Raises:
        DataError: it is no such fit, or there are too few prompts.
    """
    where = "no prompts that the fit has not seen: name some with --prompts FILE"
    stored = taste.parts[0][0]
    method = stored.summary.get("method", "bradley-terry")
    origin = stored.summary.get("origin", "fit")
    if taste.version is None or origin not in FITTED or method != "bradley-terry":
        raise DataError(where)
    rows = list(store.feedback(stored.user))
    prompts = list(dict.fromkeys(row.feedback.prompt for row in rows))
    if len(prompts) < FEWEST:
        raise DataError(f"{where} ({stored.user} judged answers to {len(prompts)})")
    encoder = FeedbackEncoder(store, reference, progress)
    encodings = encoder.encode([[row.feedback for row in rows]])
    weights = recency_weights(rows, stored.summary.get("half_life"))
    prior = common_prior(store, stored.space, stored.user)
    size = int(reference.description["latent_size"])
    fold = {prompt: i % FOLDS for i, prompt in enumerate(_shuffled(prompts, seed))}
    found = []
    for number in range(FOLDS):
        kept: list[Feedback] = []
        counted: list[float] = []
        for row, weight in zip(rows, weights, strict=True):
            if fold[row.feedback.prompt] != number:
                kept.append(row.feedback)
                counted.append(weight)
        learned = training_rows(kept, encodings, size, encoder.background(), counted).rows
        profile = Profile.from_reward(
            stored.user,
            stored.space,
            fit_reward(learned, prior),
            float(reference.description["rho"]),
        )
        found.append(([prompt for prompt in fold if fold[prompt] == number], profile))
    return found


def _new(prompts: Iterable[Prompt], seen: set[Prompt]) -> list[Prompt]:
    return [prompt for prompt in prompts if prompt not in seen]


def _shuffled(prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
    order = np.random.default_rng(seed).permutation(len(prompts))
    return [prompts[i] for i in order]
