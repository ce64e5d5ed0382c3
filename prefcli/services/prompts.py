"""Prompts for `space train`: from a file, from stdin, or those of the catalog's feedback."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.feedback import fields, json_stream
from prefcli.feedback.containers import source_name
from prefcli.feedback.records import Prompt, text_prompt
from prefcli.store import Store


def find_prompts(store: Store, source: str | None, least: int) -> list[Prompt]:
    """The different prompts of `source`, or of the catalog's feedback where it is None.

    Raises:
        UsageError: the source's name is empty.
        NotFoundError: no such file.
        DataError: it cannot be read, or holds fewer than `least`.
    """
    if source is None:
        found = [stored.feedback.prompt for stored in store.feedback()]
    else:
        found = read_prompts(source)
    found = list(dict.fromkeys(found))
    if len(found) < least:
        where = "the catalog" if source is None else source_name(source)
        raise DataError(
            f"{where} has {len(found)} different prompts: stage 1 needs at least {least}, "
            "and hundreds to be good; name a file of them with --prompts FILE"
        )
    return found


def read_prompts(source: str) -> list[Prompt]:
    """Prompts from a file or stdin: one per line, or JSONL with `prompt` (text or messages).

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
    prompts = []
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.lstrip().startswith("{"):
            prompts.append(_json_prompt(line, f"{name}:{number}"))
        elif line.strip():
            prompts.append(text_prompt(line.strip()))
    return prompts


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


def _json_prompt(line: str, where: str) -> Prompt:
    value, problem = json_stream.decode(line)
    if problem:
        raise DataError(f"{where}: {problem}; mend the line or leave it out")
    try:
        return fields.question(value, "prompt")
    except DataError as error:
        raise DataError(f"{where}: {error.message}") from error
