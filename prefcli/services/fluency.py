"""How texts read, without a judge: what they cost the base, how much they repeat, what is broken.

- Cost: nats per token under the base without a prefix, against the base's own answers to the same
  prompts. A rare style alone costs a little more, the more so in short answers; text that comes
  apart costs a lot more.
- Distinct pairs of words (distinct-2, Li et al. 2016): different ones among all, over all answers
  of a side together, so that a side that always says the same is seen. Longer texts repeat more, so
  each answer counts up to the length of the shorter one of its pair.
- Broken: empty, without a word, with characters that no text has, or going in circles.
- Unfinished: as long as it was allowed to be, with no end mark.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from prefcli.feedback.records import Prompt
from prefcli.latent.intervals import bootstrap
from prefcli.latent.surface import words

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.progress import Progress

ROWS = 8  # scored at once: logits of a large vocabulary are what takes memory
LONGEST_CIRCLE = 12  # words
TIMES, TIMES_LONG = 4, 3  # repeats in a row that make a circle, of one or two words, and of more
TIMES_SENTENCE = 3  # the same sentence anywhere
# Characters that stand for what could not be decoded, and controls but tab and line ends.
_DAMAGE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
_SENTENCE = re.compile(r"[.!?…。！？\n]+")


def measure(
    base: Base,
    prompts: Sequence[Prompt],
    of_base: Sequence[str],
    of_profile: Sequence[str],
    *,
    room: int,
    max_new_tokens: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Figures of both sides.

    Args:
        prompts: (n,) what was answered; equal ones are one unit of the interval.
        of_base, of_profile: (n,) the answers.
        room: Tokens of a prompt that are read.
        max_new_tokens: Longest answer.

    Returns:
        `base` and `profile`: `nll` (nats per token), `distinct_2`, `broken`, `unfinished` (shares)
        and `words` (their mean); `nll_more`, by how much the profile's `nll` is above the base's,
        and its 90 % `nll_more_interval`, over prompts.
    """
    from prefcli.latent.likelihood import nll

    ids = {prompt: tuple(base.prompt_ids(prompt, room)) for prompt in prompts}
    texts = [*of_base, *of_profile]
    responses = [tuple(base.response_ids(text, max_new_tokens)[0]) for text in texts]
    pairs = [(ids[p], r) for p, r in zip([*prompts, *prompts], responses, strict=True)]
    cost = nll(base, pairs, batch_size=ROWS, what="scoring answers", progress=progress)
    size = len(prompts)
    tokens = np.array([len(response) for response in responses], dtype=np.float64)
    sums = np.stack([cost.double().numpy()[:size], tokens[:size],
                     cost.double().numpy()[size:], tokens[size:]], axis=1)  # fmt: skip
    units = list(dict.fromkeys(prompts))
    grouped = np.zeros((len(units), 4))
    np.add.at(grouped, [units.index(prompt) for prompt in prompts], sums)

    def more(each: Any) -> Any:
        return each[..., 2] / each[..., 3] - each[..., 0] / each[..., 1]

    low, high = bootstrap(lambda index: more(grouped[index].sum(1)), len(units), seed)
    stop = set(base.stop_ids)
    sides = {}
    pairs_of_words = distinct_2(of_base, of_profile)
    for place, (name, answers) in enumerate((("base", of_base), ("profile", of_profile))):
        own = slice(place * size, (place + 1) * size)
        sides[name] = {
            "nll": round(float(cost[own].double().sum() / tokens[own].sum()), 4),
            "distinct_2": round(pairs_of_words[place], 4),
            "broken": round(fmean(map(is_broken, answers)), 4),
            "unfinished": round(fmean(r[-1] not in stop for r in responses[own]), 4),
            "words": round(fmean(len(words(text)) for text in answers), 1),
        }
    return {
        **sides,
        "nll_more": round(float(more(grouped.sum(0))), 4),
        "nll_more_interval": [round(float(low), 4), round(float(high), 4)],
    }


def distinct_2(first: Sequence[str], second: Sequence[str]) -> tuple[float, float]:
    """Different pairs of words among all, on each side; pair for pair as many words count."""
    found: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
    for texts in zip(first, second, strict=True):
        both = [[word.casefold() for word in words(text)] for text in texts]
        least = min(map(len, both))
        for side, said in zip(found, both, strict=True):
            side.extend(pairwise(said[:least]))
    one, other = (len(set(side)) / len(side) if side else 0.0 for side in found)
    return one, other


def is_broken(text: str) -> bool:
    """Whether nobody would take this for an answer."""
    return not words(text) or _DAMAGE.search(text) is not None or goes_in_circles(text)


def goes_in_circles(text: str) -> bool:
    """Whether a text says the same words over and over in a row, or a sentence three times."""
    sentences = [tuple(w.casefold() for w in words(part)) for part in _SENTENCE.split(text)]
    long_ones = [sentence for sentence in sentences if len(sentence) > 2]
    if any(long_ones.count(sentence) >= TIMES_SENTENCE for sentence in set(long_ones)):
        return True
    said = [word.casefold() for word in words(text)]
    for length in range(1, LONGEST_CIRCLE + 1):
        times = TIMES if length < 3 else TIMES_LONG
        run = 0  # words in a row that are what stood `length` before
        for place in range(length, len(said)):
            run = run + 1 if said[place] == said[place - length] else 0
            if run >= length * (times - 1):
                return True
    return False
