"""ChatGPT's data export: a zip, or the directory that it was unpacked into.

See `prefcli.feedback.formats.chatgpt`. The thumbs are read first; of the conversations, which may
be hundreds of megabytes in one or several files (`conversations.json`, `conversations-000.json`),
memory holds one at a time.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from prefcli.errors import DataError
from prefcli.feedback import json_stream
from prefcli.feedback.containers import Row, source_name
from prefcli.feedback.exports.definition import Export

_FEEDBACK = "message_feedback.json"
_CONVERSATIONS = re.compile(r"conversations(?:-\d+)?\.json\Z")
_PIECE_CHARACTERS = 262144


class _Files:
    """The files of an export by their names, whether in a directory or in a zip."""

    def __init__(self, path: Path) -> None:
        self._archive = None if path.is_dir() else zipfile.ZipFile(path)
        if self._archive is None:
            self._members = {one.name: str(one) for one in sorted(path.iterdir())}
        else:
            names = sorted(self._archive.namelist())
            self._members = {name.rpartition("/")[2]: name for name in names}

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        if self._archive is not None:
            self._archive.close()

    def opened(self, name: str) -> AbstractContextManager[IO[bytes]]:
        member = self._members[name]
        return Path(member).open("rb") if self._archive is None else self._archive.open(member)

    def conversations(self) -> list[str]:
        return [name for name in self._members if _CONVERSATIONS.match(name)]

    def __contains__(self, name: str) -> bool:
        return name in self._members


def _matches(path: Path) -> bool:
    if not path.is_dir() and not zipfile.is_zipfile(path):
        return False
    with _Files(path) as files:
        return bool(files.conversations()) and _FEEDBACK in files


def _read(path: Path) -> Generator[Row, None, None]:
    name = source_name(str(path))
    try:
        with _Files(path) as files:
            said = _thumbs(files, f"{name}/{_FEEDBACK}")
            if not said:
                raise DataError(f"{name}: the export holds no feedback: {_FEEDBACK} is empty")
            yield from _joined(files, said, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: the export is damaged ({error}); copy it again") from error


def _thumbs(files: _Files, name: str) -> list[dict[str, Any]]:
    with files.opened(_FEEDBACK) as file:
        said, problem = json_stream.decode(file.read().decode("utf-8-sig"))
    if problem or not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise DataError(f"{name}: {problem or 'expected a list of objects, came something else'}")
    return said


def _joined(files: _Files, said: list[dict[str, Any]], name: str) -> Iterator[Row]:
    """One row to a thumb, with its conversation; last those whose conversation is not there."""
    open_thumbs: dict[Any, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for number, one in enumerate(said, start=1):
        open_thumbs[str(one.get("conversation_id"))].append((number, one))
    for part in files.conversations():
        with files.opened(part) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig")
            pieces = iter(lambda text=text: text.read(_PIECE_CHARACTERS), "")  # type: ignore[misc]
            for piece in json_stream.array_elements(pieces):
                conversation, problem = json_stream.decode(piece.text)
                problem = piece.problem or problem
                if problem:
                    raise DataError(f"{name}/{part}:{piece.line}: {problem}")
                if not isinstance(conversation, dict):
                    continue
                marks = {str(conversation.get(mark)) for mark in ("id", "conversation_id")}
                for mark in marks & open_thumbs.keys():
                    for number, one in open_thumbs.pop(mark):
                        yield _row(number, one, conversation)
    left = [pair for pairs in open_thumbs.values() for pair in pairs]
    for number, one in sorted(left, key=lambda pair: pair[0]):
        yield _row(number, one, None)


def _row(number: int, said: dict[str, Any], conversation: dict[str, Any] | None) -> Row:
    """Numbered by the thumb's place in its list."""
    value: dict[str, Any] = {"message_feedback": said, "conversation": conversation}
    if said.get("user_id") is not None:
        value["user_id"] = said["user_id"]
    return Row(number, value, json.dumps(value, ensure_ascii=False))


EXPORT = Export(
    name="chatgpt",
    what="ChatGPT's data export: a zip or directory with conversations.json and "
    "message_feedback.json",
    matches=_matches,
    read=_read,
)
