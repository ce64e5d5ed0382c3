"""Answers to choose questions from: sampled along z, or generated before, and where they lie.

Half of what is sampled are plain samples of the base; the other half stand under points of the
space's stored prior, which differ in taste more often than two plain samples do. All are encoded
once, with the base's lower layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from prefcli.feedback.records import Prompt, encoding_key
from prefcli.store import Encoding

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.space import Space
    from prefcli.progress import Progress

FloatArray = npt.NDArray[np.float64]

ROWS = 64  # sampled at once


@dataclass(frozen=True)
class Candidate:
    """One answer that somebody may be asked about.

    Args:
        prompt, response: What was asked, what was answered.
        plain: Whether the base alone gave it.
        encoding: Where it lies in the space.
    """

    prompt: Prompt
    response: str
    plain: bool
    encoding: Encoding


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every two different answers to one prompt, as rows.

    Args:
        answers: The answers that the rows are about.
        index: (c, 2) which two answers a row compares.
        prompt: (c,) number of the row's prompt.
        plain: (c,) whether the base alone gave both.
        points: (len(answers), d) posterior means.
    """

    answers: Sequence[Candidate]
    index: npt.NDArray[np.intp]
    prompt: npt.NDArray[np.intp]
    plain: npt.NDArray[np.bool_]
    points: FloatArray

    @classmethod
    def of(cls, answers: Sequence[Candidate], size: int) -> Pairs:
        """The pairs of these answers, which are all different.

        Args:
            size: Number of latent dimensions d.
        """
        groups: dict[Prompt, list[int]] = {}
        for number, answer in enumerate(answers):
            groups.setdefault(answer.prompt, []).append(number)
        rows = [
            (place, *pair)
            for place, group in enumerate(groups.values())
            for pair in combinations(group, 2)
        ]
        table = np.array(rows, dtype=np.intp).reshape(len(rows), 3)
        plain = np.array([answer.plain for answer in answers], dtype=bool)
        means = b"".join(answer.encoding.mean for answer in answers)
        points = np.frombuffer(means, dtype="<f4").astype(np.float64).reshape(-1, size)
        index = table[:, 1:]
        both = plain[index[:, 0]] & plain[index[:, 1]]
        return cls(answers, index, table[:, 0], both, points)


def sample_answers(
    base: Base,
    space: Space,
    prompts: Sequence[Prompt],
    *,
    count: int,
    seed: int,
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    progress: Progress | None = None,
) -> list[tuple[Prompt, str, bool]]:
    """`count` answers to each prompt: half of the base alone, half under z of the stored prior.

    Returns:
        (prompt, answer, whether the base alone gave it), in the order of the prompts.
    """
    from prefcli.decoding import sample

    room = base.context - max(16, base.context // 4)
    rng = np.random.default_rng(seed)
    prior = space.prior.mean.cpu().numpy()
    plain = (count + 1) // 2
    jobs = [
        (prompt, None if number < plain else prior[rng.integers(len(prior))])
        for prompt in prompts
        for number in range(count)
    ]
    seeds = rng.integers(2**48, size=len(jobs)).tolist()
    ids = {prompt: base.prompt_ids(prompt, room) for prompt in prompts}
    order = sorted(range(len(jobs)), key=lambda i: len(ids[jobs[i][0]]))  # alike ones together
    texts: dict[int, str] = {}
    base.moves_with(space.lora_name)
    for under_prefix in (False, True):  # a base that moves answers those without a prefix apart
        part = [i for i in order if (jobs[i][1] is not None) is under_prefix]
        for start in range(0, len(part), ROWS):
            rows = part[start : start + ROWS]
            points = [z for i in rows if (z := jobs[i][1]) is not None]
            answers = sample(
                base,
                [ids[jobs[i][0]] for i in rows],
                seeds=[seeds[i] for i in rows],
                prefixes=[space.prefix(base, z) for z in points] or None,
                max_new_tokens=max_new_tokens,
                temperature=temperature,
                top_p=top_p,
            )
            texts.update(zip(rows, answers, strict=True))
            if progress:
                progress("sampling answers", len(texts), len(jobs))
    return [(prompt, texts[i], z is None) for i, (prompt, z) in enumerate(jobs)]


def encode_answers(
    base: Base,
    space: Space,
    answers: Sequence[tuple[Prompt, str]],
    progress: Progress | None = None,
) -> dict[bytes, Encoding]:
    """The encodings of different answers, by `encoding_key`."""
    found: dict[bytes, Encoding] = {}
    for batch in space.encode(base, answers):
        for index, encoded in batch:
            found[encoding_key(*answers[index])] = Encoding(
                encoded.mean.astype("<f4").tobytes(),
                encoded.log_var.astype("<f4").tobytes(),
                None,
                encoded.truncated,
            )
        if progress:
            progress("encoding answers", len(found), len(answers))
    return found
