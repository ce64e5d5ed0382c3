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
    (feedback,) = detect([row]).parse(row, "alice")
    return feedback


def fault(row: dict[str, Any], format: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        list((by_name(format) if format else detect([row])).parse(row, "alice"))
    return caught.value.message
