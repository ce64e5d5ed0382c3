"""Judgements of one user that contradict each other.

Somebody who once preferred a to b and once b to a, or liked and disliked one answer, may have
changed their mind or have slipped; the fit reads both and learns little from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import permutations
from typing import Generic, TypeVar

from prefcli.feedback.records import Feedback, prompt_to_json

Place = TypeVar("Place")


class Conflicts(Generic[Place]):
    """Finds contradictions among judgements that come one after the other.

    Memory: 16 bytes and a place for each thing that was said, not the texts.
    """

    def __init__(self) -> None:
        self._said: dict[bytes, Place] = {}

    def add(self, feedback: Feedback, place: Place) -> Place | None:
        """Remember a judgement; the place of an earlier one that says the opposite, or None.

        Args:
            feedback: The judgement.
            place: Where it stands, as it is to be given back.
        """
        opposed: Place | None = None
        for claim, opposite in _claims(feedback):
            opposed = opposed if opposed is not None else self._said.get(opposite)
            self._said.setdefault(claim, place)
        return opposed


def _claims(feedback: Feedback) -> Iterator[tuple[bytes, bytes]]:
    """What a judgement claims, and the opposite of it, as hashes."""
    about = (feedback.user, prompt_to_json(feedback.prompt))
    responses = feedback.responses
    if feedback.kind == "thumb":
        up, down = (_hash(*about, verdict, responses[0]) for verdict in ("up", "down"))
        yield (up, down) if feedback.value == 1 else (down, up)
    elif feedback.kind in ("pair", "edit") and feedback.value == 1:
        yield _over(about, responses[0], responses[1])
    elif feedback.ranks is not None:
        for (rank, better), (other, worse) in permutations(
            zip(feedback.ranks, responses, strict=True), 2
        ):
            if rank < other:
                yield _over(about, better, worse)


def _over(about: tuple[str, str], better: str, worse: str) -> tuple[bytes, bytes]:
    return _hash(*about, "over", better, worse), _hash(*about, "over", worse, better)


def _hash(*parts: str) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.digest()
