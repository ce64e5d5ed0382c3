"""Profiles as files: one is exported, carried, and imported where its space is."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

from prefcli import pref_file
from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.feedback.records import check_user
from prefcli.profile import Profile
from prefcli.services.portable import write_file
from prefcli.services.profile_versions import add_version, check_free
from prefcli.services.profiles import fields, open_profile, stored_profile
from prefcli.services.spaces import SpaceReference, resolve_space, space_of, spaces_like
from prefcli.services.starters import starter_file
from prefcli.store import Store, StoredProfile

# What a file says of how the profile came about, beside who, where and when.
_TOLD = (
    *("method", "pairs", "thumbs", "kinds", "prompts", "train_accuracy", "heldout_accuracy"),
    *("origin", "people", "tags", "note"),
)


def export_profile(store: Store, name: str) -> tuple[bytes, dict[str, Any]]:
    """A profile as one file.

    Args:
        name: `user` or `user@version`.

    Returns:
        The file's bytes, and the fields of `profile list` with `bytes` of the file.

    Raises:
        NotFoundError: no such profile.
        DataError: it is damaged.
    """
    stored = stored_profile(store, name)
    open_profile(stored)
    told = {key: stored.summary[key] for key in _TOLD if stored.summary.get(key) is not None}
    base: str | None
    needed: str | None
    try:
        reference = space_of(store, stored.space)
        base, needed = reference.base, reference.name
    except NotFoundError:  # the space was removed; its fingerprint still tells it
        base, needed = None, stored.summary.get("space")
    about = {
        "user": stored.user,
        "version": stored.version,
        "created": stored.created,
        "space": {"name": needed, "fingerprint": stored.space, "base": base},
        **told,
    }
    content = pref_file.pack(stored.artifact, about)
    return content, fields(stored) | {"bytes": len(content)}


def write_profile(store: Store, name: str, target: str, force: bool = False) -> dict[str, Any]:
    """Write a profile to a file, which is there whole or not at all.

    Returns:
        The fields of `profile list`, with `bytes` of the file, and `file`.

    Raises:
        UsageError: there is a file already.
        PrefcliError: it cannot be written.
        Others as `export_profile`.
    """
    content, told = export_profile(store, name)
    write_file(Path(target), content, force)
    return told | {"file": target}


def import_profile(
    store: Store, source: str, name: str | None = None, new_version: bool = False
) -> dict[str, Any]:
    """Add a profile from a file that `export_profile` wrote.

    Args:
        source: The file; `-` is stdin. Where there is no such file, the name of a starter profile.
        name: Whose it becomes; default the name in the file.
        new_version: Allow a name that has a profile, which gets a new version.

    Returns:
        The fields of `profile list`, `origin` and `parents`; and `imported`, False where the
        user's latest version is this very profile already, which stays as it is.

    Raises:
        UsageError: the name cannot be used, or is taken.
        NotFoundError: no such file, or the profile's space is not here.
        DataError: the file is no profile, or changed.
    """
    where = "stdin" if source == "-" else source
    artifact, about = pref_file.unpack(_read(source), where)
    learned = Profile.from_bytes(artifact)
    user = name if name is not None else _user(about, where)
    reference = _space(store, learned, about, where)
    artifact = dataclasses.replace(learned, user=user).to_bytes()
    there = store.profile(user)
    if there is not None and there.artifact == artifact:
        made = fields(there) | {
            "origin": there.summary.get("origin", "fit"),
            "parents": there.summary.get("parents", []),
        }
        return made | {"imported": False}
    check_free(store, user, new_version)
    people = [str(each) for each in about.get("people") or []]
    if about.get("user") != user:
        people.append(str(about.get("user")))
    summary = {key: about[key] for key in _TOLD if key in about}
    summary["space"] = reference.name
    content = StoredProfile(
        user, 0, learned.space, summary, len(artifact), str(about.get("created")), artifact
    )
    kept = {"note": about["note"]} if about.get("note") else {}
    others = sorted(set(people) - {user})
    made = add_version(store, user, content, "import", [], **({"people": others} | kept))
    return made | {"imported": True}


def _space(store: Store, learned: Profile, about: dict[str, Any], where: str) -> SpaceReference:
    for found in spaces_like(store, learned.space):
        if len(learned.reward.weight) != found.description["latent_size"]:
            raise DataError(f"{where} does not fit its space {found.name}: export it again")
        return found
    needed = about.get("space")
    told = needed if isinstance(needed, dict) else {}
    of = f" of base {told['base']}" if told.get("base") else ""
    raise NotFoundError(
        f"{where} is of space {told.get('name')}{of} ({learned.space}), which is not here (in use: "
        f"{resolve_space(store).name}): `prefcli space import` it first"
    )


def _user(about: dict[str, Any], where: str) -> str:
    try:
        return check_user(str(about["user"]))
    except (KeyError, DataError):
        raise DataError(f"{where} names no user that can be used: name one with --as") from None


def _read(source: str) -> bytes:
    if not source:
        raise UsageError("FILE is empty: name a file, or - for stdin")
    try:
        if source == "-":
            if sys.stdin is None or sys.stdin.isatty():
                raise UsageError("nobody sends a profile to stdin: name a file, or send one")
            return sys.stdin.buffer.read(pref_file.LARGEST + 1)
        with Path(source).open("rb") as file:
            return file.read(pref_file.LARGEST + 1)
    except FileNotFoundError:
        starter = starter_file(source)
        if starter is not None:
            return starter.read_bytes()
        raise NotFoundError(
            f"no such file or starter profile: {source} (see `prefcli profile starters`)"
        ) from None
    except IsADirectoryError:
        raise NotFoundError(f"{source} is a directory, expected a file of a profile") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise NotFoundError(f"cannot read {source}: {reason}") from None
