"""What an app exports as a whole: files that belong together, or a database.

A container gives the rows of one file, one by one. Here a row is put together out of several
files or tables; what comes out are rows like any other, and a format reads them.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from prefcli.feedback.exports import chatgpt, llm_logs
from prefcli.feedback.exports.definition import Export

__all__ = ["EXPORTS", "Export", "export_at"]

EXPORTS: tuple[Export, ...] = (chatgpt.EXPORT, llm_logs.EXPORT)


def export_at(source: str) -> Export | None:
    """The app's export that a path holds, or None if it holds none or cannot be looked at.

    A pipe is not looked at: it can be read once.
    """
    if source == "-" or "\0" in source:
        return None
    path = Path(source)
    for one in EXPORTS:
        try:
            if (path.is_file() or path.is_dir()) and one.matches(path):
                return one
        except (OSError, zipfile.BadZipFile):
            continue
    return None
