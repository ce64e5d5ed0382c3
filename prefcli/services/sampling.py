"""How to answer: what somebody may choose about it, and the checks of what they chose."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from prefcli.errors import DataError, UsageError
from prefcli.feedback.records import Message, Prompt

if TYPE_CHECKING:
    from prefcli.progress import Progress

MAX_NEW_TOKENS = 256
TEMPERATURE, TOP_P = 0.8, 0.95  # untempered, small models stumble over their own rare tokens
STRONGEST = 10.0  # times the space's reach; far beyond what the base was trained to read
HOTTEST = 100.0  # every token is as likely as any other long before


@dataclass(frozen=True)
class Settings:
    """How to sample.

    Args:
        strength: 0 is exactly the base, 1 the profile at the space's reach; up to `STRONGEST`
            goes further.
        max_new_tokens: Longest answer.
        temperature: Up to `HOTTEST`; 0 takes the likeliest token.
        top_p: Nucleus.
        stop: Strings before which an answer ends.

    Raises:
        UsageError: a value is out of its range.
    """

    strength: float = 1.0
    max_new_tokens: int = MAX_NEW_TOKENS
    temperature: float = TEMPERATURE
    top_p: float = TOP_P
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= STRONGEST:
            raise UsageError(f"--strength {self.strength}: expected 0 to {STRONGEST:g}")
        if not 0 <= self.temperature <= HOTTEST:
            raise UsageError(f"--temperature {self.temperature}: expected 0 to {HOTTEST:g}")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"--top-p {self.top_p}: expected more than 0, at most 1")
        if self.max_new_tokens < 1:
            raise UsageError(f"--max-new-tokens {self.max_new_tokens}: expected 1 or more")
        if "" in self.stop:
            raise UsageError("--stop is empty: give the text before which an answer ends")


class Asked(TypedDict, total=False):
    """What somebody chose; see `Choice`."""

    base: str | None
    strength: float
    seed: int | None
    max_new_tokens: int
    temperature: float
    top_p: float
    stop: Sequence[str]
    system: str | None
    log: bool
    progress: Progress | None


@dataclass(frozen=True)
class Choice:
    """Everything that somebody may choose about answers, but whose taste they follow.

    Args:
        settings: How to sample.
        base: Name of a base; default the profile's own, else the one in use.
        seed: Everything random; None draws one, which the result names.
        system: A system message before a prompt that has none.
        log: Keep prompt and answer in the catalog, and the answer's encoding with them.
        progress: Told how far the work is.

    Raises:
        UsageError: a value is out of its range.
    """

    settings: Settings = Settings()
    base: str | None = None
    seed: int | None = None
    system: str | None = None
    log: bool = False
    progress: Progress | None = None

    def __post_init__(self) -> None:
        check_system(self.system)

    @classmethod
    def of(cls, **asked: Unpack[Asked]) -> Choice:
        """The choice that these words make; a stop string may stand alone."""
        given: dict[str, Any] = dict(asked)
        if "stop" in given:
            stop = given["stop"]
            given["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
        sampling = {name: given.pop(name) for name in Settings.__annotations__ if name in given}
        return cls(Settings(**sampling), **given)


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
