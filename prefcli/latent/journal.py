"""Sampled answers on disk as they come, so that an interrupted sampling goes on where it stopped.

One JSON line per batch. A line that a killed process left unfinished is simply not there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Journal:
    """The batches of one sampling.

    Args:
        directory: Where the files lie; it is there.
        name: Of the sampling within the directory.
    """

    directory: Path
    name: str

    @property
    def path(self) -> Path:
        """The file."""
        return self.directory / f"{self.name}.jsonl"

    def read(self) -> dict[int, list[str]]:
        """Every whole batch: the number of its first row, and its texts."""
        found: dict[int, list[str]] = {}
        if not self.path.exists():
            return found
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                start, texts = json.loads(line)
                found[int(start)] = [str(text) for text in texts]
            except (ValueError, TypeError):  # cut off by a kill, or by a full disk
                continue
        return found

    def write(self, start: int, texts: list[str]) -> None:
        """Add a batch; its line begins anew even after one that was cut off."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps([start, texts])}\n")
