"""Typed reading of a row's fields: what is there, or one line on what was expected and what came.

The formats differ in where they keep the prompt, the answers and the verdict; what a text, a turn
or a verdict looks like is the same in all of them and is decided here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback.records import Message, Prompt, text_prompt

Fields = Mapping[str, Any]

# The role names of OpenAI's, ShareGPT's and ms-swift's messages. A function call is the assistant's
# own turn.
ROLE_NAMES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "tool_response": "tool",
    "observation": "tool",
}
_VERDICTS = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}
# The transcript's words for the turns of an answer that goes on over several of them.
_SPEAKERS = {"system": "System", "user": "Human", "assistant": "Assistant", "tool": "Tool"}


def expected(field: str, what: str, value: Any) -> DataError:
    """The error for a field that holds the wrong thing."""
    return DataError(f"field {field!r}: expected {what}, came {describe(value)}")


def describe(value: Any) -> str:
    """A value in a few words, for a message."""
    if value is _MISSING:
        return "nothing (the row has no such field)"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        shown = value if len(value) <= 30 else value[:27] + "..."
        return f"text {shown!r}" if value else "empty text"
    if isinstance(value, int | float):
        return f"number {value!r:.30}"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    return "an object"


_MISSING = object()


def get(row: Fields, field: str) -> Any:
    """The field's value, or a marker that `describe` knows where the row lacks it."""
    return row.get(field, _MISSING)


def at(row: Fields, path: str) -> Any:
    """The value at a path of names with dots between, or the marker of `get`.

    A name may have dots itself, and the number of an element stands for a name in a list:
    `meta.user.name`, `choices.0.text`.
    """
    if path in row:
        return row[path]
    for cut in (index for index, character in enumerate(path) if character == "."):
        inner = row.get(path[:cut])
        if isinstance(inner, list):
            inner = {str(index): element for index, element in enumerate(inner)}
        if isinstance(inner, dict):
            found = at(inner, path[cut + 1 :])
            if found is not _MISSING:
                return found
    return _MISSING


def has(row: Fields, path: str) -> bool:
    """Whether there is something, or null, at a path."""
    return at(row, path) is not _MISSING


def paths(row: Fields, depth: int = 3) -> list[str]:
    """The paths that a row has, down to some depth."""
    found: list[str] = []
    for name, value in row.items():
        found.append(name)
        if isinstance(value, dict) and depth > 1:
            found.extend(f"{name}.{inner}" for inner in paths(value, depth - 1))
    return found


def text(row: Fields, field: str) -> str:
    """A field that must be text."""
    value = row.get(field, _MISSING)
    if not isinstance(value, str):
        raise expected(field, "text", value)
    return value


def optional_text(row: Fields, field: str) -> str:
    """A field that may be absent or null, else text."""
    return text(row, field) if row.get(field) is not None else ""


def verdict(row: Fields, *names: str) -> float:
    """1.0 for up, 0.0 for down, from the first of the named fields that the row has."""
    field = next((name for name in names if name in row), names[0])
    value = get(row, field)
    if isinstance(value, bool) or (isinstance(value, int | float) and value in (0, 1)):
        return float(value)
    if isinstance(value, str) and value.strip().lower() in _VERDICTS:
        return _VERDICTS[value.strip().lower()]
    raise expected(field, "true or false", value)


def number(row: Fields, field: str) -> float:
    """A field that must hold a finite number, or text that is one (as a table's cells are)."""
    value = get(row, field)
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise expected(field, "a number", value)
    return found


def message(value: Any, field: str) -> Message:
    """One turn: `{"role", "content"}` or `{"from", "value"}`.

    Content may be text or a list of text parts, OpenAI's or LLaMA-Factory's; a turn that only
    calls tools has its calls as JSON text for content.
    """
    if not isinstance(value, dict):
        raise expected(field, "a message with role and content", value)
    tag, body = ("from", "value") if "from" in value else ("role", "content")
    name = get(value, tag)
    role = ROLE_NAMES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        raise expected(f"{field}.{tag}", f"one of {', '.join(ROLE_NAMES)}", name)
    content = get(value, body)
    if content in (None, "", _MISSING) and value.get("tool_calls"):
        content = json.dumps(value["tool_calls"], ensure_ascii=False)
    if isinstance(content, list):
        content = "".join(_part(part, f"{field}.{body}") for part in content)
    if not isinstance(content, str):
        raise expected(f"{field}.{body}", "text", content)
    return Message(role, content)


