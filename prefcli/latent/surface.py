"""What can be seen of a text without understanding it: how long, how laid out, how put.

Each feature is a number that goes up when its thing is added. Most count marks that many languages
share; who is spoken of and how sure it sounds are read off English words. What counts marks counts
per text and not per word, as a reader does: an emoji is an emoji in a short answer and a long one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

# A word is letters with what joins them, a number, or one sign of a script that leaves no blanks.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_\u3040-\u30ff\u3400-\u9fff]+(?:['’-][^\W\d_]+)*|\d+"
)
_SENTENCE_END = re.compile(r"[.!?…。！？]+(?=[\s\"'”’»」)]|$)|[。！？]")
_ITEM = re.compile(r"^\s*(?:[-*•–]|\d{1,3}[.)])\s+\S", re.MULTILINE)
_ITEM_NUMBER = re.compile(r"^\s*\d{1,3}[.)]\s", re.MULTILINE)
_NUMERAL = re.compile(r"\d+(?:[.,:]\d+)*")
_EMOJI = re.compile(
    "[\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff\u2600-\u27bf\u2b50\u2b55]"
)
_QUOTED = re.compile(
    "[“„][^”“\n]+[”“]|\"[^\"\n]+\"|«[^»\n]+»|「[^」\n]+」|(?<!\\w)['‘][^'’\n]{2,}['’](?!\\w)"
)
_SPEECH = re.compile(r"^\s*[—–]\s?\w", re.MULTILINE)
_FIRST = re.compile(r"\b(?:I|me|my|mine|myself|we|us|our|ours|ourselves)\b", re.IGNORECASE)
_SECOND = re.compile(r"\b(?:you|your|yours|yourself|yourselves)\b", re.IGNORECASE)
_HEDGE = re.compile(
    r"\b(?:maybe|perhaps|might|may|could|possibly|probably|usually|often|sometimes|generally"
    r"|likely|seems?|appears?|somewhat|roughly|i (?:think|guess|believe|suppose)|kind of|sort of"
    r"|as far as i know)\b",
    re.IGNORECASE,
)
_WINDOW = 10  # words among which variety is counted, since any long text repeats words


@dataclass(frozen=True)
class Feature:
    """One thing to be seen.

    Args:
        name: What it is called in a report.
        measure: The number, from a text.
        more, less: How a text with more, or less, of it is.
        unit: What is counted, where `more` does not say it.
        percent: Whether it is a share.
    """

    name: str
    measure: Callable[[str], float]
    more: str
    less: str
    unit: str = ""
    percent: bool = False

    def say(self, low: float, high: float) -> str:
        """`longer (38 against 21 words)`: what the second text is, beside the first."""
        unit = f" {self.unit}" if self.unit else ""
        shown = f"{self._number(high)} against {self._number(low)}{unit}"
        return f"{self.more if high > low else self.less} ({shown})"

    def _number(self, value: float) -> str:
        if self.percent:
            return f"{100 * value:.0f} %"
        return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def words(text: str) -> list[str]:
    """The words of a text as they stand."""
    return _WORD.findall(text)


def sentences(text: str) -> int:
    """How many sentences there are; a line without an end mark is one."""
    lines = [line for line in text.splitlines() if _WORD.search(_ITEM_NUMBER.sub("", line))]
    return sum(
        max(1, len(_SENTENCE_END.findall(_ITEM_NUMBER.sub("", line).strip()))) for line in lines
    )


def _variety(text: str) -> float:
    """Different words per word, in windows of `_WINDOW`."""
    found = [word.casefold() for word in words(text)]
    if not found:
        return 0.0
    last = max(1, len(found) - _WINDOW + 1)
    windows = (found[start : start + _WINDOW] for start in range(last))
    return fmean(len(set(window)) / len(window) for window in windows)


def _word_length(text: str) -> float:
    found = words(text)
    return fmean(map(len, found)) if found else 0.0


def _capitals(text: str) -> float:
    letters = [character for character in text if character.isalpha()]
    return fmean(character.isupper() for character in letters) if letters else 0.0


def _count(pattern: re.Pattern[str]) -> Callable[[str], float]:
    return lambda text: float(len(pattern.findall(text)))


FEATURES = (
    Feature("words", lambda text: float(len(words(text))), "longer", "shorter", "words"),
    Feature("sentences", lambda text: float(sentences(text)), "more sentences", "fewer sentences"),
    Feature(
        "lines",
        lambda text: float(sum(bool(line.strip()) for line in text.splitlines())),
        "more lines",
        "fewer lines",
    ),
    Feature("list_items", _count(_ITEM), "more list items", "fewer list items"),
    Feature(
        "numbered_items",
        _count(_ITEM_NUMBER),
        "more numbered items",
        "fewer numbered items",
    ),
    Feature(
        "numerals",
        lambda text: float(len(_NUMERAL.findall(_ITEM_NUMBER.sub("", text)))),
        "more numbers",
        "fewer numbers",
    ),
    Feature("questions", _count(re.compile("[?？]+")), "more questions", "fewer questions"),
    Feature(
        "exclamations", _count(re.compile("[!！]+")), "more exclamations", "fewer exclamations"
    ),
    Feature("emoji", _count(_EMOJI), "more emoji", "fewer emoji"),
    Feature(
        "quotations",
        lambda text: float(len(_QUOTED.findall(text)) + len(_SPEECH.findall(text))),
        "more quoted speech",
        "less quoted speech",
    ),
    Feature("first_person", _count(_FIRST), 'more "I" and "we"', 'less "I" and "we"'),
    Feature("second_person", _count(_SECOND), 'more "you"', 'less "you"'),
    Feature("hedges", _count(_HEDGE), "more hedged", "less hedged", "hedges"),
    Feature("capitals", _capitals, "more capitals", "fewer capitals", percent=True),
    Feature("variety", _variety, "more varied words", "less varied words", percent=True),
    Feature("word_length", _word_length, "longer words", "shorter words", "letters"),
    Feature(
        "commas",
        lambda text: len(re.findall("[,，、]", text)) / max(1, sentences(text)),
        "more commas per sentence",
        "fewer commas per sentence",
    ),
)
BY_NAME = {feature.name: feature for feature in FEATURES}
