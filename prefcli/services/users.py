"""Whose judgement a row is.

The name comes from the first of these that was asked for: one name for everything, a field of each
row, a pattern over the file's name; and where none was asked for, the format's own field. It may
then be renamed, and last be replaced by a pseudonym.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefcli.errors import DataError, UsageError
from prefcli.feedback import fields
from prefcli.feedback.names import replace_name
from prefcli.feedback.records import check_user

GROUP = "user"


@dataclass(frozen=True)
class Users:
    """How rows get their users.

    Args:
        user: Whose all of it is.
        field: The field of each row that names its user.
        pattern: A regular expression whose group `user` is searched for in a file's name, and
            where it is not there in the whole path.
        renamed: New names by old ones.
        pseudonym: Turns a name into another one that tells nothing; None to keep names.

    Raises:
        UsageError: two sources of names, or a pattern or name that cannot be used.
    """

    user: str | None = None
    field: str | None = None
    pattern: str | None = None
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    pseudonym: Callable[[str], str] | None = None

    def __post_init__(self) -> None:
        given = {"--user": self.user, "--user-field": self.field, "--user-pattern": self.pattern}
        used = [flag for flag, value in given.items() if value is not None]
        if len(used) > 1:
            raise UsageError(f"{' and '.join(used)} exclude each other: give one of them")
        if self.pattern is not None:
            _check_pattern(self.pattern)
        for new in self.renamed.values():
            _check(new, "--map-user")
        if self.user is not None:
            _check(self._final(self.user), "--user")

    @property
    def in_every_format(self) -> bool:
        """Whether names are known without a format's own field."""
        return not self.user is self.field is self.pattern is None

    def names(
        self, row: Mapping[str, Any], source: str, own_fields: Sequence[str] = ()
    ) -> tuple[str, str]:
        """The name a row came under, and the user that it is for.

        Args:
            row: Its fields.
            source: The name of its file.
            own_fields: The fields in which its format names the user.

        Raises:
            DataError: there is no name, or none that can be used.
        """
        if self.user is not None:
            return self.user, self._final(self.user)
        if self.pattern is not None:
            name, where = _matched(self.pattern, source), f"file {source!r}"
        else:
            wanted = self.field
            if wanted is None:
                wanted = next((each for each in own_fields if each in row), own_fields[0])
            name, where = _named(row, wanted), f"field {wanted!r}"
        try:
            return name, check_user(self._final(name))
        except DataError as error:
            raise DataError(f"{where}: {error.message}") from error

    def hide(self, text: str, name: str) -> str:
        """`text` (a file's name, an annotator) without a name that pseudonyms are to replace."""
        return text if self.pseudonym is None else replace_name(text, name, self._final(name))

    def annotator(self, name: str | None) -> str | None:
        """The annotator as it is to be kept."""
        return name if name is None else self._final(name)

    def _final(self, name: str) -> str:
        renamed = self.renamed.get(name, name)
        return self.pseudonym(renamed) if self.pseudonym is not None else renamed


def parse_renames(texts: Sequence[str]) -> dict[str, str]:
    """Renames from `old=new`, split at the last `=`: new names hold none.

    Raises:
        UsageError: a text has no `=`, or renames one name twice.
    """
    renamed: dict[str, str] = {}
    for text in texts:
        old, mark, new = text.rpartition("=")
        if not (old and mark and new):
            raise UsageError(f"--map-user {text!r}: expected OLD=NEW")
        if renamed.setdefault(old, new) != new:
            raise UsageError(f"--map-user: {old!r} is renamed to {renamed[old]!r} and to {new!r}")
    return renamed


def _check(name: str, flag: str) -> None:
    try:
        check_user(name)
    except DataError as error:
        raise UsageError(f"{flag}: {error.message}") from error


def _check_pattern(pattern: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--user-pattern {pattern!r}: no regular expression: {error}") from error
    if GROUP not in compiled.groupindex:
        raise UsageError(
            f"--user-pattern {pattern!r}: expected a group named user, "
            r"as in 'votes-(?P<user>[^.]+)\.jsonl'"
        )


def _matched(pattern: str, source: str) -> str:
    base = re.split(r"[/\\]", source)[-1]
    found = re.search(pattern, base) or re.search(pattern, source)
    if found is None or not found[GROUP]:
        raise DataError(f"file name {base!r}: no user found with --user-pattern {pattern!r}")
    return found[GROUP]


def _named(row: Mapping[str, Any], name: str) -> str:
    user = fields.at(row, name)
    if isinstance(user, int) and not isinstance(user, bool):
        user = str(user)
    if not isinstance(user, str) or not user:
        raise fields.expected(name, "a user's name", user)
    return user
