"""A user gets another name, everywhere at once.

Who somebody is, is their name: feedback goes by it (it is part of every judgement's key, so that
one file read twice adds nothing), and so do profiles and the log. So all of it moves together or
nothing does, and a name that is somebody's already is refused, since two people would become one
for good.
"""

# ruff: noqa: S608 (the interpolated parts are constants of this module; every value is bound)

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

from prefcli.errors import NotFoundError, UsageError
from prefcli.feedback.names import replace_name
from prefcli.store.connection import Catalog
from prefcli.store.feedback import COLUMNS, stored
from prefcli.store.people import blended, quoted, renamed_in_name, renamed_in_summary
from prefcli.store.rows import Renamed
from prefcli.store.text import to_json


class Renaming:
    """What gives users other names."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rename_user(self, old: str, new: str, artifact: Callable[[bytes], bytes]) -> Renamed:
        """Give a user another name in judgements, profiles and the log, in one transaction.

        Judgements that they gave for a group, and copies and blends of their profiles, name them
        anew as well.

        Args:
            old: The name so far.
            new: The name from now on.
            artifact: Writes the new name into a profile.

        Raises:
            NotFoundError: there is nothing of `old`.
            UsageError: there is something of `new`.
        """
        catalog = self._catalog
        with catalog.transaction():
            if self._is_known(new):
                raise UsageError(
                    f"{new!r} is somebody already, and two people would become one: choose another "
                    "name, or remove what there is with `prefcli forget`"
                )
            # What a user's prior was learned without goes by names.
            catalog.execute("DELETE FROM populations")
            judgements = self._rename_judgements(old, new)
            # By the old name a file would still tell who it was after the new one is forgotten.
            rename_in_sources(catalog, old, new)
            profiles = self._rename_profiles(old, new, artifact)
            generations = 0
            for (name,) in catalog.rows(
                "SELECT DISTINCT user FROM generations WHERE instr(user, ?)", (old,)
            ):
                if old in blended(name):
                    generations += catalog.execute(
                        "UPDATE generations SET user = ? WHERE user = ?",
                        (renamed_in_name(name, old, new), name),
                    ).rowcount
            picks = catalog.execute(
                "UPDATE blind_picks SET user = ? WHERE user = ?", (new, old)
            ).rowcount
            if not (judgements or profiles or generations or picks):
                raise NotFoundError(f"nothing of user {old!r}: see `prefcli profile list`")
        return Renamed(old, new, judgements, profiles, generations, picks)

    def _is_known(self, name: str) -> bool:
        places = (
            ("feedback", "user"),
            ("profiles", "user"),
            ("generations", "user"),
            ("blind_picks", "user"),
            ("feedback", "annotator"),
        )
        return any(
            self._catalog.row(f"SELECT 1 FROM {table} WHERE {column} = ? LIMIT 1", (name,))
            for table, column in places
        )

    def _rename_judgements(self, old: str, new: str) -> int:
        catalog = self._catalog
        count = 0
        # Two conditions, each with its own way to the rows, instead of one that reads all.
        for condition in ("user = ?", "annotator = ?"):
            for row in catalog.pages(
                f"SELECT {COLUMNS} FROM feedback", condition, (old,), 0, newest_first=False
            ):
                judged = stored(row).feedback
                changed = dataclasses.replace(
                    judged,
                    user=new if judged.user == old else judged.user,
                    annotator=new if judged.annotator == old else judged.annotator,
                )
                catalog.execute(
                    "UPDATE feedback SET user = ?, annotator = ?, key = ? WHERE id = ?",
                    (changed.user, changed.annotator, changed.key, row[0]),
                )
                count += 1
        return count

    def _rename_profiles(self, old: str, new: str, artifact: Callable[[bytes], bytes]) -> int:
        catalog = self._catalog
        for number, blob in catalog.rows(
            "SELECT id, artifact FROM profiles JOIN profile_artifacts USING (id) WHERE user = ?",
            (old,),
        ):
            written = artifact(blob)
            catalog.execute(
                "UPDATE profile_artifacts SET artifact = ? WHERE id = ?", (written, number)
            )
            catalog.execute("UPDATE profiles SET bytes = ? WHERE id = ?", (len(written), number))
        count = catalog.execute("UPDATE profiles SET user = ? WHERE user = ?", (new, old)).rowcount
        for number, text in catalog.rows(
            "SELECT id, summary FROM profiles WHERE instr(summary, ?)", (quoted(old),)
        ):
            changed = renamed_in_summary(json.loads(text), old, new)
            catalog.execute(
                "UPDATE profiles SET summary = ? WHERE id = ?", (to_json(changed), number)
            )
        return count


def rename_in_sources(catalog: Catalog, user: str, other: str) -> None:
    """Replace a name in the names of the files that feedback came from."""
    for (source,) in catalog.rows(
        "SELECT DISTINCT source FROM feedback WHERE instr(source, ?)", (user,)
    ):
        changed = replace_name(source, user, other)
        if changed != source:
            catalog.execute("UPDATE feedback SET source = ? WHERE source = ?", (changed, source))
    for number, text in catalog.rows("SELECT id, details FROM ingests"):
        details = json.loads(text)
        sources = details.get("sources", [])
        changed_all = [replace_name(source, user, other) for source in sources]
        if changed_all != sources:
            catalog.execute(
                "UPDATE ingests SET details = ? WHERE id = ?",
                (to_json(details | {"sources": changed_all}), number),
            )
