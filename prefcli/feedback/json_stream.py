"""JSON values one at a time from text that arrives in pieces, each with the line it starts on.

A decoder that reads a whole document stops at its first fault and needs the document in memory.
Here brackets are only counted, outside of strings, to find where each value ends; the value is
decoded afterwards, on its own. So a fault stays inside its value, and memory holds one value.
A JSON string cannot hold a raw line break (RFC 8259, section 7), hence a quote that is still open
at the end of its line is taken for a fault of that line and the count starts afresh behind it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from prefcli.feedback.limits import LARGEST_ROW, RowTooLongError

# An object with nothing nested in it; a whole string; a run of anything without structure; one
# structural character. The quantifiers are possessive: to be able to go back, the matcher would
# keep 150 bytes for every escape of a string.
_STRING = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
_TOKEN = re.compile(rf'{{(?:[^"{{}}\[\]]++|{_STRING})*+}}|{_STRING}|[^"{{}}\[\],]++|["{{}}\[\],]')
_SPACE = " \t\r\n"
_decode = json.JSONDecoder().decode
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


class Piece(NamedTuple):
    """One value's text: where it starts (1-based line), as it came, and what is wrong around it."""

    line: int
    text: str
    problem: str | None


class _Collector:
    """The text of the value being read, how deep its brackets are, and the line it starts on."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.line = 0
        self.depth = 0
        self._last = ""
        self._size = 0

    def add(self, mark: str, line: int) -> None:
        self.depth = max(0, self.depth + (mark in "[{") - (mark in "]}"))
        visible = mark.strip(_SPACE)
        if not self.parts:
            if not visible:
                return
            mark = mark.lstrip(_SPACE)
            self.line = line
        self.parts.append(mark)
        self._size += len(mark)
        if self._size > LARGEST_ROW:
            raise RowTooLongError(self.line)
        self._last = visible[-1:] or self._last

    def broken_by(self, mark: str) -> bool:
        """True if the value must have ended before `mark`: a brace stands where a member should.

        So a row that was cut off does not swallow the rows behind it.
        """
        return mark[0] == "{" and self.depth == 1 and self.parts[0] == "{" and self._last != ":"

    def take(self, problem: str | None = None) -> Piece:
        piece = Piece(self.line, "".join(self.parts).rstrip(_SPACE), problem)
        self.parts = []
        self.depth = self._size = 0
        return piece


def array_elements(
    pieces: Iterable[str], line: int = 1, *, wrapped: bool = False
) -> Iterator[Piece]:
    """The elements of the array that the text begins with.

    Args:
        pieces: The text, cut anywhere.
        line: The line number of the text's first character.
        wrapped: Behind the array comes the rest of the object whose member it is.
    """
    value = _Collector()
    count = 0
    opened = closed = False
    for mark, at in _tokens(pieces, line):
        if opened or mark.strip(_SPACE):
            line = at
        if closed:
            value.add(mark, at)
        elif not opened:
            opened = mark == "["
        elif value.depth == 0 and mark in ",]":
            closed = mark == "]"
            if value.parts:
                yield value.take()
                count += 1
            elif count or not closed:  # `[]` is fine, `[1,]` and `[,1]` are not
                yield Piece(at, mark, "not JSON: a comma with no value beside it")
        else:
            if value.parts and value.broken_by(mark):
                yield value.take("not JSON: the row breaks off")
            value.add(mark, at)
    if closed and wrapped:
        rest = value.take()
        if not rest.text:
            yield Piece(line, "", "not JSON: the file ends inside an object")
        elif decode("{" + rest.text.removeprefix(","))[1] or rest.text.startswith(",}"):
            yield rest._replace(problem="not JSON: text after the end of the list")
    elif closed and value.parts:
        yield value.take("not JSON: text after the end of the list")
    elif value.parts:
        yield value.take("not JSON: the file ends inside this row")
    elif not closed:
        yield Piece(line, "", "not JSON: the file ends inside a list")


def objects(pieces: Iterable[str], line: int = 1) -> Iterator[Piece]:
    """The objects of a text that is one object, or one after the other, each over many lines."""
    value = _Collector()
    for mark, at in _tokens(pieces, line):
        if value.parts and value.depth == 0 and mark[0] == "{":
            yield value.take("not JSON: text between two objects")
        elif value.parts and value.broken_by(mark):
            yield value.take("not JSON: the row breaks off")
        value.add(mark, at)
        if value.depth == 0 and mark[-1] == "}":
            yield value.take()
    if value.parts:
        yield value.take("not JSON: the file ends inside this row" if value.depth else None)


def wrapped_list(text: str, names: Collection[str], row_members: Collection[str]) -> int | None:
    """Where, in a text that begins with an object, the list begins that the object wraps.

    Args:
        text: The beginning of the text.
        names: The members that may hold the list; it holds objects, or nothing.
        row_members: Members that make the object a row: behind one of them nothing is looked for.

    Returns:
        The index of the list's bracket; None where there is none, as far as `text` goes.
    """
    decoder = json.JSONDecoder()
    try:
        at = _skip_space(text, text.index("{") + 1)
        while text[at] != "}":
            key, at = decoder.raw_decode(text, at)
            start = _skip_space(text, at)
            if not isinstance(key, str) or key in row_members or text[start] != ":":
                return None
            start = _skip_space(text, start + 1)
            if key in names and text[start] == "[" and text[_skip_space(text, start + 1)] in "{]":
                return start
            _, end = decoder.raw_decode(text, start)
            at = _skip_space(text, end)
            if text[at] == ",":
                at = _skip_space(text, at + 1)
    except (ValueError, IndexError, RecursionError):
        pass
    return None


def wrapped_elements(pieces: Iterable[str], at: int) -> Iterator[Piece]:
    """The elements of the list that an object wraps, and a fault in the object's rest.

    Args:
        pieces: The text from its beginning, cut anywhere.
        at: Where `wrapped_list` found the list.
    """
    source = iter(pieces)
    passed, line = 0, 1
    for piece in source:
        end = min(len(piece), at - passed)
        line += piece.count("\n", 0, end)
        passed += end
        if passed == at:
            rest = itertools.chain([piece[end:]], source)
            yield from array_elements(rest, line, wrapped=True)
            return


def decode(text: str) -> tuple[Any, str | None]:
    """The value of a JSON text, or None and why there is none."""
    try:
        value = _decode(text)
        if "\\u" in text and _HALF_PAIR.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return None, f"not JSON: {error.msg} (character {error.pos + 1} of the row)"
    except UnicodeEncodeError:
        return None, "not text: half of a surrogate pair (\\ud800 to \\udfff)"
    except RecursionError:
        return None, "not readable: nested too deeply"
    except ValueError:  # an integer longer than `sys.get_int_max_str_digits()`
        return None, "not readable: a number with too many digits"
    return value, None


def _skip_space(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


def _tokens(pieces: Iterable[str], line: int) -> Iterator[tuple[str, int]]:
    """The text's tokens, each with the line of its first visible character."""
    source = iter(pieces)
    rest = ""
    more = True
    while more:
        piece = _at_least(len(rest), source)
        more = bool(piece)
        text = rest + piece
        rest = ""
        for match in _TOKEN.finditer(text):
            mark = match[0]
            if mark == '"' and more and text.find("\n", match.start()) < 0:
                rest = text[match.start() :]  # a string cut by the end of the piece
                if len(rest) > LARGEST_ROW:
                    raise RowTooLongError(line)
                break
            breaks = mark.count("\n")
            before = breaks and mark.count("\n", 0, len(mark) - len(mark.lstrip(_SPACE)))
            yield mark, line + before
            line += breaks


def _at_least(size: int, pieces: Iterator[str]) -> str:
    """The next pieces, as many together as make up `size` characters.

    A string over many pieces is looked at again with each of them: doubling keeps that linear.
    """
    held = ""
    for piece in pieces:
        held = held + piece if held else piece
        if held and len(held) >= size:
            break
    return held
