"""Ask: the questions whose answers would tell most about a user.

A question shows two answers to one prompt. Most are those with the most expected information about
the reward (`solvers.acquisition`), chosen anew after every answer; a stated share are two plain
samples of the base, so that what is learned from does not narrow to what the fit already doubts.
An answer is ordinary feedback, stored at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from prefcli import tiny
from prefcli.errors import DataError, UsageError
from prefcli.feedback.formats.questions import CHOICES, FORMAT, judged
from prefcli.feedback.records import Feedback, Prompt, check_user, encoding_key
from prefcli.services.bases import open_base, resolve_base
from prefcli.services.candidates import Candidate, Pairs, encode_answers, sample_answers
from prefcli.services.feedback_encodings import FeedbackEncoder
from prefcli.services.generator import STRANGE_PROMPT
from prefcli.services.question_prompts import logged_answers, prompts_to_ask
from prefcli.services.sampling import MAX_NEW_TOKENS, TEMPERATURE, TOP_P, pick_seed
from prefcli.services.spaces import open_space, resolve_space
from prefcli.services.training_rows import training_rows
from prefcli.solvers.acquisition import Belief
from prefcli.solvers.bradley_terry import fit_reward
from prefcli.store import Encoding, Store

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.progress import Progress

PLAIN_SHARE = 0.25
ANSWERS = 8  # sampled for each prompt
PROMPTS_PER_QUESTION = 2  # a question's prompt is chosen among so many
SOURCE = "ask"  # what the catalog calls where such feedback came from


@dataclass(frozen=True)
class Settings:
    """How to ask.

    Args:
        questions: How many.
        plain: Share of the questions that compare two plain samples of the base.
        answers: Sampled for each prompt, half of them plain; 0 samples none.
        max_new_tokens: Longest answer.
        seed: Everything random.

    Raises:
        UsageError: a value is out of its range.
    """

    questions: int
    plain: float = PLAIN_SHARE
    answers: int = ANSWERS
    max_new_tokens: int = MAX_NEW_TOKENS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.questions < 1:
            raise UsageError(f"--questions {self.questions}: expected 1 or more")
        if not 0 <= self.plain <= 1:
            raise UsageError(f"--plain {self.plain}: expected 0 to 1")
        if self.answers != 0 and self.answers < 4:
            raise UsageError(f"--answers {self.answers}: expected 4 or more, half of them plain")
        if self.max_new_tokens < 1:
            raise UsageError(f"--max-new-tokens {self.max_new_tokens}: expected 1 or more")


@dataclass(frozen=True)
class Question:
    """Two answers to one prompt, in random order.

    Args:
        user: Who is asked.
        prompt: What was answered.
        a, b: The answers.
        information: Bits that the choice is expected to tell about the user, from 0 to 1.
        source: `informative`, or `plain` where both are plain samples of the base.
    """

    user: str
    prompt: Prompt
    a: str
    b: str
    information: float
    source: str

    def as_dict(self) -> dict[str, Any]:
        """A line of `ask --jsonl`, to which a `choice` is to be added."""
        turns = [{"role": turn.role, "content": turn.content} for turn in self.prompt]
        said = {"a": self.a, "b": self.b, "information": round(self.information, 4)}
        return {"user": self.user, "prompt": turns, **said, "source": self.source}


def ask(
    store: Store,
    user: str,
    *,
    questions: int = 10,
    prompts: str | None = None,
    from_others: bool = False,
    generated: bool = False,
    plain: float = PLAIN_SHARE,
    answers: int = ANSWERS,
    max_new_tokens: int = MAX_NEW_TOKENS,
    space: str | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Asker:
    """Prepare questions to one user: sample answers, or take those of the log, and encode them.

    Args:
        store: The open home.
        user: Who will be asked; may be new.
        questions: How many there will be.
        prompts: A file of prompts, or `-` for stdin; default the prompts of the user's feedback,
            then, for the embedded base, a few of its own topics.
        from_others: Without a file, prompts of other people's feedback follow the user's own.
        generated: Ask about answers of the log only, and sample none.
        plain, answers, max_new_tokens: See `Settings`.
        space: Name of a space; default the one in use.
        seed: Everything random; None draws one.

    Raises:
        UsageError, NotFoundError, DataError: as the arguments deserve; DataError also where no
            prompt has two answers that were not judged yet.
    """
    check_user(user)
    settings = Settings(questions, plain, 0 if generated else answers, max_new_tokens)
    settings = replace(settings, seed=pick_seed(seed))
    reference = resolve_space(store, space)
    base_reference = resolve_base(store, reference.base)
    logged = logged_answers(store, user, reference.base)
    rng = np.random.default_rng(settings.seed)
    if generated and prompts is None:
        wanted = list(logged)
    else:
        most = PROMPTS_PER_QUESTION * questions
        wanted = prompts_to_ask(store, user, prompts, reference.base, most, rng, from_others)
    found = [(p, text, alone) for p in wanted for text, alone in logged.get(p, {}).items()]
    if generated and len(found) == len({p for p, _, _ in found}):
        raise DataError(
            f"the log has no prompt with two answers of base {reference.base}: log some with "
            "`prefcli generate --log`, or leave --generated out"
        )
    base, loaded = open_base(base_reference, progress), open_space(reference)
    loaded.attach(base)
    warnings = _warnings(base, reference.base, wanted)
    if settings.answers:
        found += sample_answers(
            base,
            loaded,
            wanted,
            count=settings.answers,
            seed=settings.seed,
            max_new_tokens=settings.max_new_tokens,
            temperature=TEMPERATURE,
            top_p=TOP_P,
            progress=progress,
        )
    answers_of = {(p, text): alone for p, text, alone in found if text.strip()}
    fresh = encode_answers(base, loaded, list(answers_of), progress)
    pool = [
        Candidate(p, t, alone, fresh[encoding_key(p, t)]) for (p, t), alone in answers_of.items()
    ]
    history = [stored.feedback for stored in store.feedback(user)]
    encoder = FeedbackEncoder(store, reference, progress, (base, loaded))
    return Asker(
        store=store,
        user=user,
        settings=settings,
        space=reference.fingerprint,
        pairs=Pairs.of(pool, loaded.size),
        history=history,
        encodings=encoder.encode([history]),
        background=encoder.background(),
        warnings=warnings,
    )


class Asker:
    """One session of questions; nothing here runs the base."""

    def __init__(
        self,
        *,
        store: Store,
        user: str,
        settings: Settings,
        space: str,
        pairs: Pairs,
        history: list[Feedback],
        encodings: dict[bytes, Encoding],
        background: npt.NDArray[np.float64],
        warnings: Sequence[str] = (),
    ) -> None:
        self.store = store
        self.user = user
        self.settings = settings
        self.space = space
        self.pairs = pairs
        self.history = history
        self.encodings = encodings
        self.background = background
        self.warnings = list(warnings)
        self.stored = 0
        self._rng = np.random.default_rng((settings.seed, 1))
        self._phase = float(self._rng.random())
        self._asked = 0
        seen = {(row.prompt, text) for row in history for text in row.responses}
        known = np.array([(a.prompt, a.response) in seen for a in pairs.answers], dtype=bool)
        # (c,) never judged side by side
        self._open = ~(known[pairs.index[:, 0]] & known[pairs.index[:, 1]])
        self._fresh = np.ones(int(pairs.prompt.max(initial=-1)) + 1, dtype=bool)
        if not self._open.any():
            raise DataError(
                "no prompt has two different answers that were not judged yet: "
                "give other prompts with --prompts FILE"
            )
        self.belief = self._learned()

    def next(self) -> Question | None:
        """The best question now, or None when there is none left."""
        return self._choose()[0] if self._open.any() else None

    def questions(self) -> list[Question]:
        """All questions at once, none of them answered; each reckons with those before it."""
        found: list[Question] = []
        while len(found) < self.settings.questions and self._open.any():
            question, row = self._choose()
            first, second = self.pairs.points[self.pairs.index[row]]
            self.belief = self.belief.expecting(first, second)
            self._keep(row)
            found.append(question)
        return found

    def answer(self, question: Question, choice: str) -> list[Feedback]:
        """Store what was chosen, and learn from it for the next question.

        Args:
            question: One that `next` gave.
            choice: One of `CHOICES`.

        Raises:
            UsageError: no such choice.
        """
        if choice not in CHOICES:
            raise UsageError(f"choice {choice!r}: expected one of {', '.join(CHOICES)}")
        said = judged({}, self.user, question.prompt, question.a, question.b, choice)
        for index, candidate in enumerate(self.pairs.answers):
            if candidate.prompt == question.prompt and candidate.response in (
                question.a,
                question.b,
            ):
                self._keep_answer(index)
        inserted, _ = self.store.add_feedback(
            ((each, SOURCE, self.stored + 1) for each in said), self._details
        )
        self.stored += inserted > 0
        self.history += said
        self.belief = self._learned()
        return said

    def _choose(self) -> tuple[Question, int]:
        """A question and its row; the row is closed, and its prompt rests while others have not."""
        pairs = self.pairs
        rows = np.flatnonzero(self._open & self._fresh[pairs.prompt])
        if not len(rows):
            self._fresh[:] = True
            rows = np.flatnonzero(self._open)
        plain = rows[pairs.plain[rows]]
        turn = self._asked * self.settings.plain + self._phase
        wants_plain = math.floor(turn + self.settings.plain) > math.floor(turn)
        first, second = (pairs.points[pairs.index[rows, side]] for side in (0, 1))
        information = self.belief.information(first, second)
        source = "informative"
        if wants_plain and len(plain):
            row, source = int(self._rng.choice(plain)), "plain"
        else:
            row = int(rows[np.argmax(information)])
        self._asked += 1
        self._open[row] = False
        self._fresh[pairs.prompt[row]] = False
        a, b = (pairs.answers[i] for i in self._rng.permutation(pairs.index[row]))
        bits = float(information[np.flatnonzero(rows == row)[0]])
        return Question(self.user, a.prompt, a.response, b.response, bits, source), row

    def _learned(self) -> Belief:
        """What the user's feedback says, in memory; no profile is made."""
        size = self.pairs.points.shape[1]
        rows = training_rows(self.history, self.encodings, size, self.background).rows
        return Belief.after(rows, fit_reward(rows))

    def _keep(self, row: int) -> None:
        for index in self.pairs.index[row].tolist():
            self._keep_answer(index)

    def _keep_answer(self, index: int) -> None:
        """Keep the encoding of an answer that is asked about: the fit will want it."""
        candidate = self.pairs.answers[index]
        key = encoding_key(candidate.prompt, candidate.response)
        if key not in self.encodings:
            self.store.add_encodings(self.space, {key: candidate.encoding})
            self.encodings[key] = candidate.encoding

    @staticmethod
    def _details() -> dict[str, Any]:
        return {"sources": [SOURCE], "formats": [FORMAT.name], "read": 1, "ties": 0, "rejected": 0}


def _warnings(base: Base, name: str, prompts: Sequence[Prompt]) -> list[str]:
    """What a person should know about the answers; the embedded base knows what it is for."""
    if name != tiny.NAME or not prompts:
        return []
    limit = base.context // 2
    bits = base.surprise([base.prompt_ids(prompt, limit) for prompt in prompts])
    strange = sum(each > tiny.STRANGE for each in bits)
    return [f"{strange} of {len(prompts)} prompts: {STRANGE_PROMPT}"] if strange else []
