"""What is done, a line each, so that a rerun goes on where the last one stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Records:
    """A JSONL file that grows by whole lines; a half-written last one is dropped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    self.rows.append(json.loads(line))
                except ValueError:
                    continue
        path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, row: dict[str, Any]) -> None:
        """Write one row."""
        self.rows.append(row)
        whole = not self.path.exists() or self.path.read_bytes()[-1:] in (b"", b"\n")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("" if whole else "\n") + json.dumps(row, ensure_ascii=False) + "\n")
