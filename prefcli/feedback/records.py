"""What a person said about answers, as value types.

A `Feedback` is one judged thing by one user. It is kept as it was said: turning it into
training rows is the fit's work. Identity is the content (`key`), together with the row's own id
or time where the source has one, so that reading a file twice adds nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# A text as JSON, and in ASCII. A million judgements have nine million texts: what stands round
# these in `json.dumps` takes longer than they do.
from json.encoder import encode_basestring as _text
from json.encoder import encode_basestring_ascii as _ascii_text
from typing import Any, Literal, get_args

from prefcli.errors import DataError

Kind = Literal["pair", "thumb", "rating", "ranking", "edit", "demonstration"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ROLES = ("system", "user", "assistant", "tool")

_RESERVED = frozenset(" ,@")
_DELETE = "\x7f"  # the one character of ASCII that is written in two ways
_ANSWERS = {"pair": 2, "thumb": 1, "rating": 1, "edit": 2, "demonstration": 1}
_NUMBERS = ("value", "strength", "low", "high")
_LATER = ("strength", "low", "high", "annotator")  # part of the key where they are said
_ONE = (1.0,)
_VALUES = {"pair": (0.5, 1.0), "thumb": (0.0, 1.0)}  # other kinds but ratings have 1


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


Prompt = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Feedback:
    """One judgement by one user.

    | kind | responses | value |
    |---|---|---|
    | `pair` | (chosen, rejected) | 1, or 0.5 for a tie |
    | `thumb` | (answer,) | 1 for up, 0 for down |
    | `rating` | (answer,) | the score, as given |
    | `ranking` | two or more answers, best to worst by `ranks` | 1 |
    | `edit` | (edited, original): the user's own text and what it was made from | 1 |
    | `demonstration` | (answer,), a good one | 1 |

    Args:
        user: Who judged; any characters but whitespace, comma and `@`.
        kind: See the table.
        prompt: The turns that the answers reply to; at least one, none of them empty overall.
        responses: See the table. May be empty strings.
        value: See the table.
        row_id: The source's own id for the row, where it has one.
        time: When it was said, as the source wrote it.
        strength: `pair`: by how much the chosen answer is better, as given; None if not said.
        low: `rating`: the lowest score of the scale, None where it is not known; `pair`: the
            lowest value of `strength`.
        high: The same for the highest.
        ranks: `ranking`: the rank of each answer, 1 for the best, ties equal, none left out.
        annotator: Who judged, where `user` is a group of people.
        reason: Why, in the judge's own words. No part of the judgement's identity.

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
    strength: float | None = None
    low: float | None = None
    high: float | None = None
    ranks: tuple[int, ...] | None = None
    annotator: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        check_user(self.user)
        if self.kind not in KINDS:
            raise DataError(f"kind is {self.kind!r}, expected one of {', '.join(KINDS)}")
        for turn in self.prompt:
            if turn.content.strip():
                break
        else:
            raise DataError("prompt is empty, expected text or messages")
        scaled = not self.strength is self.low is self.high is None
        if scaled or self.value.__class__ is not float or not 0.0 < self.value < math.inf:
            for name in _NUMBERS:
                number = getattr(self, name)
                if number is not None:  # one form of each number, or equal judgements differ in key
                    object.__setattr__(self, name, _finite(name, number))
        if self.kind == "ranking":
            self._check_ranks()
        elif self.ranks is not None:
            raise DataError(f"{self.kind} has ranks, which only a ranking has")
        elif len(self.responses) != _ANSWERS[self.kind]:
            raise DataError(
                f"{self.kind} has {len(self.responses)} answers, expected {_ANSWERS[self.kind]}"
            )
        allowed = _VALUES.get(self.kind, _ONE)
        if self.kind != "rating" and self.value not in allowed:
            raise DataError(f"{self.kind} has value {self.value}, expected one of {allowed}")
        if scaled:
            self._check_scale()

    def _check_ranks(self) -> None:
        count, ranks = len(self.responses), self.ranks or ()
        if count < 2:
            raise DataError(f"ranking has {count} answers, expected at least 2")
        if len(ranks) != count:
            raise DataError(f"ranking has {count} answers and {len(ranks)} ranks")
        if sorted(set(ranks)) != list(range(1, len(set(ranks)) + 1)):
            raise DataError(f"ranking has ranks {list(ranks)}, expected 1, 2, ... and no gap")

    def _check_scale(self) -> None:
        if self.strength is not None and self.kind != "pair":
            raise DataError(f"{self.kind} has a strength, which only a pair has")
        if self.low is None and self.high is None:
            return
        said = self.value if self.kind == "rating" else self.strength
        if self.kind not in ("rating", "pair") or said is None:
            raise DataError(f"{self.kind} has a scale, which only a score or a strength has")
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if not low < high:
            raise DataError(f"scale goes from {low:g} to {high:g}, expected the lowest value first")
        if not low <= said <= high:
            raise DataError(f"score {said:g} is outside its scale from {low:g} to {high:g}")

    @property
    def key(self) -> bytes:
        """Content hash of the judgement (16 bytes); equal keys are the same judgement."""
        return self.key_over(prompt_to_json(self.prompt), texts_to_json(self.responses))

    def key_over(self, prompt: str, responses: str) -> bytes:
        """`key`, for who has the JSON of the prompt and of the answers at hand already."""
        # What is not said adds nothing: catalogs hold keys from before these fields existed.
        more: dict[str, Any] = {}
        if self.annotator is not None or not self.strength is self.low is self.high is None:
            for name in _LATER:
                if (value := getattr(self, name)) is not None:
                    more[name] = value
        if self.ranks is not None:  # the same order of answers, however they were listed
            ordered = sorted(zip(self.ranks, self.responses, strict=True))
            more["ranks"] = [rank for rank, _ in ordered]
            responses = _array(_ascii_text(answer) for _, answer in ordered)
        elif not responses.isascii() or _DELETE in responses:
            responses = _array(map(_ascii_text, self.responses))
        row_id = "null" if self.row_id is None else _ascii_text(self.row_id)
        time = "null" if self.time is None else _ascii_text(self.time)
        rest = f", {json.dumps(more, ensure_ascii=True)}" if more else ""
        return _digest(  # the value is finite, and written so in JSON too
            f"[{_ascii_text(self.user)}, {_ascii_text(self.kind)}, {_ascii_text(prompt)}, "
            f"{responses}, {self.value!r}, {row_id}, {time}{rest}]"
        )

    @property
    def says_nothing(self) -> bool:
        """True where answers are compared and all of them are the same text."""
        count = len(self.responses)
        return count > 1 and self.responses.count(self.responses[0]) == count


