"""Who judges the answers, and how judgements become numbers. No model in here.

Five users whose tastes are fixed functions of the text, read off it by regular expressions. The
method sees them through labels only; afterwards the same functions decide who was served better.
Three tastes are monotone, one has its best in the middle, one wants exactly one of two things.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from prefcli.tiny import tastes
from prefcli.tiny.corpus import Topic
from prefcli.tiny.tastes import Utility

WANTED_WORDS = 20


def brief(text: str) -> float:
    """The fewer words the better."""
    return -float(tastes.words(text))


def cheerful(text: str) -> float:
    """The more warm phrases and emoji the better."""
    return float(tastes.warm_marks(text) + tastes.emoji(text))


def formal_list(text: str) -> float:
    """The more formal phrases and numbered items the better."""
    return float(tastes.formal_marks(text) + tastes.items(text) * tastes.numbered(text))


def twenty_words(text: str) -> float:
    """As near to twenty words as can be, from either side."""
    return -float(abs(tastes.words(text) - WANTED_WORDS))


def either_or(text: str) -> float:
    """An example or an emoji, but not both and not neither."""
    return float(tastes.has_example(text) != (tastes.emoji(text) > 0))


USERS: Mapping[str, Utility] = {
    judge.__name__: judge for judge in (brief, cheerful, formal_list, twenty_words, either_or)
}


@dataclass(frozen=True)
class Pair:
    """Two different answers of the base to one prompt, `better` by one user's utility."""

    prompt: str
    better: str
    worse: str


def judge_pair(utility: Utility, prompt: str, first: str, second: str) -> Pair | None:
    """The pair as the user sees it; None if neither answer is better."""
    if utility(first) == utility(second):
        return None
    worse, better = sorted((first, second), key=utility)
    return Pair(prompt, better, worse)


def wins(utility: Utility, answer: str, rivals: Sequence[str]) -> float:
    """Share of `rivals` that `answer` beats, a tie counting one half."""
    own = utility(answer)
    points = [(own > theirs) + 0.5 * (own == theirs) for theirs in map(utility, rivals)]
    return math.fsum(points) / len(points)


def win_rate(utility: Utility, answers: Sequence[str], rivals: Sequence[Sequence[str]]) -> float:
    """Mean of `wins` over prompts; what draws from the rivals' own source gets 1/2 on average.

    Args:
        answers: One per prompt.
        rivals: The base's answers to the same prompts.
    """
    each = [wins(utility, a, others) for a, others in zip(answers, rivals, strict=True)]
    return math.fsum(each) / len(each)


def recovered(rate: float, oracle: float) -> float:
    """The share of an oracle's gain over the base that was had; NaN if it gains nothing."""
    return (rate - 0.5) / (oracle - 0.5) if oracle > 0.5 else math.nan


def distinct_2(texts: Iterable[str]) -> float:
    """Different word pairs over all word pairs of a set of answers (Li et al., NAACL 2016).

    Sets are comparable at the same number of answers; short answers raise it.
    """
    pairs = Counter(pair for text in texts for pair in pairwise(text.split()))
    return len(pairs) / pairs.total() if pairs else math.nan


class TopicJudge:
    """Tells what an answer is about: the topic whose own sentences share most words with it.

    Words are weighed by inverse document frequency, log(topics / topics that have the word), and
    count once; what several topics share equally is divided among them.
    """

    def __init__(self, topics: Sequence[Topic]) -> None:
        self.topics = tuple(topics)

    def share(self, topic: Topic, answer: str) -> float:
        """1 if the answer is about `topic` and nothing else, 0 if about another or nothing."""
        scores: dict[int, float] = {}
        # Sorted, since sums of the same words must be equal to the last bit to count as ties.
        for word in sorted(_content(answer)):
            holders = self._holders.get(word, ())
            for index in holders:
                weight = math.log(len(self.topics) / len(holders))
                scores[index] = scores.get(index, 0.0) + weight
        best = max(scores.values(), default=0.0)
        if best <= 0:
            return 0.0
        found = [index for index, score in scores.items() if score == best]
        return (self._index[topic.name] in found) / len(found)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {topic.name: i for i, topic in enumerate(self.topics)}

    @cached_property
    def _holders(self) -> dict[str, list[int]]:
        """The topics in whose sentences a word occurs."""
        holders: dict[str, list[int]] = {}
        for index, topic in enumerate(self.topics):
            sentences = [topic.name, topic.how, topic.what, *topic.tips, *topic.facts]
            sentences += [topic.example_tip, topic.example_fact]
            for word in _content(" ".join(sentences)):
                holders.setdefault(word, []).append(index)
        return holders


def _content(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))
