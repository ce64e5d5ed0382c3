"""Rows as files have them, and what the readers make of one."""

from __future__ import annotations

from typing import Any

import pytest

from prefcli.errors import DataError
from prefcli.feedback.formats import by_name, detect
from prefcli.feedback.records import Feedback, Message

ASKED = Message("user", "What is the sky?")


def turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def parse(row: dict[str, Any]) -> Feedback:
    (feedback,) = read(row)
    return feedback


def read(row: dict[str, Any], user: str = "alice") -> list[Feedback]:
    """All that a row says, of all people in it, as one user's."""
    found = detect([row])
    return [one for part in found.parts(row) for one in found.parse(part, user)]


def by_people(row: dict[str, Any]) -> dict[str, list[Feedback]]:
    """What the people whom a row names say in it."""
    found = detect([row])
    said: dict[str, list[Feedback]] = {}
    for part in found.parts(row):
        name = next(str(part[field]) for field in found.users if field in part)
        said.setdefault(name, []).extend(found.parse(part, name))
    return said


def fault(row: dict[str, Any], format: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        found = by_name(format) if format else detect([row])
        for part in found.parts(row):
            list(found.parse(part, "alice"))
    return caught.value.message
