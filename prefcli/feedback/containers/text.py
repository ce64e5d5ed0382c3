r"""Text out of bytes: UTF-8, UTF-16, UTF-32 and, where a file is none of them, Windows-1252.

UTF-8 is decoded with `surrogateescape`, which keeps every byte of a row that is something else.
Such a row is read as Windows-1252 (of which Latin-1 is all but a part) as long as no row before it
had a letter in UTF-8: a file of one encoding is read in it, and a damaged row of a UTF-8 file stays
a bad row. UTF-16 without a mark shows in the zero bytes round its first characters, which in JSON
and in a CSV header are ASCII.

Lines end with `\n` or `\r\n`, or with `\r` alone if the first line does.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import IO

from prefcli.errors import DataError
from prefcli.feedback.containers.rows import Note
from prefcli.feedback.limits import LARGEST_ROW, RowTooLongError

_PIECE_CHARACTERS = 262144
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FIRST_BREAK = re.compile(r'(?:"[^"]*"|[^"\r\n])*?(\r\n?|\n)')


class Text:
    """The text of one file, with what was found out about its encoding.

    Args:
        stream: The file's bytes from the beginning.
        head: Some of the first of them, to look at.
        name: What the file is called.
        note: Told once if the file is read as Windows-1252.

    Attributes:
        sample: The text of `head`.
        encoding: Its name in Python.
    """

    def __init__(self, stream: IO[bytes], head: bytes, name: str, note: Note) -> None:
        self.name = name
        self.encoding = _encoding(head)
        self._note = note
        self._is_utf8 = self._is_windows = False
        wide = self.encoding != "utf-8-sig"
        errors = "surrogatepass" if wide else "surrogateescape"
        self.sample = _sample(head, self.encoding, errors).removeprefix("\ufeff")
        first = _FIRST_BREAK.match(self.sample)
        self._only_cr = first is not None and first[1] == "\r"
        self._text = io.TextIOWrapper(
            stream,
            encoding=self.encoding,
            errors=errors,
            newline="\r" if self._only_cr else "\n",
        )
        if wide and head.startswith((codecs.BOM_UTF16, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
            self._text.read(1)  # the byte order mark

    def lines(self, *, as_written: bool = False) -> Iterator[str]:
        r"""The lines one by one, with their ends.

        Args:
            as_written: Leave an end of `\r` alone as it is; otherwise it becomes `\n`.

        Raises:
            RowTooLongError: a line is longer than a row may be.
        """
        read, number = self._text.readline, 0
        change = self._only_cr and not as_written
        while line := read(LARGEST_ROW + 1):
            number += 1
            if len(line) > LARGEST_ROW:
                raise RowTooLongError(number)
            yield line.replace("\r", "\n") if change else line

    def pieces(self) -> Iterator[str]:
        """The text cut anywhere."""
        while piece := self._text.read(_PIECE_CHARACTERS):
            yield piece.replace("\r", "\n") if self._only_cr else piece

    def settle(self, raw: str) -> tuple[str, str, str | None]:
        """A row's text as it can be kept, as it is meant, and what is wrong with its characters."""
        if "\0" in raw:
            return self._kept(raw), raw, "holds a NUL character, which no text has"
        if raw.isascii():
            return raw, raw, None
        try:
            raw.encode()
        except UnicodeEncodeError:
            return self._foreign(raw)
        self._is_utf8 = True
        return raw, raw, None

    def meant(self, part: str) -> str:
        """A part of a row that `settle` found no fault in, as it is meant."""
        if not self._is_windows or part.isascii():
            return part
        try:
            part.encode()
        except UnicodeEncodeError:
            return part.encode("utf-8", "surrogateescape").decode("cp1252")
        return part

    def _foreign(self, raw: str) -> tuple[str, str, str | None]:
        if self.encoding != "utf-8-sig":
            name = self.encoding[:6].upper()
            return self._kept(raw), raw, f"not {name} text: half of a surrogate pair"
        if not self._is_utf8 or self._is_windows:
            try:
                text = raw.encode("utf-8", "surrogateescape").decode("cp1252")
            except UnicodeDecodeError:
                return raw, raw, "neither UTF-8 nor Windows-1252 text"
            if not self._is_windows:
                self._is_windows = True
                self._note(f"{self.name} is not UTF-8: read as Windows-1252 (cp1252)")
            return raw, text, None
        return raw, raw, "not UTF-8 text"

    def _kept(self, raw: str) -> str:
        return raw if self.encoding == "utf-8-sig" else raw.encode("utf-8", "replace").decode()


def require_text(text: Text) -> None:
    """Check that a file's first line is no binary data.

    Raises:
        DataError: it is.
    """
    if "\0" in text.sample.lstrip().partition("\n")[0]:
        raise DataError(f"{text.name}: is binary data, expected rows of text or a table")


def _encoding(head: bytes) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    zero = [byte == 0 for byte in head[:4]]
    if zero == [False, True, False, True]:
        return "utf-16-le"
    if zero == [True, False, True, False]:
        return "utf-16-be"
    return "utf-8-sig"


def _sample(head: bytes, encoding: str, errors: str) -> str:
    try:
        return codecs.getincrementaldecoder(encoding)(errors).decode(head)
    except UnicodeDecodeError as error:
        return head[: error.start].decode(encoding, errors)
