"""Feedback leaves the catalog: whole, as training pairs, or as a table.

    prefcli   JSON lines that `ingest` reads back into the same judgements
    trl       preference pairs in TRL's conversational layout: pairs, edits, and what rankings order
    csv       one row per judgement, for a spreadsheet
    parquet   the same table, for data frames (needs pyarrow: the extra `tables`)

A file appears under its name only when it is whole.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice, permutations
from pathlib import Path
from typing import Any

from prefcli.errors import PrefcliError, UsageError
from prefcli.feedback.records import Feedback, Message, prompt_to_json
from prefcli.services.feedback import as_fields, checked
from prefcli.store import Selection, Store, StoredFeedback
from prefcli.store.text import storable, to_json

FORMATS = ("prefcli", "trl", "csv", "parquet")
COLUMNS = (
    "user",
    "kind",
    "prompt",
    "response",
    "other_response",
    "value",
    "strength",
    "low",
    "high",
    "responses",
    "ranks",
    "row_id",
    "time",
    "annotator",
    "reason",
    "source",
    "line",
    "created",
)
_NUMBERS = ("value", "strength", "low", "high")
_NOT_EXPORTED = ("id", "ingest")  # numbers of this catalog


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Args:
        judgements: Judgements that the file stands for.
        rows: Its rows.
        left_out: Judgements that the format cannot hold.
    """

    judgements: int
    rows: int
    left_out: int


def export_feedback(
    store: Store,
    format: str = "prefcli",
    output: Path | None = None,
    *,
    user: str | None = None,
    write: Callable[[str], None] | None = None,
) -> ExportReport:
    """Write judgements to a file, or piece by piece to `write`.

    Args:
        store: The open home.
        format: One of `FORMATS`.
        output: The file; overwritten when all is written.
        user: Only this user's.
        write: Takes the text where there is no `output`.

    Raises:
        UsageError: no such format, or parquet without a file, or without pyarrow.
        NotFoundError: the user has given none.
        PrefcliError: the file cannot be written.
    """
    if format not in FORMATS:
        raise UsageError(f"--format {format}: no such format; formats: {', '.join(FORMATS)}")
    if format == "parquet" and output is None:
        raise UsageError("--format parquet needs a file: add -o FILE")
    selection = checked(store, Selection(user=user))
    counted = _Counted(store.feedback(selection=selection))
    if format == "parquet":
        assert output is not None
        rows = _write_parquet(output, map(_flat, counted))
        return ExportReport(counted.judgements, rows, 0)
    lines = {"prefcli": _prefcli_lines, "trl": _trl_lines, "csv": _csv_lines}[format](counted)
    header = 1 if format == "csv" else 0
    rows = -header
    if output is None:
        assert write is not None
        for line in lines:
            write(line)
            rows += 1
    else:
        with _whole_file(output) as draft, draft.open("w", encoding="utf-8", newline="") as file:
            for line in lines:
                file.write(line)
                rows += 1
    return ExportReport(counted.judgements, rows, counted.left_out)


class _Counted:
    """Judgements as they are read, counted."""

    def __init__(self, rows: Iterable[StoredFeedback]) -> None:
        self._rows = rows
        self.judgements = 0
        self.left_out = 0

    def __iter__(self) -> Iterator[StoredFeedback]:
        for row in self._rows:
            self.judgements += 1
            yield row


def _prefcli_lines(counted: _Counted) -> Iterator[str]:
    for row in counted:
        found = as_fields(row).items()
        kept = {k: v for k, v in found if v is not None and k not in _NOT_EXPORTED}
        yield to_json(kept) + "\n"


def _trl_lines(counted: _Counted) -> Iterator[str]:
    for row in counted:
        feedback = row.feedback
        pairs = list(_preferences(feedback))
        counted.left_out += not pairs
        prompt = _messages(feedback.prompt)
        for chosen, rejected in pairs:
            answers = {
                name: _messages((Message("assistant", text),))
                for name, text in (("chosen", chosen), ("rejected", rejected))
            }
            yield to_json({"prompt": prompt, **answers}) + "\n"


def _preferences(feedback: Feedback) -> Iterator[tuple[str, str]]:
    """The (better, worse) answers that a judgement names."""
    if feedback.kind in ("pair", "edit") and feedback.value == 1:
        yield feedback.responses[0], feedback.responses[1]
    elif feedback.ranks is not None:
        ranked = zip(feedback.ranks, feedback.responses, strict=True)
        for (rank, better), (other, worse) in permutations(ranked, 2):
            if rank < other and better != worse:
                yield better, worse


def _csv_lines(counted: _Counted) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.DictWriter(line, COLUMNS)
    writer.writeheader()
    yield line.getvalue()
    for row in counted:
        line.seek(0)
        line.truncate()
        writer.writerow(_flat(row))
        yield line.getvalue()


def _flat(row: StoredFeedback) -> dict[str, Any]:
    """A judgement as the cells of one row: text, numbers and None."""
    found: Mapping[str, Any] = as_fields(row)
    feedback = row.feedback
    ranks = feedback.ranks
    order = sorted(zip(ranks, feedback.responses, strict=True)) if ranks else []
    cells = {name: found.get(name) for name in COLUMNS} | {
        "prompt": _prompt_text(feedback),
        "response": order[0][1] if order else feedback.responses[0],
        "other_response": feedback.responses[1] if feedback.kind in ("pair", "edit") else None,
        "responses": to_json(feedback.responses) if ranks else None,
        "ranks": None if ranks is None else to_json(ranks),
    }
    return {k: storable(v) if isinstance(v, str) else v for k, v in cells.items()}


def _prompt_text(feedback: Feedback) -> str:
    """The text of a single question; a conversation as JSON."""
    (first, *more) = feedback.prompt
    return first.content if first.role == "user" and not more else prompt_to_json(feedback.prompt)


def _messages(turns: Iterable[Message]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def _write_parquet(output: Path, rows: Iterable[dict[str, Any]]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError("parquet needs pyarrow: pip install 'prefcli[tables]'") from None
    types = {"line": pa.int64()} | dict.fromkeys(_NUMBERS, pa.float64())
    schema = pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])
    count = 0
    with _whole_file(output) as draft, pq.ParquetWriter(draft, schema) as writer:
        left = iter(rows)
        while batch := list(islice(left, 10_000)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


@contextmanager
def _whole_file(output: Path) -> Iterator[Path]:
    """A draft beside `output` that takes its place at the end, or goes.

    Raises:
        PrefcliError: it cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=output.absolute().parent, prefix=".prefcli-")
        os.close(descriptor)
        draft = Path(name)
        try:
            yield draft
            draft.replace(output)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
    except OSError as error:
        raise PrefcliError(f"-o {output}: cannot be written: {error.strerror}") from error
