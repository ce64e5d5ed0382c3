"""A preview of an ingest: what the files hold, as prefcli understands it. Nothing is changed."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from prefcli.feedback.conflicts import Conflicts
from prefcli.feedback.formats.table import Columns
from prefcli.feedback.records import Feedback
from prefcli.progress import Progress
from prefcli.services.bad_rows import BadRows
from prefcli.services.feedback import as_fields
from prefcli.services.ingest import Entry, Flow, check_sources
from prefcli.services.pseudonyms import pseudonym, pseudonym_key
from prefcli.services.users import Users
from prefcli.store import StoredFeedback

if TYPE_CHECKING:
    from prefcli.store import Store

SAMPLES = 3
_BATCH = 1000
# Where a sample row stands and what it is; the rest of a stored row's fields is the catalog's.
_NOT_YET = ("id", "created", "ingest")


@dataclass(slots=True)
class Preview:
    """What an ingest would read.

    Args:
        read: Rows, good or bad.
        inserted: Judgements that would be new.
        duplicates: Judgements that the catalog, or an earlier row, has already.
        repeated: Of the duplicates, those that would be new and that an earlier row has.
        ties: Answers that are all the same text: counted, never stored.
        rejected: Bad rows that would be left out (with `skip_bad`).
        formats: The formats found.
        users: How many judgements each user has.
        kinds: How many judgements there are of each kind.
        equal: Pairs and rankings that hold a tie.
        conflicts: Judgements that contradict an earlier one of the same user, catalog included.
        first_conflict: Where the first of them stands.
        empty: Judgements with an empty answer.
        prompt_words, answer_words: `median` and `max`.
        samples: The first judgements, with every field.
        warnings: What a person should know.
    """

    read: int = 0
    inserted: int = 0
    duplicates: int = 0
    repeated: int = 0
    ties: int = 0
    rejected: int = 0
    formats: list[str] = field(default_factory=list)
    users: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    equal: int = 0
    conflicts: int = 0
    first_conflict: str | None = None
    empty: int = 0
    prompt_words: dict[str, int] = field(default_factory=dict)
    answer_words: dict[str, int] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The preview as JSON-ready fields."""
        return dataclasses.asdict(self)


def preview(
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
    progress: Progress | None = None,
) -> Preview:
    """Read files as `ingest` would, and tell what is in them.

    Args:
        store: The open catalog, which is only read.
        sources, user, user_field, user_pattern, map_user, pseudonymize, format, columns,
        skip_bad, progress: As `ingest` takes them.

    Raises:
        As `ingest`.
    """
    check_sources(sources)
    users = Users(user, user_field, user_pattern, map_user or {})
    if pseudonymize:
        users = replace(users, pseudonym=partial(pseudonym, pseudonym_key(store.home, make=False)))
    flow = Flow.of(sources, users, format, columns, BadRows(skip_bad), progress)
    seen = _Seen(store)
    batch: list[Entry] = []
    for entry in flow.entries():
        batch.append(entry)
        if len(batch) == _BATCH:
            seen.add(batch)
            batch = []
    seen.add(batch)
    return seen.preview(flow)


class _Seen:
    """What has been counted so far."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: set[bytes] = set()
        self._conflicts: Conflicts[str] = Conflicts()
        self._users: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._prompts: Counter[int] = Counter()
        self._answers: Counter[int] = Counter()
        self._found = Preview()

    def add(self, batch: Sequence[Entry]) -> None:
        """Count some judgements."""
        known = self._store.known_keys([feedback.key for feedback, *_ in batch])
        for feedback, source, line, _ in batch:
            self._count(feedback, source, line, feedback.key in known)

    def _count(self, feedback: Feedback, source: str, line: int, known: bool) -> None:
        found = self._found
        if feedback.user not in self._users:
            for row in self._store.feedback(feedback.user):
                self._conflicts.add(row.feedback, f"the catalog (id {row.id})")
        self._users[feedback.user] += 1
        self._kinds[feedback.kind] += 1
        self._prompts[_words(*(turn.content for turn in feedback.prompt))] += 1
        for response in feedback.responses:
            self._answers[_words(response)] += 1
        found.empty += not all(response.strip() for response in feedback.responses)
        tied = feedback.ranks is not None and len(set(feedback.ranks)) < len(feedback.ranks)
        found.equal += tied or (feedback.kind == "pair" and feedback.value == 0.5)
        if len(found.samples) < SAMPLES:
            fields = as_fields(StoredFeedback(0, feedback, source, line, ""))
            found.samples.append({k: v for k, v in fields.items() if k not in _NOT_YET})
        repeated = not known and feedback.key in self._keys
        if known or repeated:
            found.duplicates += 1
            found.repeated += repeated
            return
        self._keys.add(feedback.key)
        found.inserted += 1
        opposed = self._conflicts.add(feedback, f"{source}:{line}")
        if opposed is not None:
            found.conflicts += 1
            found.first_conflict = found.first_conflict or f"{source}:{line} contradicts {opposed}"

    def preview(self, flow: Flow) -> Preview:
        """All that was counted."""
        report = flow.report
        return replace(
            self._found,
            read=report.read,
            ties=report.ties,
            rejected=report.rejected,
            formats=report.formats,
            users=dict(sorted(self._users.items())),
            kinds=dict(self._kinds),
            prompt_words=_median_and_max(self._prompts),
            answer_words=_median_and_max(self._answers),
            warnings=flow.warnings(),
        )


def _words(*texts: str) -> int:
    return sum(len(text.split()) for text in texts)


def _median_and_max(lengths: Counter[int]) -> dict[str, int]:
    """The middle length (of two, the shorter) and the longest."""
    if not lengths:
        return {"median": 0, "max": 0}
    left = (lengths.total() + 1) // 2
    for length in sorted(lengths):
        left -= lengths[length]
        if left <= 0:
            return {"median": length, "max": max(lengths)}
    raise AssertionError("the counts sum to the total")
