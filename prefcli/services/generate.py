"""Generate: a prompt, perhaps under a profile, to an answer.

The model is loaded once, and a batch may mix profiles: each row carries its own prefix and its own
random stream, so that a row's answer does not depend on its neighbours.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from prefcli import tiny
from prefcli.errors import DataError, UsageError
from prefcli.feedback.records import Message, Prompt, text_prompt
from prefcli.services.bases import BaseReference, open_base, resolve_base
from prefcli.services.blends import find_taste
from prefcli.services.spaces import open_space, space_of
from prefcli.store import Store

if TYPE_CHECKING:
    from torch import Tensor

    from prefcli.base import Base
    from prefcli.latent.space import Space
    from prefcli.profile import Profile
    from prefcli.progress import Progress

MAX_NEW_TOKENS = 256
TEMPERATURE, TOP_P = 0.8, 0.95  # untempered, small models stumble over their own rare tokens
STRONGEST = 10.0  # times the space's reach; far beyond what the base was trained to read
HOTTEST = 100.0  # every token is as likely as any other long before
AT_ONCE = 32  # answers to one prompt in one batch
STRANGE_PROMPT = (
    "the built-in base never met such a prompt and the answer is probably nonsense: it knows 249 "
    "everyday topics, asked about as in `How do I cook rice?`. For others add a base: "
    "`prefcli base add --help`"
)


@dataclass(frozen=True)
class Settings:
    """How to sample.

    Args:
        strength: 0 is exactly the base, 1 the profile at the space's reach; up to `STRONGEST`
            goes further.
        max_new_tokens: Longest answer.
        temperature: Up to `HOTTEST`; 0 takes the likeliest token.
        top_p: Nucleus.

    Raises:
        UsageError: a value is out of its range.
    """

    strength: float = 1.0
    max_new_tokens: int = MAX_NEW_TOKENS
    temperature: float = TEMPERATURE
    top_p: float = TOP_P

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= STRONGEST:
            raise UsageError(f"--strength {self.strength}: expected 0 to {STRONGEST:g}")
        if not 0 <= self.temperature <= HOTTEST:
            raise UsageError(f"--temperature {self.temperature}: expected 0 to {HOTTEST:g}")
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
    warnings: list[str] = field(default_factory=list)


def generate(
    store: Store,
    prompt: str,
    *,
    profile: str | None = None,
    base: str | None = None,
    strength: float = 1.0,
    seed: int | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    temperature: float = TEMPERATURE,
    top_p: float = TOP_P,
    system: str | None = None,
    log: bool = False,
    on_text: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Generation:
    """Answer one prompt.

    Args:
        store: The open home.
        prompt: Text; not empty.
        profile: `user`, `user@version`, or a blend as `alice=0.7,bob=0.3`; None for the plain
            base.
        base: Name of a base; default the profile's own, else the one in use.
        strength, max_new_tokens, temperature, top_p: See `Settings`.
        seed: Everything random; None draws one, which the result names.
        system: A system message before the prompt.
        log: Keep prompt and answer in the catalog.
        on_text: Called with each piece of the answer as it comes.

    Raises:
        UsageError, NotFoundError, DataError: as the arguments deserve.
    """
    [answer] = generate_many(
        store,
        prompt,
        1,
        profile=profile,
        base=base,
        strength=strength,
        seed=seed,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        system=system,
        log=log,
        on_text=on_text,
        progress=progress,
    )
    return answer


def generate_many(
    store: Store,
    prompt: str,
    count: int,
    *,
    profile: str | None = None,
    base: str | None = None,
    strength: float = 1.0,
    seed: int | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    temperature: float = TEMPERATURE,
    top_p: float = TOP_P,
    system: str | None = None,
    log: bool = False,
    on_text: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Iterator[Generation]:
    """Several answers to one prompt, each with a seed one higher than the one before.

    Args:
        count: How many; `AT_ONCE` of them are made together.
        on_text: As in `generate`; for a count of one.
        Others as in `generate`.

    Raises:
        UsageError, NotFoundError, DataError: as the arguments deserve.
    """
    settings = Settings(strength, max_new_tokens, temperature, top_p)
    if count < 1:
        raise UsageError(f"--count {count}: expected 1 or more")
    if not prompt.strip():
        raise DataError("the prompt is empty: give text as an argument or on stdin")
    check_system(system)
    generator = Generator(store, settings, base, profile, progress)
    chosen = generator.profile(profile)
    first = pick_seed(seed)
    turns = under_system(text_prompt(prompt), system)
    check_text(turns)
    for start in range(0, count, AT_ONCE):
        seeds = range(first + start, first + min(count, start + AT_ONCE))
        jobs = [Job(turns, chosen, each % 2**63) for each in seeds]
        answers = generator.answer(jobs, on_text)
        for job, response, told in zip(jobs, answers, generator.warnings(jobs), strict=True):
            if log:
                generator.log(job, response)
            yield Generation(
                prompt,
                response,
                chosen.user if chosen else None,
                chosen.version if chosen else None,
                generator.reference.name,
                job.seed,
                told,
            )


@dataclass(frozen=True)
class Chosen:
    """A profile or a blend (which has no version), and the z to generate with.

    z is None where nothing was learned; `by_prompt` is the profile itself where each prompt has a
    z of its own.
    """

    user: str
    version: int | None
    z: npt.NDArray[np.float64] | None
    space: str
    by_prompt: Profile | None = None


@dataclass(frozen=True)
class Job:
    """One prompt to answer."""

    prompt: Prompt
    profile: Chosen | None
    seed: int


class Generator:
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
        self._profiles: dict[str, Chosen] = {}
        self._prefixes: dict[tuple[str, int | None], Tensor] = {}
        if base is None and profile is not None:
            base = space_of(store, find_taste(store, profile).space).base
        self.reference: BaseReference = resolve_base(store, base)

    def profile(self, name: str | None) -> Chosen | None:
        """Look a profile up and find its z.

        Raises:
            NotFoundError: no such profile, or its space is not here.
            UsageError: it belongs to another base.
            DataError: it is damaged, or no profile of that space.
        """
        if name is None:
            return None
        if name not in self._profiles:
            taste = find_taste(self.store, name)
            space = space_of(self.store, taste.space)
            if space.base != self.reference.name:
                raise UsageError(
                    f"profile {name} belongs to base {space.base}, this run uses "
                    f"{self.reference.name}: fit the user in a space of that base"
                )
            learned = taste.open()
            size = space.description["latent_size"]
            if len(learned.reward.weight) != size:
                raise DataError(
                    f"profile {name} has {len(learned.reward.weight)} directions, its space "
                    f"{space.name} has {size}: fit the user again"
                )
            z = learned.latent(self.settings.strength)
            own = learned if learned.policy is not None else None
            self._profiles[name] = Chosen(taste.name, taste.version, z, taste.space, own)
        return self._profiles[name]

    def base(self) -> Base:
        """The base, loaded at the first call."""
        if self._base is None:
            self._base = open_base(self.reference, self.progress)
        return self._base

    def space(self, fingerprint: str) -> Space:
        """The space of this fingerprint, loaded and attached to the base at its first use."""
        if fingerprint not in self._spaces:
            space = open_space(space_of(self.store, fingerprint))
            space.attach(self.base())
            self._spaces[fingerprint] = space
        return self._spaces[fingerprint]

    def answer(
        self, jobs: Sequence[Job], on_text: Callable[[str], None] | None = None
    ) -> list[str]:
        """The answers to all jobs in one batch, in order; `on_text` gets the pieces of one."""
        if not jobs:
            return []
        from prefcli.decoding import sample

        base = self.base()
        prefixes = [self._prefix(base, job) for job in jobs]
        found = [""] * len(jobs)
        # Rows share a batch whatever their prefix; only a base that moves with a space's LoRA
        # must answer the rows of that space apart.
        loras = [self._lora(job.profile) for job in jobs]
        for lora in dict.fromkeys(loras):
            rows = [i for i, other in enumerate(loras) if other == lora]
            base.moves_with(lora)
            answers = sample(
                base,
                [self._prompt_ids(base, jobs[i].prompt) for i in rows],
                seeds=[jobs[i].seed for i in rows],
                prefixes=[prefixes[i] for i in rows],
                max_new_tokens=self.settings.max_new_tokens,
                temperature=self.settings.temperature,
                top_p=self.settings.top_p,
                on_text=on_text,
            )
            for i, answer in zip(rows, answers, strict=True):
                found[i] = answer
        return found

    def warnings(self, jobs: Sequence[Job]) -> list[list[str]]:
        """What a person should know about each answer; the embedded base knows what it is for."""
        if not jobs:
            return []
        base = self.base()
        room = _prompt_room(base)
        # One token more than is read, to tell whether there are more.
        rows = [base.prompt_ids(job.prompt, room + 1) for job in jobs]
        found: list[list[str]] = [[] for _ in jobs]
        if self.reference.name == tiny.NAME:
            for told, bits in zip(found, base.surprise([row[-room:] for row in rows]), strict=True):
                if bits > tiny.STRANGE:
                    told.append(STRANGE_PROMPT)
        for told, row in zip(found, rows, strict=True):
            if len(row) > room:
                told.append(
                    f"the prompt is longer than the {room} tokens that the base reads of one: "
                    "only its end counted"
                )
        return found

    def log(self, job: Job, response: str) -> None:
        """Keep prompt and answer in the catalog."""
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

    def _prefix(self, base: Base, job: Job) -> Tensor | None:
        chosen = job.profile
        if chosen is None or chosen.z is None:
            return None
        space = self.space(chosen.space)
        if chosen.by_prompt is not None:
            # One prompt at a time: padding would round differently in another company.
            features = space.read_prompts(base, [job.prompt])[0]
            z = chosen.by_prompt.latent(self.settings.strength, features=features)
            return None if z is None else space.prefix(base, z)
        key = (chosen.user, chosen.version)
        if key not in self._prefixes:
            self._prefixes[key] = space.prefix(base, chosen.z)
        return self._prefixes[key]

    def _lora(self, chosen: Chosen | None) -> str | None:
        """The LoRA that acts under this profile's prefix."""
        if chosen is None or chosen.z is None:
            return None
        return self._spaces[chosen.space].lora_name

    def _prompt_ids(self, base: Base, prompt: Prompt) -> list[int]:
        return base.prompt_ids(prompt, _prompt_room(base))


def _prompt_room(base: Base) -> int:
    """Tokens of a prompt that are read: a quarter of the context is left for the answer."""
    return base.context - max(16, base.context // 4)


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


def check_system(system: str | None) -> None:
    """Refuse a system message that says nothing.

    Raises:
        UsageError: so.
    """
    if system is not None and not system.strip():
        raise UsageError("--system is empty: say something, or leave it out")


def under_system(prompt: Prompt, system: str | None) -> Prompt:
    """The prompt after a system message; one that has its own keeps that."""
    if system is None or any(turn.role == "system" for turn in prompt):
        return prompt
    return (Message("system", system), *prompt)


def pick_seed(seed: int | None) -> int:
    """The seed asked for, else a new one.

    Raises:
        UsageError: out of range.
    """
    if seed is None:
        return secrets.randbelow(2**31)
    if not 0 <= seed < 2**63:
        raise UsageError(f"--seed {seed}: expected 0 to 2**63 - 1")
    return seed
