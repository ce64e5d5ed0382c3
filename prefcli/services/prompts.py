"""Prompts for the commands about spaces: from a file, from stdin, or those of the feedback."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.feedback import fields, json_stream
from prefcli.feedback.containers import source_name
from prefcli.feedback.records import Prompt, text_prompt
from prefcli.store import Store


@dataclass(frozen=True)
class FoundPrompts:
    """What the base is to be asked.

    Args:
        prompts: All different.
        given: The answers that came with a prompt.
        provenance: `source` (feedback, stdin or the file's name) and, of feedback, its `users`.
    """

    prompts: list[Prompt]
    given: dict[Prompt, tuple[str, ...]]
    provenance: dict[str, Any]


def find_prompts(
    store: Store,
    source: str | None,
    least: int,
    need: str = "stage 1 needs at least {least}, and hundreds to be good",
) -> FoundPrompts:
    """The different prompts of `source`, or of the catalog's feedback where it is None.

    Args:
        least: How many there must be.
        need: What to say of that.

    Raises:
        UsageError: the source's name is empty.
        NotFoundError: no such file.
        DataError: it cannot be read, or holds fewer than `least`.
    """
    found: dict[Prompt, tuple[str, ...]] = {}
    users: dict[str, None] = {}
    if source is None:
        for stored in store.feedback():
            found[stored.feedback.prompt] = ()
            users[stored.feedback.user] = None
    else:
        for prompt, responses in read_prompts(source):
            found[prompt] = (*found.get(prompt, ()), *responses)
    if len(found) < least:
        where = "the catalog" if source is None else source_name(source)
        raise DataError(
            f"{where} has {len(found)} different prompts: {need.format(least=least)}; name a file "
            "of them with --prompts FILE"
        )
    name = "feedback" if source is None else "stdin" if source == "-" else Path(source).name
    return FoundPrompts(
        list(found),
        {prompt: responses for prompt, responses in found.items() if responses},
        {"source": name, **({"users": list(users)} if source is None else {})},
    )


def read_prompts(source: str) -> list[tuple[Prompt, tuple[str, ...]]]:
    """Prompts from a file or stdin, and the answers that are given to each.

    One prompt per line, or JSONL with `prompt` (text or messages) and perhaps `responses` (a list
    of texts, at least two).

    Raises:
        UsageError: the source's name is empty.
        NotFoundError: no such file.
        DataError: a JSON line without a prompt, or a file that is no text.
    """
    name = source_name(source)
    try:
        text = _read(source, name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: byte {error.start} is not UTF-8, expected text with a prompt on each line"
        ) from error
    prompts: list[tuple[Prompt, tuple[str, ...]]] = []
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.lstrip().startswith("{"):
            prompts.append(_json_prompt(line, f"{name}:{number}"))
        elif line.strip():
            prompts.append((text_prompt(line.strip()), ()))
    return prompts


def different_prompts(source: str, where: str) -> list[Prompt]:
    """The different prompts of a file or stdin; answers that came with them are passed over.

    Args:
        where: What to call the source.

    Raises:
        UsageError, NotFoundError, DataError: as `read_prompts`, and where there is none.
    """
    found = list(dict.fromkeys(prompt for prompt, _ in read_prompts(source)))
    if not found:
        raise DataError(f"{where} holds no prompt: write one on each line")
    return found


def _read(source: str, name: str) -> bytes:
    if not source:
        raise UsageError("--prompts is empty: name a file, or - for stdin")
    if source == "-" and sys.stdin is None:
        raise NotFoundError("stdin: there is no standard input; name a file")
    try:
        return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"{name}: no such file; name a file of prompts") from error
    except IsADirectoryError as error:
        raise NotFoundError(
            f"{name}: no such file, it is a directory; name a file in it"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise NotFoundError(f"{name}: cannot be read ({reason}); name a file of prompts") from error


def _json_prompt(line: str, where: str) -> tuple[Prompt, tuple[str, ...]]:
    value, problem = json_stream.decode(line)
    if problem:
        raise DataError(f"{where}: {problem}; mend the line or leave it out")
    try:
        return fields.question(value, "prompt"), _responses(value)
    except DataError as error:
        raise DataError(f"{where}: {error.message}") from error


def _responses(row: fields.Fields) -> tuple[str, ...]:
    found = row.get("responses")
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise fields.expected("responses", "a list of texts", found)
    if len(set(found)) < 2:
        raise DataError(
            "field 'responses': expected at least two different texts, to learn how they differ"
        )
    return tuple(found)
