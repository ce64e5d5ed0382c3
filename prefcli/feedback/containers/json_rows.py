"""Rows of JSON: one to a line, the elements of a list, or objects one after the other.

The list may be wrapped in an object (`{"version": 1, "data": [...]}`); the object is not held then.
"""

from __future__ import annotations

from collections.abc import Iterator

from prefcli.feedback import json_stream
from prefcli.feedback.containers.rows import Row, excerpt
from prefcli.feedback.containers.text import Text

# Members under which a list of rows may be wrapped, and members that make an object a row itself.
_WRAPPERS = frozenset(
    (
        "data",
        "rows",
        "examples",
        "items",
        "records",
        "results",
        "entries",
        "samples",
        "instances",
        "feedback",
        "pairs",
        "comparisons",
        "preferences",
        "judgements",
        "judgments",
        "train",
    )
)
_ROW_MEMBERS = frozenset(
    (
        "prompt",
        "chosen",
        "rejected",
        "completion",
        "label",
        "messages",
        "conversations",
        "rating",
        "instruction",
        "question",
        "response",
        "responses",
        "user",
        "id",
    )
)


def list_rows(text: Text) -> Iterator[Row]:
    """Rows of a text that begins with `[`."""
    return (_row(text, *piece) for piece in json_stream.array_elements(text.pieces()))


def line_rows(text: Text) -> Iterator[Row]:
    """Rows of a text that has one to a line."""
    for number, line in enumerate(text.lines(), 1):
        if not line.isspace():
            yield _row(text, number, line, None)


def object_rows(text: Text, start: list[str]) -> Iterator[Row]:
    """Rows of a text that begins with `{`.

    Args:
        text: All of it.
        start: Its first line with something in it, as far as it was seen, and the second.
    """
    first = start[0]
    problem = json_stream.decode(first)[1]
    if len(start) > 1:
        # A first line that is no JSON is either the start of an object over lines or a bad row.
        begun = first.rstrip()
        goes_on = begun.endswith(("{", "[", ",")) or json_stream.decode(start[1])[1] is not None
        if not problem or not goes_on or begun.endswith("}"):
            return line_rows(text)
    at = json_stream.wrapped_list(text.sample, _WRAPPERS, _ROW_MEMBERS)
    if at is not None:
        elements = json_stream.wrapped_elements(text.pieces(), at)
        return (_row(text, *piece) for piece in elements)
    if len(start) == 1:
        return line_rows(text)
    return (_row(text, *piece) for piece in json_stream.objects(text.pieces()))


def _row(text: Text, line: int, raw: str, problem: str | None) -> Row:
    raw, meant, unreadable = text.settle(raw)
    problem = unreadable or problem
    value = None
    if problem is None:
        value, problem = json_stream.decode(meant)
    if problem is None and not isinstance(value, dict):
        problem = f"expected a JSON object with fields, came {excerpt(meant)}"
    return Row(line, value if problem is None else None, raw, problem)
