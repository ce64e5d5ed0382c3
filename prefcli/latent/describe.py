"""What a direction of a space changes in the text, in words.

Along each direction the base answers the same prompts with the same random streams at both ends,
so that what differs is the direction's doing. What differs is counted (`surface`) and compared
with how much the base's own answers differ in it, and the words that either end prefers are found
by their log-odds with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, "Fightin'
Words", section 3.3.1).

Letters: N pairs of texts, F features, K directions.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from prefcli.latent.surface import BY_NAME, FEATURES, words

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.adapter import Adapter
    from prefcli.latent.responses import Group
    from prefcli.progress import Progress

Array = npt.NDArray[np.float64]

DISTANCE = 1.75  # standard deviations to either side
PAIRS = 24  # texts at either end of a direction
MOST_FEATURES, MOST_WORDS = 3, 4
# A difference counts if it is at least this many standard deviations of the base's own answers,
# and at least so many standard errors, of which the 17 features of nothing reach 3 in one
# direction of twenty.
LEAST_EFFECT, STANDARD_ERRORS = 0.25, 3.0
# Two features whose differences go together so closely are one thing: the larger is told.
SAME_THING = 0.75
WORD_SCORE, LEAST_TEXTS = 2.5, 3  # log-odds in standard deviations; texts that have the word
PRIOR_WORDS = 500.0  # how many words of background the prior is worth


def describe_directions(
    base: Base,
    adapter: Adapter,
    groups: Sequence[Group],
    *,
    seed: int = 0,
    pairs: int = PAIRS,
    distance: float = DISTANCE,
    asked: Mapping[tuple[int, ...], str] | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Generate at both ends of each direction and say what differs.

    Args:
        groups: Held-out prompts, and the base's own answers to them as the measure of size.
        pairs: N texts at either end, over the prompts in turn.
        distance: From the middle to an end, in standard deviations.
        asked: What each prompt's ids say; without it they are decoded.

    Returns:
        One object per direction: `direction` (from 1), `features` (`name`, `low` and `high` mean,
        `effect` in standard deviations of the base's own answers, its 90 % `interval`), largest
        first; `words_low` and `words_high`, which each end prefers; `prompt`, and what it gives
        at either end, `example_low` and `example_high`.
    """
    import torch

    from prefcli.latent.round_trip import answer

    size = adapter.inner.weight.shape[1]
    order = list(range(len(groups)))
    random.Random(seed).shuffle(order)
    chosen = [groups[order[i % len(groups)]] for i in range(pairs)]
    axes = torch.eye(size)
    ends = torch.stack([-distance * axes, distance * axes], 1)  # (K, 2, K)
    z = ends.repeat_interleave(pairs, 0)  # (K N, 2, K)
    texts = answer(
        base,
        adapter,
        [list(group.prompt) for _ in range(size) for group in chosen for _ in range(2)],
        z.flatten(0, 1).to(base.device),
        seeds=[seed + i for _ in range(size) for i in range(pairs) for _ in range(2)],
        longest=max(len(r) for group in groups for r in group.responses),
        what="texts along each direction",
        progress=progress,
    )
    own = [base.text(response) for group in groups for response in group.responses]
    background = Counter(word.casefold() for text in [*own, *texts] for word in words(text))
    usual = _measured(own).std(0)  # (F,)
    named = asked or {}
    prompts = [named.get(group.prompt, base.text(group.prompt).strip()) for group in chosen]
    found = []
    for k in range(size):
        both = texts[2 * pairs * k : 2 * pairs * (k + 1)]
        told = compare(both[0::2], both[1::2], usual, background, seed)
        shown = told.pop("typical")
        low, high = both[2 * shown : 2 * shown + 2]
        examples = {"prompt": prompts[shown], "example_low": low, "example_high": high}
        found.append({"direction": k + 1, **told, **examples})
    return found


