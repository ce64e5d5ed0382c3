"""The feedback of many users, read once, a block of users at a time.

A block is large enough that what is done for all of it together is done well, and small enough that
memory stays what it is however many users there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from prefcli.feedback.records import Feedback
from prefcli.store import Store, StoredFeedback

TOGETHER = 8192  # judgements of a block; somebody who gave more is a block alone


class Said(NamedTuple):
    """What one user said.

    Args:
        user: Their name.
        stored: Their judgements, in the order they came.
        judged: The same without where they came from.
    """

    user: str
    stored: list[StoredFeedback]
    judged: list[Feedback]


def read_in_blocks(store: Store, users: Iterable[str]) -> Iterator[list[Said]]:
    """The feedback of these users, in their order."""
    block: list[Said] = []
    size = 0
    for user in users:
        stored = list(store.feedback(user))
        block.append(Said(user, stored, [row.feedback for row in stored]))
        size += len(stored)
        if size >= TOGETHER:
            yield block
            block, size = [], 0
    if block:
        yield block
