"""What a person said about answers, as value types.

A `Feedback` is one judged thing by one user. It is kept as it was said: turning it into
training rows is the fit's work. Identity is the content (`key`), together with the row's own id
or time where the source has one, so that reading a file twice adds nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

from prefcli.errors import DataError

Kind = Literal["pair", "thumb"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


Prompt = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Feedback:
    """One judgement by one user.

    Args:
        user: Who judged; any characters but whitespace, comma and `@`.
        kind: `pair` (one answer against another) or `thumb` (one answer, up or down).
        prompt: The turns that the answers reply to; at least one, none of them empty overall.
        responses: `pair`: (chosen, rejected); `thumb`: the one answer. May be empty strings.
        value: `pair`: 1.0, or 0.5 for a tie; `thumb`: 1.0 for up, 0.0 for down.
        row_id: The source's own id for the row, where it has one.
        time: When it was said, as the source wrote it.

    Raises:
        DataError: a field is out of its range.
    """

    user: str
    kind: Kind
    prompt: Prompt
    responses: tuple[str, ...]
    value: float = 1.0
    row_id: str | None = None
    time: str | None = None

    def __post_init__(self) -> None:
        check_user(self.user)
        if not self.prompt or not any(turn.content.strip() for turn in self.prompt):
            raise DataError("prompt is empty, expected text or messages")
        wanted = 2 if self.kind == "pair" else 1
        if len(self.responses) != wanted:
            raise DataError(f"{self.kind} has {len(self.responses)} answers, expected {wanted}")
        allowed = (0.5, 1.0) if self.kind == "pair" else (0.0, 1.0)
        if self.value not in allowed:
            raise DataError(f"{self.kind} has value {self.value}, expected one of {allowed}")

    @property
    def key(self) -> bytes:
        """Content hash of the judgement (16 bytes); equal keys are the same judgement."""
        parts = [
            self.user,
            self.kind,
            prompt_to_json(self.prompt),
            list(self.responses),
            self.value,
            self.row_id,
            self.time,
        ]
        return _digest(json.dumps(parts, ensure_ascii=True))

    @property
    def says_nothing(self) -> bool:
        """True for a pair whose two answers are the same text."""
        return self.kind == "pair" and self.responses[0] == self.responses[1]


def check_user(user: str) -> str:
    """Return `user` if it can name a profile.

    Raises:
        DataError: the name is empty or holds whitespace, a comma or `@`, which the notations
            `user@version` and `alice=0.7,bob=0.3` need.
    """
    if not user or any(c.isspace() or c in ",@" or not c.isprintable() for c in user):
        raise DataError(
            f"user name {user!r} is empty or holds whitespace, a comma, '@' or a control character"
        )
    return user


def text_prompt(text: str) -> Prompt:
    """A prompt of one user turn."""
    return (Message("user", text),)


def prompt_to_json(prompt: Prompt) -> str:
    """Canonical JSON of a prompt: a list of [role, content]."""
    return json.dumps([[turn.role, turn.content] for turn in prompt], ensure_ascii=False)


def prompt_from_json(text: str) -> Prompt:
    """Inverse of `prompt_to_json`."""
    turns: list[Any] = json.loads(text)
    return tuple(Message(role, content) for role, content in turns)


def encoding_key(prompt: Prompt, response: str) -> bytes:
    """Content hash of one (prompt, response), 16 bytes: the name of its encoding in a space."""
    return _digest(json.dumps([prompt_to_json(prompt), response], ensure_ascii=True))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
