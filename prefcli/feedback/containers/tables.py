"""Rows of Parquet and Arrow files, by pyarrow, some hundred at a time."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prefcli.errors import DataError, PrefcliError
from prefcli.feedback.containers.rows import Row, cell

_ROWS_AT_ONCE = 256


def table_rows(path: Path, kind: str, name: str) -> Iterator[Row]:
    """The rows of a columnar file.

    Args:
        path: The file.
        kind: `parquet`, `arrow` (Feather 2 is the same) or `arrow stream`.
        name: What it is called.

    Raises:
        PrefcliError: pyarrow is not installed.
        DataError: the file is cut off or damaged.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise PrefcliError(
            f"{name}: is a table of {'Parquet' if kind == 'parquet' else 'Arrow'}; reading it "
            "needs the package pyarrow (the extra 'tables' of prefcli)"
        ) from error
    number = 1  # the header's
    try:
        for batch in _batches(path, kind):
            batch.validate(full=True)
            names = batch.schema.names
            twice = sorted({one for one in names if names.count(one) > 1})
            if twice:
                raise DataError(f"{name}: column {twice[0]!r} occurs twice")
            for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
                for fields in batch.slice(start, _ROWS_AT_ONCE).to_pylist():
                    number += 1
                    yield _row(number, fields)
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # pyarrow's own, of damage, have no number
        where = f"after row {number}" if number > 1 else "from its start"
        raise DataError(f"{name}: the {kind} data is cut off or damaged {where}") from error


def _batches(path: Path, kind: str) -> Iterator[Any]:
    import pyarrow
    from pyarrow import parquet

    if kind == "parquet":
        # Through a buffer and not ahead: a row group may hold a gigabyte.
        with parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
            yield from file.iter_batches(batch_size=_ROWS_AT_ONCE, use_threads=False)
        return
    # Read and not mapped, and every batch looked through: Arrow believes the offsets that a file
    # states, and a wrong one would end the process instead of the reading.
    with pyarrow.OSFile(str(path)) as source:
        if kind == "arrow":
            reader = pyarrow.ipc.open_file(source)
            yield from (reader.get_batch(index) for index in range(reader.num_record_batches))
        else:
            yield from pyarrow.ipc.open_stream(source)


def _row(number: int, fields: dict[str, Any]) -> Row:
    try:
        value = {name: _plain(one) for name, one in fields.items()}
    except UnicodeDecodeError:
        raw = json.dumps(fields, default=repr)
        return Row(number, None, raw, "a cell holds bytes that are not UTF-8 text")
    return Row(number, value, json.dumps(value, ensure_ascii=False))


def _plain(value: Any) -> Any:
    """A cell as JSON has it: times as ISO 8601 text, a missing number as null."""
    if isinstance(value, str):
        return cell(value)
    if isinstance(value, bytes):
        return cell(value.decode())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    return value if isinstance(value, int | float | None) else str(value)
