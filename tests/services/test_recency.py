"""How much a judgement counts by its age."""

from __future__ import annotations

import pytest

from prefcli.errors import UsageError
from prefcli.feedback.records import Feedback, text_prompt
from prefcli.services.recency import check_half_life, recency_weights
from prefcli.store import StoredFeedback


def judged(time: str | None, created: str = "2026-03-01T00:00:00.000Z") -> StoredFeedback:
    feedback = Feedback("alice", "thumb", text_prompt("Why?"), ("So.",), 1.0, time=time)
    return StoredFeedback(1, feedback, "file", 1, created)


def test_after_a_half_life_a_judgement_counts_half() -> None:
    rows = [judged("2026-01-31"), judged("2026-02-10T00:00:00Z"), judged("2026-02-20T00:00:00Z")]
    assert recency_weights(rows, 10) == pytest.approx([0.25, 0.5, 1.0])


def test_without_a_half_life_all_count_alike() -> None:
    assert recency_weights([judged("1999-01-01"), judged(None)], None) == [1.0, 1.0]
    assert recency_weights([judged("1999-01-01"), judged(None)], 0) == [1.0, 1.0]
    assert recency_weights([], 3) == []


@pytest.mark.parametrize("time", ["1772323200", "1772323200000", "2026-03-01T00:00:00+00:00"])
def test_seconds_milliseconds_and_iso_are_the_same_moment(time: str) -> None:
    assert recency_weights([judged(time), judged("2026-03-01")], 1) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("time", [None, "", "yesterday", "nan", "1e400"])
def test_a_time_that_is_none_is_that_of_the_ingest(time: str | None) -> None:
    rows = [judged(time), judged("2026-03-02T00:00:00Z")]
    assert recency_weights(rows, 1) == pytest.approx([0.5, 1.0])


@pytest.mark.parametrize("days", [-0.5, -1.0, float("nan"), float("inf")])
def test_what_is_no_half_life_is_refused(days: float) -> None:
    with pytest.raises(UsageError, match="use a number of days, or 0 for none"):
        check_half_life(days)
