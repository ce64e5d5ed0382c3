"""Who says which of two answers is better: a command, a pattern, a length, a classifier.

A judge gives every answer a number, and the higher one of a pair wins. What a judge sees is all
answers together, the base's and the profile's in random order, so that no place tells whose they
are.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

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
SHOWN = 60  # characters of a line that is no number, or of a command
ROWS = 16  # read by a classifier at once


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


class CommandJudge:
    """A command line that reads all answers as JSONL on stdin and prints a number for each."""

    kind = "command"
    scores_are = "the command's number"

    def __init__(self, command: str) -> None:
        self.command = command
        self.words = f"by the command {_short(command)}"

    def __call__(self, answers: Sequence[Answer], progress: Progress | None = None) -> FloatArray:
        """The numbers that the command prints.

        Each line that it gets has `prompt` (text, or messages where it is more than one turn of
        the user) and `response`.

        Raises:
            PrefcliError: it fails, prints another number of lines, or a line that is no number.
        """
        where = f"--judge-command {_short(self.command)}"
        lines = [json.dumps({"prompt": _said(p), "response": text}) + "\n" for p, text in answers]
        if progress:
            progress("judging", 0, None)
        try:
            ran = subprocess.run(  # noqa: S602 (it is the user's own command line)
                self.command,
                shell=True,
                input="".join(lines).encode(),
                capture_output=True,
                check=False,
            )
        except (OSError, ValueError) as error:  # ValueError: a NUL in it
            raise PrefcliError(f"{where} cannot be run: {error}") from error
        if ran.returncode:
            told = ran.stderr.decode(errors="replace").strip().splitlines()
            reason = f": {told[-1].strip()}" if told else ", without a word on stderr"
            raise PrefcliError(f"{where} failed with exit code {ran.returncode}{reason}")
        return _numbers(ran.stdout.decode(errors="replace"), len(answers), where)


class ClassifierJudge:
    """A sequence classifier's probability of a label, or a reward model's only output.

    Args:
        source: Directory or Hugging Face id; after it, with a colon, a label or its number.
    """

    kind = "classifier"

    def __init__(self, source: str) -> None:
        from prefcli.loading import local_path

        name, mark, label = source.rpartition(":")
        whole = not mark or not name or local_path(source) is not None
        self.source = source if whole else name
        self.label: str | None = None if whole else label
        self.words = f"by the classifier {source}"
        self.scores_are = f"probability of {self.label}" if self.label else "its output"

    def __call__(self, answers: Sequence[Answer], progress: Progress | None = None) -> FloatArray:
        """Probabilities, or outputs where there is one only.

        The answer is read alone; a reward model with a chat template reads the conversation. What
        is longer than the model reads loses its end.

        Raises:
            NotFoundError, DataError: see `loading.load_classifier`.
            UsageError: there is no such label, or several and none is named.
        """
        import torch

        from prefcli.loading import load_classifier

        if progress:
            progress("loading the classifier", 0, None)
        model, tokenizer, limit = load_classifier(self.source)
        column = self._column(model.config)
        texts = [_read(tokenizer, prompt, text, column is None) for prompt, text in answers]
        size = 1 if tokenizer.pad_token_id is None else ROWS
        found: list[float] = []
        for start in range(0, len(texts), size):
            rows = tokenizer(
                texts[start : start + size],
                padding=size > 1,
                truncation=True,
                max_length=limit,
                return_tensors="pt",
            ).to(model.device)
            with torch.no_grad():
                logits = model(**rows).logits.double()  # (rows, labels)
            values = logits[:, 0] if column is None else logits.softmax(-1)[:, column]
            found += values.tolist()
            if progress:
                progress("judging", len(found), len(texts))
        return np.array(found)

    def _column(self, config: Any) -> int | None:
        """The output that counts; None where there is one only."""
        names = [str(config.id2label.get(i, i)) for i in range(config.num_labels)]
        if self.label is None and len(names) == 1:
            return None
        known = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
        if self.label is None:
            raise UsageError(
                f"--judge-classifier {self.source} has several labels ({known}): name the one "
                f"that is wanted, as in {self.source}:{names[-1]}"
            )
        folded = [name.casefold() for name in names]
        if self.label.casefold() in folded:
            return folded.index(self.label.casefold())
        if self.label.isdecimal() and int(self.label) < len(names):
            return int(self.label)
        raise UsageError(
            f"--judge-classifier {self.source}: no label {self.label!r}, it has {known}"
        )


def _read(tokenizer: Any, prompt: Prompt, text: str, conversation: bool) -> str:
    """What a classifier reads of an answer."""
    if not (conversation and tokenizer.chat_template):
        return text
    turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
    turns.append({"role": "assistant", "content": text})
    return str(tokenizer.apply_chat_template(turns, tokenize=False))


def _said(prompt: Prompt) -> str | list[dict[str, str]]:
    if len(prompt) == 1 and prompt[0].role == "user":
        return prompt[0].content
    return [{"role": turn.role, "content": turn.content} for turn in prompt]


def _numbers(text: str, expected: int, where: str) -> FloatArray:
    """The numbers on the lines of a judge's output."""
    lines = text.splitlines()
    if len(lines) != expected:
        raise PrefcliError(
            f"{where} printed {len(lines)} lines for {expected} answers: expected a number on "
            "one line for each"
        )
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            value = float(line)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise PrefcliError(
                f"{where}: line {number} is {_short(line)!r}, expected a finite number"
            )
        found.append(value)
    return np.array(found)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."