def compare(
    low: Sequence[str],
    high: Sequence[str],
    usual: Array,
    background: Mapping[str, int],
    seed: int = 0,
) -> dict[str, Any]:
    """What differs between texts that are pairs, (N,) each.

    Args:
        usual: Standard deviation of each feature in the base's own answers (F,).
        background: How often each word comes, wherever.

    Returns:
        `features`, `words_low` and `words_high` as in `describe_directions`; `typical`: the pair
        that differs most nearly as all do.
    """
    first, second = _measured(low), _measured(high)
    difference = second - first  # (N, F)
    spread = np.sqrt((first.var(0) + second.var(0)) / 2)
    # What the base itself never does (no answer has an emoji) is measured by the texts' own.
    scale = np.where(usual > 1e-9, usual, np.where(spread > 1e-9, spread, 1.0))
    standardised = difference / scale
    effect = standardised.mean(0)
    error = standardised.std(0, ddof=1) / math.sqrt(len(low)) if len(low) > 1 else np.inf + effect
    ranked = sorted(range(len(FEATURES)), key=lambda f: -abs(effect[f]))
    kept: list[int] = []
    for f in ranked:
        large = abs(effect[f]) >= LEAST_EFFECT and abs(effect[f]) > STANDARD_ERRORS * error[f]
        if large and not any(_alike(standardised[:, f], standardised[:, g]) for g in kept):
            kept.append(f)
    kept = kept[:MOST_FEATURES]
    features = [
        {
            "name": FEATURES[f].name,
            "low": round(float(first[:, f].mean()), 3),
            "high": round(float(second[:, f].mean()), 3),
            "effect": round(float(effect[f]), 2),
            "interval": _interval(standardised[:, f], seed),
        }
        for f in kept
    ]
    away = np.abs(standardised[:, kept] - effect[kept]).sum(1)  # (N,)
    below, above = distinctive(low, high, background)
    return {
        "features": features,
        "words_low": below,
        "words_high": above,
        "typical": int(away.argmin()),
    }


def distinctive(
    low: Sequence[str], high: Sequence[str], background: Mapping[str, int]
) -> tuple[list[str], list[str]]:
    """The words that either side prefers, the most telling first.

    `delta_w = log((a_w + p_w) / (A + P - a_w - p_w)) - log((b_w + p_w) / (B + P - b_w - p_w))`,
    over its standard deviation `sqrt(1 / (a_w + p_w) + 1 / (b_w + p_w))`, equations 16 to 22 of
    Monroe et al.; p is the background scaled to `PRIOR_WORDS`.
    """
    sides = [[[word.casefold() for word in words(text)] for text in side] for side in (low, high)]
    counts = [Counter(word for text in side for word in text) for side in sides]
    spread = [Counter(word for text in side for word in set(text)) for side in sides]
    totals = [sum(count.values()) for count in counts]
    weight = PRIOR_WORDS / max(1, sum(background.values()))
    scores = {}
    for word in counts[0].keys() | counts[1].keys():
        prior = weight * max(1, background.get(word, 0))
        amounts = [count[word] + prior for count in counts]
        odds = [
            math.log(amount / (total + PRIOR_WORDS - amount))
            for amount, total in zip(amounts, totals, strict=True)
        ]
        scores[word] = (odds[1] - odds[0]) / math.sqrt(1 / amounts[0] + 1 / amounts[1])

    def best(side: int, sign: int) -> list[str]:
        telling = [
            word
            for word, score in scores.items()
            if sign * score >= WORD_SCORE and spread[side][word] >= LEAST_TEXTS
        ]
        return sorted(telling, key=lambda word: (-sign * scores[word], word))[:MOST_WORDS]

    return best(0, -1), best(1, 1)


def in_words(told: Mapping[str, Any]) -> str:
    """One direction for a person: `longer (38 against 21 words), more questions; words: "you"`.

    The far end is described, against the near one; the words that the near end prefers follow.
    """
    parts = [
        BY_NAME[each["name"]].say(each["low"], each["high"])
        for each in told.get("features", [])
        if each.get("name") in BY_NAME
    ]
    told_features = ", ".join(parts)
    high, low = (_quoted(told.get(name, [])) for name in ("words_high", "words_low"))
    against = f"words: {high or '-'}; against {low}" if low else f"words: {high}" if high else ""
    return "; ".join(filter(None, (told_features, against))) or "nothing that can be counted"


def _quoted(found: Sequence[str]) -> str:
    return ", ".join(f'"{word}"' for word in found)


def _measured(texts: Sequence[str]) -> Array:
    """(N, F)."""
    return np.array([[feature.measure(text) for feature in FEATURES] for text in texts])


def _alike(a: Array, b: Array) -> bool:
    """Whether two differences go up and down together from pair to pair, or are as constant."""
    if min(a.std(), b.std()) < 1e-9:
        return bool(np.abs(np.abs(a) - np.abs(b)).max() < 1e-9)
    return bool(abs(np.corrcoef(a, b)[0, 1]) > SAME_THING)


def _interval(values: Array, seed: int) -> list[float]:
    from prefcli.latent.intervals import bootstrap

    low, high = bootstrap(lambda index: values[index].mean(1), len(values), seed)
    return [round(float(low), 2), round(float(high), 2)]
