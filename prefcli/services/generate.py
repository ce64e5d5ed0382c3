"""Generate: a prompt, perhaps under a profile, to an answer; one at a time or in batches.

A batch loads the model once and may mix profiles: each row carries its own prefix and its own
random stream, so that a row's answer does not depend on its neighbours.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.feedback.records import ROLES, Message, Prompt, text_prompt
from prefcli.profile import Profile
from prefcli.services.bases import BaseReference, open_base, resolve_base
from prefcli.services.spaces import open_space, space_of
from prefcli.store import Store, StoredProfile

if TYPE_CHECKING:
    from torch import Tensor

    from prefcli.base import Base
    from prefcli.latent.space import Space
    from prefcli.progress import Progress

MAX_NEW_TOKENS = 256
LONGEST_VERSION = 18  # digits; more do not fit the catalog's integers


@dataclass(frozen=True)
class Settings:
    """How to sample.

    Args:
        strength: 0 is exactly the base, 1 the profile at the space's reach; more goes further.
        max_new_tokens: Longest answer.
        temperature: 0 takes the likeliest token.
        top_p: Nucleus.

    Raises:
        UsageError: a value is out of its range.
    """

    strength: float = 1.0
    max_new_tokens: int = MAX_NEW_TOKENS
    temperature: float = 1.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.strength < float("inf"):
            raise UsageError(f"--strength {self.strength}: expected 0 or more")
        if not 0 <= self.temperature < float("inf"):
            raise UsageError(f"--temperature {self.temperature}: expected 0 or more")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"--top-p {self.top_p}: expected more than 0, at most 1")
        if self.max_new_tokens < 1:
            raise UsageError(f"--max-new-tokens {self.max_new_tokens}: expected 1 or more")


@dataclass(frozen=True)
class Generation:
    """One answer and what made it."""

    prompt: str
    response: str
    profile: str | None
    version: int | None
    base: str
    seed: int


def generate(
    store: Store,
    prompt: str,
    *,
    profile: str | None = None,
    base: str | None = None,
    strength: float = 1.0,
    seed: int | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    temperature: float = 1.0,
    top_p: float = 1.0,
    log: bool = False,
    on_text: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Generation:
    """Answer one prompt.

    Args:
        store: The open home.
        prompt: Text; not empty.
        profile: `user` or `user@version`; None for the plain base.
        base: Name of a base; default the profile's own, else the one in use.
        strength, max_new_tokens, temperature, top_p: See `Settings`.
        seed: Everything random; None draws one, which the result names.
        log: Keep prompt and answer in the catalog.
        on_text: Called with each piece of the answer as it comes.

    Raises:
        UsageError, NotFoundError, DataError: as the arguments deserve.
    """
    settings = Settings(strength, max_new_tokens, temperature, top_p)
    if not prompt.strip():
        raise DataError("the prompt is empty: give text as an argument or on stdin")
    generator = _Generator(store, settings, base, profile, progress)
    chosen = generator.profile(profile)
    seed = _seed(seed)
    turns = text_prompt(prompt)
    check_text(turns)
    job = _Job(turns, chosen, seed)
    response = generator.answer([job], on_text)[0]
    if log:
        generator.log(job, response)
    return Generation(
        prompt,
        response,
        chosen.user if chosen else None,
        chosen.version if chosen else None,
        generator.reference.name,
        seed,
    )


def generate_batch(
    store: Store,
    lines: Iterable[str],
    *,
    profile: str | None = None,
    base: str | None = None,
    strength: float = 1.0,
    seed: int | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    temperature: float = 1.0,
    top_p: float = 1.0,
    log: bool = False,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> Iterator[dict[str, Any]]:
    """Answer JSONL records in order, a batch at a time.

    A record has `prompt` (text or messages) and may have `profile` and `seed`, which override the
    arguments; every field comes back, with `response`, `profile`, `version` and `seed` added. A
    record that cannot be answered comes back with `error`.

    Args:
        lines: JSONL; blank lines are passed over.
        batch_size: Records answered at once.
        seed: For every record that has none of its own; None draws one for each.
        Others as in `generate`.

    Raises:
        UsageError, NotFoundError: the arguments themselves are wrong.
    """
    settings = Settings(strength, max_new_tokens, temperature, top_p)
    if batch_size < 1:
        raise UsageError(f"--batch-size {batch_size}: expected 1 or more")
    generator = _Generator(store, settings, base, profile, progress)
    generator.profile(profile)  # a wrong default is the caller's error, not every record's
    pending: list[tuple[dict[str, Any], _Job | None]] = []
    done = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        pending.append(_job(generator, line, number, profile, seed))
        if len(pending) == batch_size:
            yield from _answered(generator, pending, log)
            done += len(pending)
            pending = []
            if progress:
                progress("generating", done, None)
    yield from _answered(generator, pending, log)


@dataclass(frozen=True)
class _Chosen:
    user: str
    version: int
    z: npt.NDArray[np.float64] | None
    space: str


@dataclass(frozen=True)
class _Job:
    prompt: Prompt
    profile: _Chosen | None
    seed: int


class _Generator:
    """One base, any number of profiles; models are loaded at the first answer."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        base: str | None,
        profile: str | None,
        progress: Progress | None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.progress = progress
        self._base: Base | None = None
        self._spaces: dict[str, Space] = {}
        self._profiles: dict[str, _Chosen] = {}
        self._prefixes: dict[tuple[str, int], Tensor] = {}
        if base is None and profile is not None:
            base = space_of(store, stored_profile(store, profile).space).base
        self.reference: BaseReference = resolve_base(store, base)

    def profile(self, name: str | None) -> _Chosen | None:
        """Look a profile up and find its z.

        Raises:
            NotFoundError: no such profile, or its space is not here.
            UsageError: it belongs to another base.
        """
        if name is None:
            return None
        if name not in self._profiles:
            stored = stored_profile(self.store, name)
            space = space_of(self.store, stored.space)
            if space.base != self.reference.name:
                raise UsageError(
                    f"profile {name} belongs to base {space.base}, this run uses "
                    f"{self.reference.name}: fit the user in a space of that base"
                )
            z = Profile.from_bytes(stored.artifact).latent(self.settings.strength)
            self._profiles[name] = _Chosen(stored.user, stored.version, z, stored.space)
        return self._profiles[name]

    def answer(
        self, jobs: Sequence[_Job], on_text: Callable[[str], None] | None = None
    ) -> list[str]:
        if not jobs:
            return []
        from prefcli.decoding import sample

        if self._base is None:
            self._base = open_base(self.reference, self.progress)
        base = self._base
        return sample(
            base,
            [self._prompt_ids(base, job.prompt) for job in jobs],
            seeds=[job.seed for job in jobs],
            prefixes=[self._prefix(base, job.profile) for job in jobs],
            max_new_tokens=self.settings.max_new_tokens,
            temperature=self.settings.temperature,
            top_p=self.settings.top_p,
            on_text=on_text,
        )

    def log(self, job: _Job, response: str) -> None:
        chosen = job.profile
        self.store.log_generation(
            job.prompt,
            response,
            base=self.reference.name,
            user=chosen.user if chosen else None,
            version=chosen.version if chosen else None,
            seed=job.seed,
            settings=vars(self.settings),
        )

    def _prefix(self, base: Base, chosen: _Chosen | None) -> Tensor | None:
        if chosen is None or chosen.z is None:
            return None
        key = (chosen.user, chosen.version)
        if key not in self._prefixes:
            if chosen.space not in self._spaces:
                space = open_space(space_of(self.store, chosen.space))
                space.check_base(base)
                space.adapter.to(base.device)
                self._spaces[chosen.space] = space
            self._prefixes[key] = self._spaces[chosen.space].prefix(chosen.z)
        return self._prefixes[key]

    def _prompt_ids(self, base: Base, prompt: Prompt) -> list[int]:
        """Leaves room for at least as much answer as a quarter of the context."""
        return base.prompt_ids(prompt, base.context - max(16, base.context // 4))


def stored_profile(store: Store, name: str) -> StoredProfile:
    """A profile by `user` (its latest version) or `user@version`.

    Raises:
        UsageError: the version is not a number.
        NotFoundError: there is none.
    """
    user, mark, text = name.partition("@")
    if not user or (mark and not (text.isascii() and text.isdecimal())):
        raise UsageError(f"profile {name!r}: expected user, or user@version as in alice@2")
    if len(text) > LONGEST_VERSION:
        raise NotFoundError(f"no profile {name[:40]!r}: no version is that large")
    found = store.profile(user, int(text) if mark else None)
    if found is None:
        hint = f"`prefcli fit --user {user}` first" if store.has_user(user) else "no such user"
        raise NotFoundError(f"no profile {name!r}: {hint} (see `prefcli profile list`)")
    return found


def _answered(
    generator: _Generator, pending: Sequence[tuple[dict[str, Any], _Job | None]], log: bool
) -> Iterator[dict[str, Any]]:
    jobs = [job for _, job in pending if job is not None]
    answers = iter(generator.answer(jobs))
    for record, job in pending:
        if job is None:
            yield record
            continue
        response = next(answers)
        if log:
            generator.log(job, response)
        chosen = job.profile
        yield {
            **record,
            "response": response,
            "profile": chosen.user if chosen else None,
            "version": chosen.version if chosen else None,
            "seed": job.seed,
        }


def _job(
    generator: _Generator, line: str, number: int, profile: str | None, seed: int | None
) -> tuple[dict[str, Any], _Job | None]:
    """The record as it came and what to do about it; a bad record carries its `error`."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"error": f"line {number}: not JSON ({error})", "line": line.rstrip("\n")}, None
    if not isinstance(record, dict):
        return {"error": f"line {number}: expected a JSON object", "line": line.rstrip("\n")}, None
    try:
        given = record.get("profile", profile)
        if given is not None and not isinstance(given, str):
            raise DataError("field 'profile': expected a name")
        own_seed = record.get("seed", seed)
        if own_seed is not None and (
            not isinstance(own_seed, int) or isinstance(own_seed, bool) or not 0 <= own_seed < 2**63
        ):
            raise DataError("field 'seed': expected a whole number from 0 to 2**63 - 1")
        job = _Job(_record_prompt(record), generator.profile(given), _seed(own_seed))
    except PrefcliError as error:
        record.pop("response", None)
        return {**record, "error": f"line {number}: {error.message}"}, None
    record.pop("error", None)  # what an earlier run said of this record
    return record, job


def _record_prompt(record: Mapping[str, Any]) -> Prompt:
    given = record.get("prompt")
    prompt: Prompt = ()
    if isinstance(given, str) and given.strip():
        prompt = text_prompt(given)
    elif isinstance(given, list):
        with suppress(KeyError, TypeError):
            prompt = tuple(Message(turn["role"], turn["content"]) for turn in given)
    if not prompt or not all(
        turn.role in ROLES and isinstance(turn.content, str) for turn in prompt
    ):
        raise DataError("field 'prompt': expected text, or messages with role and content")
    check_text(prompt)
    return prompt


def check_text(prompt: Prompt) -> None:
    """Refuse half characters, which no tokenizer takes.

    Raises:
        DataError: an unpaired surrogate.
    """
    try:
        "".join(turn.content for turn in prompt).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"the prompt holds half a character (an unpaired surrogate) at position {error.start}"
        ) from None


def _seed(seed: int | None) -> int:
    if seed is None:
        return secrets.randbelow(2**31)
    if not 0 <= seed < 2**63:
        raise UsageError(f"--seed {seed}: expected 0 to 2**63 - 1")
    return seed
