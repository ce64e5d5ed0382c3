"""What one does with profiles as things one keeps: look back, go back, name, copy, throw away.

Nothing here changes what a version holds: going back and copying make new versions, and each says
in its report what it came from: `origin` (how), `parents` (which versions) and `people` (the other
users whose taste is in it, whom `forget` looks for).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from prefcli.config import SPACES_NAME
from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.feedback.records import check_user
from prefcli.profile import Profile
from prefcli.services.feedback import rename_in_spaces
from prefcli.services.profiles import fields, is_number, open_profile, stored_profile
from prefcli.services.space_plan import trainings_on
from prefcli.store import Store, StoredProfile
from prefcli.store.people import people_in

LONGEST_NOTE, LONGEST_TAG = 1000, 100  # characters
_OWN = ("tags", "note", "origin", "parents", "people")  # a version's, not of what it holds


def history(store: Store, user: str, limit: int = 0) -> list[dict[str, Any]]:
    """Every version of a user's profile, newest first.

    Args:
        store: The open home.
        user: Whose.
        limit: At most so many; 0 for all.

    Raises:
        NotFoundError: the user has no profile.
    """
    stored_profile(store, user)
    rows = store.profiles(limit, user, all_versions=True)
    return [
        {
            **fields(row),
            "origin": row.summary.get("origin", "fit"),
            "parents": list(row.summary.get("parents", ())),
            "tags": list(row.summary.get("tags", ())),
            "note": row.summary.get("note"),
        }
        for row in rows
    ]


def rollback(store: Store, user: str, version: str) -> dict[str, Any]:
    """Make an old version of a user's profile the newest again, as a new version.

    Args:
        version: Its number, or its tag.

    Returns:
        The fields of `profile list` of the new version, `origin` and `parents`.

    Raises:
        NotFoundError: there is no such version.
        DataError: it is damaged.
    """
    old = stored_profile(store, f"{user}@{version}")
    open_profile(old)
    return add_version(store, old.user, old, "rollback", [old])


def copy(store: Store, name: str, new: str, new_version: bool = False) -> dict[str, Any]:
    """Keep a profile under another name as well; feedback stays with who gave it.

    Args:
        name: `user` or `user@version`.
        new: The other name.
        new_version: Allow a name that has a profile, which gets a new version.

    Raises:
        NotFoundError: no such profile.
        UsageError: the other name cannot be used, or is taken.
        DataError: the profile is damaged.
    """
    old = stored_profile(store, name)
    learned = open_profile(old)
    check_free(store, new, new_version)
    if new == old.user:
        raise UsageError(f"a copy of {name} under its own name: use `prefcli profile rollback`")
    content = dataclasses.replace(learned, user=new).to_bytes()
    return add_version(store, new, dataclasses.replace(old, artifact=content), "copy", [old])


def rename(store: Store, old: str, new: str) -> dict[str, Any]:
    """Give a user another name: in judgements, profiles, the log and what spaces say of prompts.

    Returns:
        `old`, `new`, how many `judgements`, `profiles`, `generations` and `picks` of blind tests
        it was, and the `spaces`.

    Raises:
        NotFoundError: there is nothing of the user.
        UsageError: the new name cannot be used, or is somebody's.
    """
    check_name(new)
    if old == new:
        raise UsageError(f"{old!r} is the name already")
    if unfinished := trainings_on(store.home / SPACES_NAME, old):
        raise UsageError(
            f"the unfinished training of space {unfinished[0]} is on prompts of {old}: end "
            f"it first with `prefcli space train {unfinished[0]} --resume`"
        )
    renamed = store.rename_user(old, new, lambda blob: _under_name(blob, new))
    return asdict(renamed) | {"spaces": rename_in_spaces(store.home, old, new)}


def tag(store: Store, name: str, text: str, *, move: bool = False) -> dict[str, Any]:
    """Give a version a name of its own: `alice@TAG` is then that version.

    Args:
        name: `user` or `user@version`.
        text: The tag.
        move: Take it from the version that has it.

    Returns:
        `profile` and its `tags`.

    Raises:
        UsageError: the tag cannot be used, or another version has it.
        NotFoundError: no such profile.
    """
    _check_tag(text)
    chosen = stored_profile(store, name)
    found: list[str] = []

    def change(version: int, summary: dict[str, Any]) -> dict[str, Any]:
        tags = [each for each in summary.get("tags", []) if each != text]
        if version == chosen.version:
            found[:] = [*tags, text]
            return summary | {"tags": list(found)}
        if text in summary.get("tags", []):
            if not move:
                raise UsageError(
                    f"{chosen.user}@{version} has the tag {text!r} already: --move gives it to "
                    f"{chosen.user}@{chosen.version}"
                )
            return summary | {"tags": tags}
        return summary

    store.change_summaries(chosen.user, change)
    return {"profile": f"{chosen.user}@{chosen.version}", "tags": found}


def untag(store: Store, name: str, text: str) -> dict[str, Any]:
    """Take a tag away from the version that has it; the version stays.

    Raises:
        NotFoundError: that version has no such tag, or there is no such profile.
    """
    chosen = stored_profile(store, name)
    if text not in chosen.summary.get("tags", []):
        raise NotFoundError(f"{chosen.user}@{chosen.version} has no tag {text!r}")
    left = [each for each in chosen.summary["tags"] if each != text]
    _change_one(store, chosen, tags=left)
    return {"profile": f"{chosen.user}@{chosen.version}", "tags": left}


def note(store: Store, name: str, text: str) -> dict[str, Any]:
    """Write a line about a version; an empty one takes it away.

    Returns:
        `profile` and its `note`.

    Raises:
        UsageError: it is too long.
        NotFoundError: no such profile.
    """
    line = " ".join(text.split())
    if len(line) > LONGEST_NOTE:
        raise UsageError(f"a note of {len(line)} characters: {LONGEST_NOTE} at most")
    chosen = stored_profile(store, name)
    _change_one(store, chosen, note=line or None)
    return {"profile": f"{chosen.user}@{chosen.version}", "note": line or None}


def read_note(store: Store, name: str) -> dict[str, Any]:
    """The fields of `note`, as they are.

    Raises:
        NotFoundError: no such profile.
    """
    chosen = stored_profile(store, name)
    return {"profile": f"{chosen.user}@{chosen.version}", "note": chosen.summary.get("note")}


def versions_meant(store: Store, name: str) -> tuple[str, int | None, int]:
    """Whose versions `profile rm NAME` removes, which one (None: all), and how many these are.

    Raises:
        NotFoundError: no such profile.
    """
    chosen = stored_profile(store, name)
    if name == chosen.user:
        return chosen.user, None, len(store.profiles(0, chosen.user, all_versions=True))
    return chosen.user, chosen.version, 1


def remove(store: Store, name: str) -> dict[str, Any]:
    """Remove one version of a profile (`user@version`), or all of them (`user`).

    Feedback stays, so that another fit brings back what can be learned from it.

    Returns:
        `user`, and how many versions were `removed` and are `left`.

    Raises:
        NotFoundError: no such profile.
    """
    user, version, _ = versions_meant(store, name)
    removed = store.remove_profiles(user, version)
    left = len(store.profiles(0, user, all_versions=True))
    return {"user": user, "removed": removed, "left": left}


def add_version(
    store: Store,
    user: str,
    content: StoredProfile,
    origin: str,
    parents: Iterable[StoredProfile],
    names: Iterable[str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Keep a profile that was made from others as a new version.

    Args:
        user: Whose it becomes.
        content: Space, artifact and report.
        origin: How it was made.
        parents: What it was made from.
        names: How `parents` are to be named, where version names do not say it all.
        more: Further fields of its report.

    Returns:
        The fields of `profile list`, `origin` and `parents`.
    """
    parents = list(parents)
    people = {parent.user for parent in parents}
    people.update(*(people_in(parent.summary) for parent in parents))
    told = {
        "origin": origin,
        "parents": list(names or [f"{parent.user}@{parent.version}" for parent in parents]),
        "people": sorted(people - {user}),
        **more,
    }
    kept = {key: value for key, value in content.summary.items() if key not in _OWN}
    summary = {**kept, "bytes": len(content.artifact), **told}
    version = store.add_profile(user, content.space, content.artifact, summary)
    made = stored_profile(store, f"{user}@{version}")
    return {**fields(made), "origin": origin, "parents": told["parents"]}


