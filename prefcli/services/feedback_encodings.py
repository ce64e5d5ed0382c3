"""Encodings of what users judged: from the cache, or computed now and kept.

Each answer is encoded once per space. Answers of many users are encoded together, in batches of
similar length.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from prefcli.feedback.records import Feedback, Prompt, encoding_key
from prefcli.services.bases import open_base, resolve_base
from prefcli.services.spaces import SpaceReference, open_space, reference_encodings
from prefcli.store import Encoding, Store

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.space import Space
    from prefcli.progress import Progress

FloatArray = npt.NDArray[np.float64]
PROBES = 32  # answers whose bits per byte are measured, per user


class FeedbackEncoder:
    """One space; its base is loaded when the first answer has to be encoded.

    Args:
        store: The open home.
        reference: The space.
        progress: Told how far encoding is.
        loaded: Base and space, where they are loaded already.
    """

    def __init__(
        self,
        store: Store,
        reference: SpaceReference,
        progress: Progress | None = None,
        loaded: tuple[Base, Space] | None = None,
    ) -> None:
        self.store = store
        self.reference = reference
        self.progress = progress
        self._loaded = loaded
        self._background: FloatArray | None = None

    def background(self) -> FloatArray:
        """Encodings (r, d) of the base's own answers."""
        if self._background is None:
            self._background = reference_encodings(self.reference)
        return self._background

    def cached(self, judged: Sequence[Feedback]) -> dict[bytes, Encoding]:
        """Those encodings of the answers in these judgements that are there, by key."""
        return self.store.encodings(self.reference.fingerprint, list(_answers(judged)))

    @staticmethod
    def own(
        judged: Sequence[Feedback], encodings: Mapping[bytes, Encoding]
    ) -> dict[bytes, Encoding]:
        """Those of these encodings that are of the answers in these judgements."""
        return {key: encodings[key] for key in _answers(judged)}

    def encode(self, judged: Sequence[Sequence[Feedback]]) -> dict[bytes, Encoding]:
        """Encodings of every answer in judgements, those that are new committed batch by batch.

        Args:
            judged: The judgements of each user.
        """
        answers = [_answers(each) for each in judged]
        texts = {key: answer for each in answers for key, answer in each.items()}
        found = self.store.encodings(self.reference.fingerprint, texts.keys())
        probes: set[bytes] = set()
        for each in answers:
            new = [key for key in each if key not in found]
            probes.update(new[:: max(1, len(new) // PROBES)])
        missing = {key: answer for key, answer in texts.items() if key not in found}
        return found | self._encode(missing, probes)

    def keep(self, answers: Sequence[tuple[Prompt, str]]) -> None:
        """Encode answers that nobody has judged yet, so that a fit will find them."""
        texts = {encoding_key(*answer): answer for answer in answers}
        found = self.store.encodings(self.reference.fingerprint, texts.keys())
        missing = {key: answer for key, answer in texts.items() if key not in found}
        self._encode(missing, missing.keys())

    def _encode(
        self, texts: Mapping[bytes, tuple[Prompt, str]], probes: Collection[bytes]
    ) -> dict[bytes, Encoding]:
        """Encodings of answers that are not there, with the bits per byte of those in `probes`."""
        found: dict[bytes, Encoding] = {}
        if not texts:
            return found
        base, space = self.models()
        missing = list(texts)
        done = 0
        for batch in space.encode(base, [texts[key] for key in missing]):
            probed = [key for index, _ in batch if (key := missing[index]) in probes]
            measured = space.bits_per_byte(base, [texts[key] for key in probed])
            bits = dict(zip(probed, measured, strict=True))
            fresh = {
                (key := missing[index]): Encoding(
                    encoded.mean.astype("<f4").tobytes(),
                    encoded.log_var.astype("<f4").tobytes(),
                    bits.get(key),
                    encoded.truncated,
                )
                for index, encoded in batch
            }
            self.store.add_encodings(self.reference.fingerprint, fresh)
            found.update(fresh)
            done += len(batch)
            if self.progress:
                self.progress("encoding answers", done, len(missing))
        return found

    def models(self) -> tuple[Base, Space]:
        """Base and space, loaded when they are first asked for."""
        if self._loaded is None:
            base = open_base(resolve_base(self.store, self.reference.base), self.progress)
            space = open_space(self.reference)
            space.attach(base)
            self._loaded = base, space
        return self._loaded


def _answers(judged: Sequence[Feedback]) -> dict[bytes, tuple[Prompt, str]]:
    return {
        encoding_key(row.prompt, response): (row.prompt, response)
        for row in judged
        for response in row.responses
    }