def check_user(user: str) -> str:
    """Return `user` if it can name a profile.

    Raises:
        DataError: the name is empty or holds whitespace, a comma or `@`, which the notations
            `user@version` and `alice=0.7,bob=0.3` need.
    """
    # Of white space only the blank counts as printable.
    if not user or not user.isprintable() or " " in user or "," in user or "@" in user:
        raise DataError(
            f"user name {user!r} is empty or holds whitespace, a comma, '@' or a control character"
            + (f"; rename it: --map-user {shlex.quote(f'{user}={_usable(user)}')}" if user else "")
        )
    return user


def _unusable(character: str) -> bool:
    return character in _RESERVED or not character.isprintable()


def _usable(user: str) -> str:
    """A name near `user` that can name a profile."""
    words = "".join(" " if _unusable(character) else character for character in user).split()
    return "-".join(words) or "someone"


def _finite(name: str, number: float) -> float:
    try:
        value = float(number) + 0.0  # of the two zeros the positive one
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise DataError(f"{name} is {value}, expected a finite number")
    return value


def text_prompt(text: str) -> Prompt:
    """A prompt of one user turn."""
    return (Message("user", text),)


def prompt_to_json(prompt: Prompt) -> str:
    """Canonical JSON of a prompt: a list of [role, content]."""
    return _array([f"[{_text(turn.role)}, {_text(turn.content)}]" for turn in prompt])


def texts_to_json(texts: Iterable[str]) -> str:
    """JSON of a list of texts."""
    return _array(map(_text, texts))


def prompt_from_json(text: str) -> Prompt:
    """Inverse of `prompt_to_json`."""
    turns: list[Any] = json.loads(text)
    return tuple(Message(role, content) for role, content in turns)


@lru_cache(maxsize=2**15)  # the answers of a block of users that are fitted together
def encoding_key(prompt: Prompt, response: str) -> bytes:
    """Content hash of one (prompt, response), 16 bytes: the name of its encoding in a space."""
    return _digest(_array((_ascii_text(prompt_to_json(prompt)), _ascii_text(response))))


def _array(parts: Iterable[str]) -> str:
    return f"[{', '.join(parts)}]"


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
