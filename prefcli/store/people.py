"""Whose names stand in a profile's name and in its report, and what they become.

A profile that was copied, blended or edited holds something of other people: its report names them
under `people`, and under `parents` the versions that it was made from. A person who is forgotten or
renamed is looked for in both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def people_in(summary: Mapping[str, Any]) -> list[str]:
    """The users of whom a profile holds something, beside its own."""
    return [str(name) for name in summary.get("people") or []]


def blended(name: str) -> set[str]:
    """The users in a profile's or a blend's name: `alice`, `alice@2`, `alice=0.7,bob@1=0.3`."""
    return {name} | {_user(part) for part in name.split(",")}


def renamed_in_name(name: str, old: str, new: str) -> str:
    """A profile's or a blend's name after a user was renamed."""
    if name == old:
        return new
    if not _is_blend(name):
        user, mark, version = name.partition("@")
        return f"{new}{mark}{version}" if user == old else name
    return ",".join(
        new + part[len(old) :] if _user(part) == old else part for part in name.split(",")
    )


def renamed_in_summary(summary: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    """A report after a user was renamed."""
    changed = dict(summary)
    if "people" in summary:
        changed["people"] = [new if name == old else name for name in people_in(summary)]
    if "parents" in summary:
        changed["parents"] = [renamed_in_name(name, old, new) for name in summary["parents"]]
    return changed


def quoted(name: str) -> str:
    """A name as it stands in JSON, to be searched for in its text."""
    return json.dumps(name, ensure_ascii=False)[1:-1]


def _is_blend(name: str) -> bool:
    return any("=" in part for part in name.split(","))


def _user(part: str) -> str:
    """The user of one share of a blend: `alice@2=0.7` is alice's."""
    named = part.rpartition("=")[0] or part
    return named.partition("@")[0]
