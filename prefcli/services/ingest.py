"""Ingest: read files of judgements and add them to the catalog, all of them or none.

Rows flow one by one from the reader through their format into the store, which stages them
privately and lets them in with one short transaction at the end. A bad row does not stop the
reading: all of them are collected, and then raised from within the flow, which makes the store
drop what it has staged. With `skip_bad` they are set aside instead.
"""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefcli.errors import DataError, UsageError
from prefcli.feedback.containers import Row, expand, read_files, source_name
from prefcli.feedback.exports import export_at
from prefcli.feedback.formats import Format, by_name, detect
from prefcli.feedback.formats.columns import SoughtColumns
from prefcli.feedback.formats.definition import Origin
from prefcli.feedback.formats.table import Columns
from prefcli.feedback.records import Feedback
from prefcli.progress import Progress
from prefcli.services.bad_rows import BadRows, check_rejects
from prefcli.services.formats import format_of_table
from prefcli.services.pseudonyms import pseudonym, pseudonym_key
from prefcli.services.users import Users

if TYPE_CHECKING:
    from prefcli.store import Store

_VOTERS = 32  # rows that decide on a file's format
_PROGRESS_EVERY = 500
_SPOOL_BYTES = 1 << 20

Entry = tuple[Feedback, str, int, str | None]


@dataclass(slots=True)
class IngestReport:
    """What one ingest did.

    Where each row holds one judgement, read = inserted + duplicates + ties + rejected.

    Args:
        read: Rows seen, good or bad.
        inserted: Judgements that are new in the catalog.
        duplicates: Judgements that the catalog, or an earlier row, already had.
        repeated: Of the duplicates, those that were new and that an earlier row had.
        ties: Pairs of two identical answers, which say nothing and are not stored.
        rejected: Bad rows that were left out (with `skip_bad`).
        users: Whose judgements they are, sorted.
        formats: The formats found, in order of appearance.
        warnings: What a person should know about the rows.
    """

    read: int = 0
    inserted: int = 0
    duplicates: int = 0
    repeated: int = 0
    ties: int = 0
    rejected: int = 0
    users: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-ready fields."""
        return dataclasses.asdict(self)


def ingest(
    store: Store,
    sources: Sequence[str],
    *,
    user: str | None = None,
    user_field: str | None = None,
    user_pattern: str | None = None,
    map_user: Mapping[str, str] | None = None,
    pseudonymize: bool = False,
    format: str | None = None,
    columns: Columns | None = None,
    skip_bad: bool = False,
    rejects: Path | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Add the judgements of one or more files to the catalog.

    Doing it again adds nothing: a judgement is known by its content.

    Args:
        store: The open catalog.
        sources: Paths, directories, patterns like `logs/*.jsonl`, or `-` for standard input;
            they enter together or not at all.
        user: Whose judgements they are.
        user_field: The field of each row that says whose it is (instead of `user`).
        user_pattern: A regular expression whose group `user` is searched for in each file's name
            (instead of `user`). Without any of the three the format's own field counts.
        map_user: New names for users, by the names in the files.
        pseudonymize: Replace users and annotators by keyed hashes of their names.
        format: A format's name; found for each file when None.
        columns: What the columns of a plain table hold (instead of `format`).
        skip_bad: Keep the good rows of files that have bad ones.
        rejects: Where to save the bad rows as they came (with `skip_bad`); overwritten.
        progress: Told of the rows read.

    Raises:
        UsageError: the arguments contradict each other.
        NotFoundError: a file does not exist.
        DataError: a file cannot be read, has no known format, or has bad rows (one detail each).
    """
    check_sources(sources)
    check_rejects(sources, skip_bad, rejects)
    users = Users(user, user_field, user_pattern, map_user or {})
    if pseudonymize:
        users = replace(users, pseudonym=partial(pseudonym, pseudonym_key(store.home)))
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        bad = BadRows(skip_bad, rejects, spool)
        flow = Flow.of(sources, users, format, columns, bad, progress)
        added = store.admit_feedback(flow.entries(), flow.details)
    report = flow.report
    report.inserted, report.duplicates = added.inserted, added.duplicates
    report.repeated = added.repeated
    report.users = sorted(flow.seen)
    report.warnings = flow.warnings()
    return report


def check_sources(sources: Sequence[str]) -> None:
    """Refuse sources that cannot be read together.

    Raises:
        UsageError: there is none, or standard input is named twice.
    """
    if not sources:
        raise UsageError("nothing to ingest: name a file, or - for standard input")
    if list(sources).count("-") > 1:
        raise UsageError("standard input (-) can be read once, it is named more than once")


