"""Judgements made from a row: one function per kind, the same for every format.

Every row may carry its own identity:
    id      the first of `id`, `row_id`, `uuid` that holds text or a whole number
    time    the first of `timestamp`, `created_at`, `time` that holds text or a number
and may say why:
    reason  the first of `reason`, `rationale`, `comment` that holds text
An absent, empty or otherwise shaped one is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prefcli.feedback.records import Feedback, Prompt

Fields = Mapping[str, Any]

ID_FIELDS = ("id", "row_id", "uuid")
TIME_FIELDS = ("timestamp", "created_at", "time")
REASON_FIELDS = ("reason", "rationale", "comment")
_OWN_FIELDS = frozenset((*ID_FIELDS, *TIME_FIELDS, *REASON_FIELDS))

Scale = tuple[float | None, float | None]
UNKNOWN_SCALE: Scale = (None, None)


def pair(
    row: Fields,
    user: str,
    prompt: Prompt,
    chosen: str,
    rejected: str,
    *,
    tie: bool = False,
    strength: float | None = None,
    scale: Scale = UNKNOWN_SCALE,
    annotator: str | None = None,
) -> Feedback:
    """The judgement that `chosen` is better than `rejected`, or as good.

    Args:
        tie: Neither is better.
        strength: By how much it is better, as the row says it.
        scale: The lowest and highest value of `strength`.
        annotator: Who judged; the user themself is not noted.
    """
    low, high = scale if strength is not None else UNKNOWN_SCALE
    return Feedback(
        user,
        "pair",
        prompt,
        (chosen, rejected),
        0.5 if tie else 1.0,
        strength=strength,
        low=low,
        high=high,
        **_identity(row, user, annotator),
    )


def thumb(
    row: Fields,
    user: str,
    prompt: Prompt,
    response: str,
    value: float,
    *,
    annotator: str | None = None,
) -> Feedback:
    """The judgement that `response` is good (1.0) or bad (0.0)."""
    return Feedback(user, "thumb", prompt, (response,), value, **_identity(row, user, annotator))


def rating(
    row: Fields,
    user: str,
    prompt: Prompt,
    response: str,
    score: float,
    *,
    scale: Scale = UNKNOWN_SCALE,
    annotator: str | None = None,
) -> Feedback:
    """The judgement that `response` deserves `score`; higher is better.

    Args:
        scale: The lowest and highest score that could have been given, each None if not known.
    """
    low, high = scale
    said = _identity(row, user, annotator)
    return Feedback(user, "rating", prompt, (response,), score, low=low, high=high, **said)


def ranking(
    row: Fields,
    user: str,
    prompt: Prompt,
    responses: Sequence[str],
    ranks: Sequence[float],
    *,
    annotator: str | None = None,
) -> Feedback:
    """The judgement that orders several answers.

    Args:
        ranks: Of each answer, lower is better and equal is a tie; any numbers, of which only
            the order counts.
    """
    order = {rank: place for place, rank in enumerate(sorted(set(ranks)), start=1)}
    return Feedback(
        user,
        "ranking",
        prompt,
        tuple(responses),
        ranks=tuple(order[rank] for rank in ranks),
        **_identity(row, user, annotator),
    )


def edit(
    row: Fields,
    user: str,
    prompt: Prompt,
    original: str,
    edited: str,
    *,
    annotator: str | None = None,
) -> Feedback:
    """The judgement of someone who made `edited` out of `original`."""
    said = _identity(row, user, annotator)
    return Feedback(user, "edit", prompt, (edited, original), **said)


def demonstration(
    row: Fields, user: str, prompt: Prompt, response: str, *, annotator: str | None = None
) -> Feedback:
    """The judgement of someone who wrote or chose `response` as a good answer."""
    said = _identity(row, user, annotator)
    return Feedback(user, "demonstration", prompt, (response,), **said)


def _identity(row: Fields, user: str, annotator: str | None) -> dict[str, Any]:
    if annotator is None and row.keys().isdisjoint(_OWN_FIELDS):  # as in most files
        return {}
    return {
        "row_id": _first(row, ID_FIELDS, (str, int)),
        "time": _first(row, TIME_FIELDS, (str, int, float)),
        "annotator": _clean(annotator) if annotator and annotator != user else None,
        "reason": _first(row, REASON_FIELDS, (str,)),
    }


def _first(row: Fields, names: Sequence[str], types: tuple[type, ...]) -> str | None:
    for name in names:
        value = row.get(name)
        if isinstance(value, types) and not isinstance(value, bool) and value != "":
            return _clean(str(value))
    return None


def _clean(text: str) -> str:
    """Text that the catalog gives back as it was: half a character becomes an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
