"""Files of pairs, and what the catalog holds of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prefcli.feedback.records import Feedback
from prefcli.services.ingest import IngestReport
from prefcli.store import Store

PAIR = {"prompt": "What is the sky?", "chosen": "Blue.", "rejected": "Green."}


def pair(number: int, **more: Any) -> dict[str, Any]:
    return {**PAIR, "prompt": f"question {number}", **more}


def write(path: Path, rows: Iterable[Any]) -> str:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return str(path)


def stored(store: Store) -> list[Feedback]:
    return [row.feedback for row in store.feedback()]


def balanced(report: IngestReport) -> bool:
    return report.read == report.inserted + report.duplicates + report.ties + report.rejected