@dataclass(slots=True)
class Flow:
    """One pass over all rows of all sources, and what it counted."""

    sources: Sequence[str]
    users: Users
    format: Format | None
    bad: BadRows
    progress: Progress | None
    report: IngestReport = field(default_factory=IngestReport)
    seen: set[str] = field(default_factory=set)
    names: dict[str, None] = field(default_factory=dict)
    silent: int = 0
    notes: list[str] = field(default_factory=list)
    empty: int = 0
    first_empty: str = ""

    @classmethod
    def of(
        cls,
        sources: Sequence[str],
        users: Users,
        format: str | None,
        columns: Columns | None,
        bad: BadRows,
        progress: Progress | None,
    ) -> Flow:
        """A pass in the format that was asked for; without one, each file's is found.

        Raises:
            UsageError: there is no such format, or it is asked for in two ways.
        """
        chosen, said = (None if format is None else by_name(format)), ""
        if columns is not None and columns.named:
            if format is not None:
                raise UsageError("--format and --prompt-field exclude each other: give one of them")
            chosen, said = format_of_table(columns, sources)
        flow = cls(sources, users, chosen, bad, progress)
        flow.notes.extend([said] if said else [])
        return flow

    def entries(self) -> Iterator[Entry]:
        """The good judgements of all sources; raises at the end if there was a bad row."""
        exports = {one: found for one in self.sources if (found := export_at(one))}
        for source, export in exports.items():
            with closing(export.read(Path(source))) as rows:
                yield from self._of_file(source_name(source), rows)
        plain = [one for one in self.sources if one not in exports]
        for source in expand(plain, self.notes.append) if plain else ():
            yield from self._of_source(source)
        self._tell()
        # Before the store's transaction: a row is never both left out and lost.
        self.bad.settle(self.report.read)

    def details(self) -> dict[str, Any]:
        """What the catalog notes about this ingest."""
        report = self.report
        return {
            "sources": list(self.names),
            "formats": report.formats,
            "read": report.read,
            "ties": report.ties,
            "rejected": report.rejected,
        }

    def warnings(self) -> list[str]:
        """What a person should know about the rows."""
        report, said = self.report, list(self.notes)
        if self.empty:
            have = _count(self.empty, "judgement has", "judgements have")
            said.append(f"{have} an empty answer, the first in {self.first_empty}")
        if report.ties:
            said.append(
                f"{_count(report.ties, 'pair has', 'pairs have')} two identical answers, "
                "which say nothing: not stored"
            )
        if self.silent:
            said.append(f"{_count(self.silent, 'row holds', 'rows hold')} no judgement")
        if report.rejected:
            said.append(f"{_count(report.rejected, 'bad row was', 'bad rows were')} left out")
        return said

    def _of_source(self, source: str) -> Iterator[Entry]:
        with closing(read_files(source, self.notes.append)) as files:
            for name, rows in files:
                yield from self._of_file(name, rows)

    def _of_file(self, name: str, rows: Iterator[Row]) -> Iterator[Entry]:
        for row in rows:
            if row.value is None:
                self._of_row(row, None, name)
                continue
            early = [row, *itertools.islice(rows, _VOTERS - 1)]
            found = self._format_of(early, name)
            columns, faults = SoughtColumns(self._named(found)), len(self.bad.faults)
            for following in itertools.chain(early, rows):
                yield from self._of_row(following, found, name, columns)
            if fault := columns.fault():
                raise DataError(f"{name}: {fault}", self.bad.faults[:faults])

    def _format_of(self, early: Sequence[Row], name: str) -> Format:
        found = self.format
        if found is None:
            try:
                found = detect([row.value for row in early if row.value is not None])
            except DataError as error:
                raise DataError(f"{name}: {error.message}", self.bad.faults) from error
        if not (self.users.in_every_format or found.users):
            raise UsageError(
                "whose feedback is it? give --user NAME, --user-field FIELD, "
                r"or --user-pattern 'votes-(?P<user>[^.]+)\.jsonl'"
            )
        if found.name not in self.report.formats:
            self.report.formats.append(found.name)
        if found.note and found.note not in self.notes:
            self.notes.append(found.note)
        return found

    def _named(self, found: Format) -> dict[str, str]:
        """The columns that a file must have in some row, by the flags that name them."""
        if self.users.field is None or self.bad.skip:
            return dict(found.columns)
        return {**found.columns, "--user-field": self.users.field}

    def _of_row(
        self, row: Row, found: Format | None, name: str, columns: SoughtColumns | None = None
    ) -> list[Entry]:
        self.report.read += 1
        if self.report.read % _PROGRESS_EVERY == 0:
            self._tell()
        said: list[tuple[Feedback, str, Origin | None]] = []
        try:
            if row.value is None or found is None:
                raise DataError(row.problem or "cannot be read")
            for part in found.parts(row.value):
                if columns is not None:
                    columns.see(part)
                came_as, user = self.users.names(part, name, found.users)
                origin = None if found.origin is None else found.origin(part)
                kept_name = self.users.hide(name, came_as)
                if origin is not None:
                    origin = replace(origin, source=self.users.hide(origin.source, came_as))
                said += [(judgement, kept_name, origin) for judgement in found.parse(part, user)]
        except DataError as error:
            self.bad.add(row, f"{name}:{row.line}: {error.message}")
            self.report.rejected += self.bad.skip
            return []
        self.silent += not said
        entries: list[Entry] = []
        for judgement, kept_name, origin in said:
            if judgement.says_nothing:
                self.report.ties += 1
                continue
            if not all(map(str.strip, judgement.responses)):
                self.first_empty = self.first_empty or f"{name}:{row.line}"
                self.empty += 1
            self.seen.add(judgement.user)
            self.names[kept_name] = None
            kept = judgement if judgement.annotator is None else self._as_kept(judgement)
            if origin is None:
                entries.append((kept, kept_name, row.line, None))
            else:
                entries.append((kept, origin.source, origin.line, origin.created))
        return entries

    def _as_kept(self, judgement: Feedback) -> Feedback:
        """The judgement with the annotator's own pseudonym, where these are wanted."""
        annotator = self.users.annotator(judgement.annotator)
        if annotator == judgement.annotator:
            return judgement
        return replace(judgement, annotator=None if annotator == judgement.user else annotator)

    def _tell(self) -> None:
        if self.progress:
            self.progress("reading feedback", self.report.read, None)


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
