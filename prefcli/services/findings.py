"""What a checkup finds: one line each, with what to do where something is wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

State = Literal["ok", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a checkup.

    Args:
        state: bad: something does not work; warning: it may not, or will not for long.
        topic: What was looked at.
        told: What was found.
        remedy: What to do; empty where nothing is to be done.
    """

    state: State
    topic: str
    told: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def ok(topic: str, told: str) -> Finding:
    """Nothing is to be done."""
    return Finding("ok", topic, told)


def warning(topic: str, told: str, remedy: str) -> Finding:
    """It may not work, or will not for long."""
    return Finding("warning", topic, told, remedy)


def bad(topic: str, told: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding("bad", topic, told, remedy)
