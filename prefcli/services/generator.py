"""A base that answers, each prompt perhaps under a profile.

The model is loaded once, and a batch may mix profiles: each row carries its own prefix and its own
random stream, so that a row's answer does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from prefcli import tiny
from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.feedback.records import Prompt
from prefcli.services.bases import BaseReference, open_base, resolve_base
from prefcli.services.blends import find_taste, full_name
from prefcli.services.feedback_encodings import FeedbackEncoder
from prefcli.services.sampling import Choice
from prefcli.services.spaces import open_space, resolve_space, space_of
from prefcli.store import Store

if TYPE_CHECKING:
    from torch import Tensor

    from prefcli.base import Base
    from prefcli.latent.space import Space
    from prefcli.profile import Profile

NOBODY = "none"  # the plain base, where profiles are listed
PREFIXES_KEPT = 1024  # of profiles that may come again; they are megabytes on a large base
STRANGE_PROMPT = (
    "the built-in base never met such a prompt and the answer is probably nonsense: it knows 249 "
    "everyday topics, asked about as in `How do I cook rice?`. For others add a base: "
    "`prefcli base add --help`"
)


@dataclass(frozen=True)
class Generation:
    """One answer and what made it; `log_id` is its number in the log, where it was logged."""

    prompt: str
    response: str
    profile: str | None
    version: int | None
    base: str
    seed: int
    log_id: int | None = None
    warnings: list[str] = field(default_factory=list)


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

    @property
    def full_name(self) -> str:
        """The user with the version, or the blend."""
        return full_name(self.user, self.version)


@dataclass(frozen=True)
class Job:
    """One prompt to answer; `stop` None stands for the stop strings of all."""

    prompt: Prompt
    profile: Chosen | None
    seed: int
    stop: tuple[str, ...] | None = None


class Generator:
    """One base, any number of profiles; models are loaded at the first answer."""

    def __init__(
        self,
        store: Store,
        choice: Choice,
        profile: str | None,
    ) -> None:
        self.store = store
        self.choice = choice
        self.settings = choice.settings
        self._base: Base | None = None
        self._spaces: dict[str, Space] = {}
        self._profiles: dict[str, Chosen] = {}
        self._prefixes: dict[tuple[str, int | None], Tensor] = {}
        base = choice.base
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
            self._base = open_base(self.reference, self.choice.progress)
        return self._base

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
                [self.prompt_ids(jobs[i].prompt) for i in rows],
                seeds=[jobs[i].seed for i in rows],
                prefixes=[prefixes[i] for i in rows],
                max_new_tokens=self.settings.max_new_tokens,
                temperature=self.settings.temperature,
                top_p=self.settings.top_p,
                stops=[self._stop(jobs[i]) for i in rows],
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
        room = self.room()
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

    def log(self, jobs: Sequence[Job], responses: Sequence[str]) -> list[int | None]:
        """Keep prompts and answers in the catalog, if that was asked for; their numbers there."""
        if not self.choice.log:
            return [None] * len(jobs)
        numbers: list[int | None] = [
            self.store.log_generation(
                job.prompt,
                response,
                base=self.reference.name,
                user=job.profile.user if job.profile else None,
                version=job.profile.version if job.profile else None,
                seed=job.seed,
                settings=asdict(self.settings) | {"stop": self._stop(job)},
            )
            for job, response in zip(jobs, responses, strict=True)
        ]
        self._keep_encodings(jobs, responses)
        return numbers

    def results(self, jobs: Sequence[Job], responses: Sequence[str]) -> list[Generation]:
        """The answers with what made them, logged if that was asked for."""
        told = self.warnings(jobs)
        return [
            Generation(
                job.prompt[-1].content,
                response,
                job.profile.user if job.profile else None,
                job.profile.version if job.profile else None,
                self.reference.name,
                job.seed,
                number,
                warnings,
            )
            for job, response, number, warnings in zip(
                jobs, responses, self.log(jobs, responses), told, strict=True
            )
        ]

    def space(self, fingerprint: str) -> Space:
        """A space of this base, loaded at the first call.

        Raises:
            NotFoundError: it is not here.
            DataError: it is damaged, or of another base.
        """
        if fingerprint not in self._spaces:
            space = open_space(space_of(self.store, fingerprint))
            space.attach(self.base())
            self._spaces[fingerprint] = space
        return self._spaces[fingerprint]

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """The tokens of a prompt that are read."""
        return self.base().prompt_ids(prompt, self.room())

    def room(self) -> int:
        """Tokens of a prompt that are read: a quarter of the context is left for the answer."""
        context = self.base().context
        return context - max(16, context // 4)

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
            if len(self._prefixes) == PREFIXES_KEPT:
                self._prefixes.clear()
            self._prefixes[key] = space.prefix(base, chosen.z)
        return self._prefixes[key]

    def _lora(self, chosen: Chosen | None) -> str | None:
        """The LoRA that acts under this profile's prefix."""
        if chosen is None or chosen.z is None:
            return None
        return self._spaces[chosen.space].lora_name

    def prompt_length(self, job: Job) -> int:
        """How many tokens of a prompt are read.

        Raises:
            DataError: the base's chat template refuses it.
        """
        return len(self.prompt_ids(job.prompt))

    def _keep_encodings(self, jobs: Sequence[Job], responses: Sequence[str]) -> None:
        """Encode answers while the base is here, so that a fit to judgements of them needs none."""
        by_space: dict[str, list[tuple[Prompt, str]]] = {}
        usual = self._usual_space()
        for job, response in zip(jobs, responses, strict=True):
            own = job.profile.space if job.profile else None
            for space in {own, usual} - {None}:
                by_space.setdefault(str(space), []).append((job.prompt, response))
        for fingerprint, answers in by_space.items():
            loaded = self.base(), self.space(fingerprint)
            reference = space_of(self.store, fingerprint)
            FeedbackEncoder(self.store, reference, loaded=loaded).keep(answers)

    def _usual_space(self) -> str | None:
        """The space in use, if it is one of this base and can be read: a fit will tell else."""
        with suppress(NotFoundError, DataError):
            reference = resolve_space(self.store)
            if reference.base == self.reference.name:
                self.space(reference.fingerprint)
                return reference.fingerprint
        return None

    def _stop(self, job: Job) -> tuple[str, ...]:
        return self.settings.stop if job.stop is None else job.stop
