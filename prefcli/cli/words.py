"""How numbers and times read in tables for people."""

from __future__ import annotations

from typing import Any

from prefcli.wording import size, some

__all__ = [
    "accuracy",
    "count",
    "decimal",
    "moment",
    "name",
    "seconds",
    "size",
    "some",
    "text",
]


def name(value: Any) -> str:
    """Any value, with a dash where there is none."""
    return "-" if value is None else str(value)


def accuracy(value: float | None) -> str:
    """A share with two digits."""
    return "-" if value is None else f"{value:.2f}"


def decimal(value: float | None) -> str:
    """A number with one digit after the point."""
    return "-" if value is None else f"{value:.1f}"


def seconds(value: float | None) -> str:
    """A duration."""
    if value is None:
        return "-"
    return f"{value * 1000:.2g} ms" if value < 0.0995 else f"{value:.2f} s"


def moment(value: str | None) -> str:
    """An ISO 8601 time, to the minute."""
    return "-" if value is None else value[:16].replace("T", " ")


def count(number: int, what: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def text(value: Any) -> str:
    """A prompt: text, or the last turn of a conversation."""
    if isinstance(value, list) and value:
        last = value[-1]
        return str(last.get("content", "") if isinstance(last, dict) else last)
    return name(value)


def first(values: list[str] | None) -> str:
    """The first of some texts: of a pair, the chosen answer."""
    return values[0] if values else "-"


def brief(value: str, most: int = 64) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(value.split())
    return line if len(line) <= most else line[: most - 3].rstrip() + "..."


def judgement(row: dict[str, Any]) -> str:
    """What a judgement says: `up`, `tie`, `4 of 5`, `2>1=3`."""
    kind, value = row["kind"], row["value"]
    if kind == "pair":
        strength = row["strength"]
        by = "" if strength is None else f" by {strength:g}" + _end(row["high"])
        return "tie" if value == 0.5 else f"first{by}"
    if kind == "thumb":
        return "up" if value == 1 else "down"
    if kind == "rating":
        return f"{value:g}{_end(row['high'])}"
    if kind == "ranking":
        return order(row["ranks"])
    return "better" if kind == "edit" else "good"


def order(ranks: list[int]) -> str:
    """A ranking as the numbers of its answers, the best first: `2>1=3`."""
    places: dict[int, list[str]] = {}
    for number, rank in enumerate(ranks, start=1):
        places.setdefault(rank, []).append(str(number))
    return ">".join("=".join(places[rank]) for rank in sorted(places))


def _end(high: float | None) -> str:
    return "" if high is None else f" of {high:g}"
