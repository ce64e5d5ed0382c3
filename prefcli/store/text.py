"""Text as SQLite can hold it: UTF-8, which has no lone surrogates, though Python and JSON have."""

from __future__ import annotations

import json
from typing import Any, overload


@overload
def storable(text: str) -> str: ...
@overload
def storable(text: None) -> None: ...
def storable(text: str | None) -> str | None:
    """`text`, with a lone surrogate (a file name of odd bytes, say) written as an escape."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def storable_json(text: str) -> str:
    """The same JSON value as `text`, in ASCII if it could not be stored otherwise."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return json.dumps(json.loads(text))
    return text


def to_json(value: Any) -> str:
    """JSON of `value` that can be stored."""
    return storable_json(json.dumps(value, ensure_ascii=False))
