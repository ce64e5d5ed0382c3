"""Who says which of two answers is better: a pattern, a length, a function, and how to choose.

A judge gives every answer a number, and the higher one of a pair wins. What a judge sees is all
answers together, the base's and the profile's in random order, so that no place tells whose they
are. Judges that take more than a line are in `command_judge` and `classifier_judge`; the profile's
own reward is in `evaluation`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from prefcli.errors import PrefcliError, UsageError
from prefcli.feedback.records import Prompt
from prefcli.latent.surface import words

if TYPE_CHECKING:
    from prefcli.progress import Progress

FloatArray = npt.NDArray[np.float64]
Answer = tuple[Prompt, str]

LONGER, SHORTER = "longer", "shorter"


@runtime_checkable
class Judge(Protocol):
    """Something that scores answers.

    `kind` names it in JSON; `words` ends the sentence "it wins ... of comparisons"; `scores_are`
    says what its number is.
    """

    kind: str
    words: str
    scores_are: str

    def __call__(self, answers: Sequence[Answer], progress: Progress | None = None) -> FloatArray:
        """One number for each (prompt, answer), the higher the better."""
        ...


def choose_judge(
    *,
    command: str | None = None,
    regex: str | None = None,
    not_regex: str | None = None,
    length: str | None = None,
    classifier: str | None = None,
) -> Judge | None:
    """The judge that the options of `eval` name; None where they name none.

    Raises:
        UsageError: they name several, or one that cannot be understood.
    """
    from prefcli.services.classifier_judge import ClassifierJudge
    from prefcli.services.command_judge import CommandJudge

    given: dict[str, str] = {
        flag: value
        for flag, value in (
            ("--judge-command", command),
            ("--judge-regex", regex),
            ("--judge-not-regex", not_regex),
            ("--judge-length", length),
            ("--judge-classifier", classifier),
        )
        if value is not None
    }
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other: one judge at a time")
    for flag, value in given.items():
        if not value:
            raise UsageError(f"{flag} is empty: say who judges, or leave it out")
        makers: dict[str, Callable[[str], Judge]] = {
            "--judge-command": CommandJudge,
            "--judge-regex": RegexJudge,
            "--judge-not-regex": lambda pattern: RegexJudge(pattern, wanted=False),
            "--judge-length": length_judge,
            "--judge-classifier": ClassifierJudge,
        }
        return makers[flag](value)
    return None


@dataclass
class FunctionJudge:
    """A function of the prompt's text and the answer, for use from Python."""

    function: Callable[[str, str], float]
    kind: str = "function"
    words: str = "by a function"
    scores_are: str = "its number"

    def __call__(
        self,
        answers: Sequence[Answer],
        progress: Progress | None = None,  # noqa: ARG002
    ) -> FloatArray:
        """The function's numbers.

        Raises:
            PrefcliError: one is not finite.
        """
        found = [float(self.function(prompt[-1].content, text)) for prompt, text in answers]
        if not np.isfinite(found).all():
            raise PrefcliError("the judge gave a number that is not finite: mend the function")
        return np.array(found)


class RegexJudge:
    """An answer that a pattern matches somewhere is better than one that it does not; or worse."""

    def __init__(self, pattern: str, wanted: bool = True) -> None:
        flag = "--judge-regex" if wanted else "--judge-not-regex"
        try:
            self.pattern = re.compile(pattern)
        except re.error as error:
            raise UsageError(f"{flag} {pattern!r}: no regular expression: {error}") from None
        self.wanted = wanted
        self.kind = "regex" if wanted else "not-regex"
        self.words = f"by the pattern {pattern}" + ("" if wanted else ", which is to be absent")
        self.scores_are = "share with a match" if wanted else "share without a match"

    def __call__(
        self,
        answers: Sequence[Answer],
        progress: Progress | None = None,  # noqa: ARG002
    ) -> FloatArray:
        """1 for what is wanted, else 0."""
        found = [(self.pattern.search(text) is not None) == self.wanted for _, text in answers]
        return np.array(found, dtype=np.float64)


def length_judge(text: str) -> LengthJudge:
    """The judge that `--judge-length` names.

    Raises:
        UsageError: neither a number of words nor `longer` or `shorter`.
    """
    if text in (LONGER, SHORTER):
        return LengthJudge(None, text == LONGER)
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise UsageError(
            f"--judge-length {text!r}: expected a number of words, {LONGER} or {SHORTER}"
        )
    return LengthJudge(int(text))


class LengthJudge:
    """The answer is better that is closer to so many words; without a number the longer one.

    Args:
        target: How many words are wanted.
        longer: Without a target, whether longer is better, or shorter.
    """

    kind = "length"

    def __init__(self, target: int | None, longer: bool = True) -> None:
        self.target, self.longer = target, longer
        if target is not None:
            self.words = f"by closeness to {target} words"
            self.scores_are = f"minus the words off {target}"
        else:
            self.words = f"by being {LONGER if longer else SHORTER}"
            self.scores_are = "words" if longer else "minus the words"

    def __call__(
        self,
        answers: Sequence[Answer],
        progress: Progress | None = None,  # noqa: ARG002
    ) -> FloatArray:
        """Minus the distance in words; without a target plus or minus the words."""
        count = np.array([len(words(text)) for _, text in answers], dtype=np.float64)
        if self.target is not None:
            return -np.abs(count - self.target)
        return count if self.longer else -count
