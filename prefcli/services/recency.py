"""How much a judgement counts by its age.

Tastes change. With a half-life of 90 days, what was said 90 days before the newest judgement counts
half, 180 days before a quarter. A row's own time is taken where it has one that can be read
(ISO 8601, or seconds or milliseconds since 1970), else the moment it was ingested.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from prefcli.errors import UsageError
from prefcli.store import StoredFeedback

_DAY = 86400.0
_MILLISECONDS = 1e11  # a number of seconds beyond this would lie after the year 5000


def check_half_life(days: float | None) -> None:
    """Refuse what is no half-life.

    Raises:
        UsageError: it is not a finite number, 0 or more.
    """
    if days is not None and not (math.isfinite(days) and days >= 0):
        raise UsageError(f"--half-life {days:g}: use a number of days, or 0 for none")


def recency_weights(judged: Sequence[StoredFeedback], half_life: float | None) -> list[float]:
    """How much each judgement counts, the newest 1.

    Args:
        judged: One user's judgements.
        half_life: Days; 0 or None lets all count alike.
    """
    if not half_life or not judged:
        return [1.0] * len(judged)
    moments = [_moment(row) for row in judged]
    newest = max(moments)
    return [0.5 ** ((newest - moment) / (half_life * _DAY)) for moment in moments]


def _moment(row: StoredFeedback) -> float:
    """Seconds since 1970."""
    found = _seconds(row.feedback.time) if row.feedback.time else None
    if found is None:
        found = _seconds(row.created)
    return found or 0.0


def _seconds(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    if not math.isfinite(number):
        return None
    return number / 1000 if abs(number) > _MILLISECONDS else number