def _part(part: Any, field: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict):
        said = part.get("value" if kind in ("text", "tool_call") and "value" in part else "text")
        if isinstance(said, str):
            return said
    raise expected(field, "text parts only", kind if isinstance(kind, str) else part)


def messages(row: Fields, field: str) -> Prompt:
    """A field that must be a list of at least one turn."""
    value = get(row, field)
    if not isinstance(value, list) or not value:
        raise expected(field, "a list of messages", value)
    return tuple(message(turn, f"{field}[{index}]") for index, turn in enumerate(value))


def with_system(row: Fields, turns: Prompt, *names: str) -> Prompt:
    """The turns after the row's own system prompt, where it has one and they do not.

    Args:
        names: The fields that it may be in; `system` if none is named.
    """
    if not names and row.get("system") is None:
        return turns
    field = next((name for name in names if row.get(name)), "system")
    system = optional_text(row, field)
    if not system or turns[0].role == "system":
        return turns
    return (Message("system", system), *turns)


def objects(row: Fields, field: str) -> list[dict[str, Any]]:
    """A field that must be a list of at least one object."""
    value = get(row, field)
    if not isinstance(value, list) or not value:
        raise expected(field, "a list of objects", value)
    for index, one in enumerate(value):
        if not isinstance(one, dict):
            raise expected(f"{field}[{index}]", "an object", one)
    return value


def inner(row: Fields, field: str) -> dict[str, Any]:
    """A field that must be an object."""
    value = get(row, field)
    if not isinstance(value, dict):
        raise expected(field, "an object", value)
    return value


def prompt(row: Fields, field: str) -> Prompt:
    """A field that must be text (one user turn) or a list of turns."""
    value = get(row, field)
    if isinstance(value, list):
        return messages(row, field)
    if not isinstance(value, str):
        raise expected(field, "text or a list of messages", value)
    return text_prompt(value)


def question(row: Fields, field: str) -> Prompt:
    """A prompt that somebody can answer: not all of it is empty."""
    turns = prompt(row, field)
    if not any(turn.content.strip() for turn in turns):
        raise DataError(f"field {field!r}: is empty, expected text or messages")
    return turns


def answer(row: Fields, field: str) -> str:
    """A field that must be an answer: text, one assistant turn, or a list that begins with one."""
    value = get(row, field)
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return answer_text((message(value, field),), field)
    if isinstance(value, list):
        return answer_text(messages(row, field), field)
    raise expected(field, "text or an assistant message", value)


def answer_text(turns: Sequence[Message], field: str) -> str:
    """The text of an answer of one or more turns; further ones follow as in a transcript."""
    if turns[0].role != "assistant":
        raise DataError(
            f"field {field!r}: expected an assistant message, came role {turns[0].role!r}"
        )
    further = (f"\n\n{_SPEAKERS[turn.role]}: {turn.content}" for turn in turns[1:])
    return "".join([turns[0].content, *further])


def split_pair(chosen: Sequence[Message], rejected: Sequence[Message]) -> tuple[Prompt, str, str]:
    """Two whole conversations as prompt and answers.

    The prompt is the turns up to the last boundary before an assistant's turn up to which both
    agree; what follows on each side is the answer.

    Raises:
        DataError: they agree on no turn.
    """
    agreed = 0
    longest = min(len(chosen), len(rejected)) - 1
    while agreed < longest and chosen[agreed] == rejected[agreed]:
        agreed += 1
    while agreed and not chosen[agreed].role == rejected[agreed].role == "assistant":
        agreed -= 1
    if not agreed:
        raise DataError(
            "fields 'chosen' and 'rejected': expected the same turns before an assistant's answer, "
            "came conversations that share none"
        )
    shared = tuple(chosen[:agreed])
    return (
        shared,
        answer_text(chosen[agreed:], "chosen"),
        answer_text(rejected[agreed:], "rejected"),
    )


def split_last(turns: Prompt, field: str) -> tuple[Prompt, str]:
    """A whole conversation as prompt and answer, which is its last turn."""
    if not turns:
        raise DataError(f"field {field!r}: expected turns, came none")
    if turns[-1].role != "assistant":
        raise DataError(
            f"field {field!r}: expected an assistant's turn last, came role {turns[-1].role!r}"
        )
    if len(turns) < 2:
        raise DataError(f"field {field!r}: expected turns before the answer, came the answer alone")
    return turns[:-1], turns[-1].content
