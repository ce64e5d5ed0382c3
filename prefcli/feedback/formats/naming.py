"""Which fields of a record hold the prompt and which the answers, by their names.

Labelling tools let people name their fields as they like. Where a format does not say which field
is which, the usual names decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields
from prefcli.feedback.records import Message, Prompt

PROMPT_NAMES = (
    *("prompt", "instruction", "question", "query", "input", "request"),
    *("chat", "messages", "conversation", "context"),
)
_SYSTEM_NAMES = ("system", "system_prompt", "system-prompt")
_ANSWER = re.compile(
    r"(?:(?:model|generated|assistant|chosen|rejected|text)[-_ ]?)?"
    r"(?:response|answer|completion|output|generation|reply|candidate|chosen|rejected|text|summary)"
    r"s?(?:[-_ ]?(?:\d{1,2}|[a-z]|one|two|left|right))?\Z",
    re.IGNORECASE,
)
_LAST_PART = re.compile(r"(\d+|[a-z]+)\Z")


def prompt_field(record: Mapping[str, Any]) -> str | None:
    """The field that holds the prompt, or None."""
    by_name = {name.lower(): name for name in record}
    return next((by_name[name] for name in PROMPT_NAMES if name in by_name), None)


def prompt_of(record: Mapping[str, Any], where: str) -> Prompt:
    """The prompt, with the system's turn before it where the record has one.

    Raises:
        DataError: no field is called like a prompt, or it holds none.
    """
    name = prompt_field(record)
    if name is None:
        raise DataError(
            f"{where}: expected a field {', '.join(PROMPT_NAMES[:4])} or the like, "
            f"came {', '.join(list(record)[:8]) or 'no fields'}"
        )
    turns = fields.question(record, name)
    system = next((record[one] for one in _SYSTEM_NAMES if record.get(one)), None)
    if isinstance(system, str) and turns[0].role != "system":
        return (Message("system", system), *turns)
    return turns


def answer_fields(record: Mapping[str, Any], *, only_named: bool = False) -> list[str]:
    """The fields that hold answers, in their order.

    Args:
        only_named: Never take a text for an answer that is not called like one; else, where no
            field is called so, all texts but the prompt are.
    """
    prompt = prompt_field(record)
    texts = [
        name
        for name, value in record.items()
        if name != prompt and name not in _SYSTEM_NAMES and isinstance(value, str | list)
    ]
    named = [name for name in texts if _ANSWER.match(name)]
    return (
        named if named or only_named else [name for name in texts if isinstance(record[name], str)]
    )


def matching(label: str, names: Sequence[str]) -> str | None:
    """The field that a label means: `response-2`, `reply 2`, `2` and `Response 2` all do.

    The last number or letter decides where the whole name does not, if no two fields share it.
    """
    plain = {_plain(name): name for name in names}
    if _plain(label) in plain:
        return plain[_plain(label)]
    last = _LAST_PART.search(label.lower())
    ends = [_end(name) for name in names]
    if last is None or ends.count(last[0]) != 1:
        return None
    return names[ends.index(last[0])]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def _end(name: str) -> str:
    found = re.search(r"(?:(?<=[\W_])[a-z]+|\d+)\Z", name.lower())
    return found[0] if found else ""
