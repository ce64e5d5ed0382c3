"""Numbers and names in sentences, for commands and services alike."""

from __future__ import annotations


def size(value: int | None) -> str:
    """A number of bytes."""
    if value is None:
        return "-"
    amount = float(value)
    for unit in ("B", "KB", "MB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} GB"


def some(names: list[str], most: int = 5) -> str:
    """The first few of many names."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