def check_free(store: Store, name: str, new_version: bool) -> None:
    """Refuse a name that cannot be used, or that has a profile which nobody said to go on with.

    Raises:
        UsageError: so.
    """
    check_name(name)
    there = store.profile(name)
    if there is not None and not new_version:
        raise UsageError(
            f"{name!r} has a profile already ({name}@{there.version}): choose another name, or "
            "add --new-version to keep this one as its next version"
        )


def check_name(name: str) -> None:
    """Refuse what cannot name a user.

    Raises:
        UsageError: so.
    """
    try:
        check_user(name)
        name.encode()
    except (DataError, UnicodeEncodeError):
        raise UsageError(
            f"{name!r} cannot name a user: no whitespace, comma, '@' or control characters"
        ) from None


def _change_one(store: Store, chosen: StoredProfile, **changes: Any) -> None:
    def change(version: int, summary: dict[str, Any]) -> dict[str, Any]:
        return _without_nothing(summary | changes) if version == chosen.version else summary

    store.change_summaries(chosen.user, change)


def _without_nothing(summary: Mapping[str, Any]) -> dict[str, Any]:
    empty = {key for key in ("note", "tags") if not summary.get(key)}
    return {key: value for key, value in summary.items() if key not in empty}


def _check_tag(text: str) -> None:
    usable = text.isprintable() and not any(c.isspace() or c in ",@=" for c in text)
    if not text or not usable or is_number(text) or len(text) > LONGEST_TAG:
        raise UsageError(
            f"tag {text[:LONGEST_TAG]!r}: expected a short word that is no number, without "
            "whitespace, comma, '@' or '='"
        )


def _under_name(blob: bytes, user: str) -> bytes:
    """The profile as the user's; one that cannot be read stays as it is."""
    try:
        return dataclasses.replace(Profile.from_bytes(blob), user=user).to_bytes()
    except DataError:
        return blob
