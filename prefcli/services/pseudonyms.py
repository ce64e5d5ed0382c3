"""Pseudonyms: stable short names that only this home can connect with people.

A pseudonym is a keyed hash, HMAC-SHA256, of the name: the same name gives the same pseudonym for
as long as the home exists, and without the key nobody can try names until one fits. The key is
made once from the operating system's randomness and never leaves the home (mode 0600). It holds no
names: to see whose a pseudonym is, one has to know the name already. Whoever knows it may type it:
who is to be forgotten, or looked for, is found under their pseudonym as well.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from prefcli.config import PSEUDONYM_KEY_NAME
from prefcli.errors import PrefcliError

_KEY_BYTES = 32
_LETTERS = 12  # 60 bits: two of a million names share one with probability 4e-7


def pseudonym(key: bytes, name: str) -> str:
    """The pseudonym of `name`: `u-` and 12 letters and digits."""
    digest = hmac.digest(key, name.encode("utf-8", "backslashreplace"), "sha256")
    return "u-" + base64.b32encode(digest).decode("ascii")[:_LETTERS].lower()


def pseudonym_key(home: Path, *, make: bool = True) -> bytes:
    """The home's key, made at the first call; of several processes that try, one makes it.

    Args:
        home: The directory.
        make: Where there is none yet, keep a new one; else it serves this once.

    Raises:
        PrefcliError: it cannot be made or read, or is damaged.
    """
    path = home / PSEUDONYM_KEY_NAME
    try:
        if not path.exists():
            if not make:
                return secrets.token_bytes(_KEY_BYTES)
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise PrefcliError(
            f"cannot use the key of pseudonyms ({error.strerror}): {path}, check the permissions"
        ) from error
    if len(key) != _KEY_BYTES:
        raise PrefcliError(
            f"the key of pseudonyms is damaged: {path}, restore a copy "
            "(with a new key everybody gets a new pseudonym)"
        )
    return key


def pseudonym_here(home: Path, name: str) -> str | None:
    """The pseudonym that `name` has in this home; None where nobody has one.

    Raises:
        PrefcliError: the key cannot be read, or is damaged.
    """
    if not (home / PSEUDONYM_KEY_NAME).exists():
        return None
    return pseudonym(pseudonym_key(home), name)


def _make(path: Path) -> None:
    """Write a whole key beside its place, then link it there: nobody ever reads half of one."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
