"""The blind test: two answers, one the base's and one the profile's, and nobody says which.

The person whose profile it is picks the better one; the order is drawn anew for every question, and
both answers come from one random stream. Picks are kept apart from feedback, by version of the
profile. What a fit was learned from proves nothing of it: prompts that are in the user's feedback
are not asked about, and a pick that is to be feedback as well (`keep`) closes its prompt to tests
of the fits that follow, while it stays what it was to the version that was tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prefcli.errors import DataError, UsageError
from prefcli.feedback.formats.questions import FORMAT, judged
from prefcli.feedback.records import Prompt, text_prompt
from prefcli.services.blends import find_taste
from prefcli.services.generate import AT_ONCE
from prefcli.services.generator import Chosen, Generator, Job
from prefcli.services.profiles import stored_profile
from prefcli.services.sampling import MAX_NEW_TOKENS, Choice, Settings, pick_seed
from prefcli.services.spaces import space_of
from prefcli.services.unseen_prompts import unseen_prompts, warn_of
from prefcli.solvers.wins import Wins, count_wins, in_words
from prefcli.store import Store, StoredPick

if TYPE_CHECKING:
    from prefcli.progress import Progress

QUESTIONS = 10
MOST_QUESTIONS = 1000
ROUNDS = 3  # seeds that are tried where both sides answer with the same text
SOURCE = "ab"  # what the catalog calls where kept picks came from
CHOICES = ("1", "2", "tie")
WORTH = {"profile": 1.0, "tie": 0.5, "base": 0.0}


@dataclass(frozen=True)
class BlindQuestion:
    """Two answers to one prompt.

    Args:
        prompt: What was answered.
        first, second: The answers, as they are to be shown.
        profile_first: Whether the first is the profile's, which nobody is to know before they
            have picked.
        seed: Of both.
    """

    prompt: Prompt
    first: str
    second: str
    profile_first: bool
    seed: int


def blind_test(
    store: Store,
    profile: str,
    *,
    prompts: str | Sequence[str] | None = None,
    questions: int | None = None,
    strength: float = 1.0,
    max_new_tokens: int = MAX_NEW_TOKENS,
    seed: int | None = None,
    keep: bool = False,
    progress: Progress | None = None,
) -> BlindTest:
    """Prepare a blind test: base and profile answer, and the order is drawn.

    Args:
        store: The open home.
        profile: `user` or `user@version`.
        prompts: A file or `-` for stdin, or a list of texts; default see
            `services.unseen_prompts`.
        questions: How many; default one for each text of a list that counts, else `QUESTIONS`.
            Prompts are asked about again, with other answers, where there are fewer.
        strength, max_new_tokens: See `generate.Settings`.
        seed: Everything random; None draws one.
        keep: Let every pick be feedback as well.

    Raises:
        UsageError, NotFoundError, DataError: as the arguments deserve; DataError also where both
            sides say the same to every prompt.
    """
    settings = Settings(strength, max_new_tokens)
    if strength == 0:
        raise UsageError("--strength 0 is the base itself: there is nothing to compare")
    listed = None if prompts is None or isinstance(prompts, str) else list(prompts)
    if questions is not None and not 1 <= questions <= MOST_QUESTIONS:
        raise UsageError(f"--questions {questions}: expected 1 to {MOST_QUESTIONS}")
    if listed is not None and not all(text.strip() for text in listed):
        raise DataError("a prompt is empty: say something in each")
    taste = find_taste(store, profile)
    if taste.version is None:
        raise UsageError(f"{profile} is a blend: keep it as a profile first (`profile blend`)")
    reference = space_of(store, taste.space)
    drawn = pick_seed(seed)
    given = [text_prompt(text) for text in listed] if listed is not None else None
    file = prompts if isinstance(prompts, str) else None
    found = unseen_prompts(store, taste, reference, given if file is None else file, drawn)
    if found is None or not found.prompts:
        raise DataError(
            f"no prompts that the fit of {profile} has not seen: give some as arguments or with "
            "--prompts FILE"
        )
    asked = {pick.prompt for pick in store.picks(taste.name, taste.version)}
    order = found.prompts
    if listed is None:  # what was asked about before comes last
        order = sorted(order, key=lambda prompt: prompt in asked)
    generator = Generator(store, Choice(settings, progress=progress), profile)
    chosen = generator.profile(profile)
    assert chosen is not None
    if chosen.z is None:
        raise DataError(f"{profile} learned nothing and answers exactly as the base does")
    if questions is None:
        questions = QUESTIONS if listed is None else len(order)
    wanted = [order[i % len(order)] for i in range(questions)]
    ready = _questions(generator, chosen, wanted, drawn, progress)
    if not ready:
        raise DataError(
            f"base and {profile} say the same to every prompt: give others, or a higher --strength"
        )
    notes = []
    if found.left_out:
        notes.append(f"prompts left out, since the fit has seen them: {found.left_out}")
    if len(ready) < questions:
        same = questions - len(ready)
        notes.append(f"questions left out, since both sides say the same: {same}")
    return BlindTest(store, taste.name, taste.version, generator, ready, keep, notes)


class BlindTest:
    """One session.

    Args:
        store: The open home.
        user, version: The profile that is tested.
        generator: Who answered.
        questions: All of them; any order and any number may be answered.
        keep: Let every pick be feedback as well.
        notes: What was left out.
    """

    def __init__(
        self,
        store: Store,
        user: str,
        version: int,
        generator: Generator,
        questions: Sequence[BlindQuestion],
        keep: bool,
        notes: Sequence[str],
    ) -> None:
        self.store = store
        self.user = user
        self.version = version
        self.questions = list(questions)
        self.keep = keep
        self.notes = list(notes)
        self.warnings = warn_of(generator, list(dict.fromkeys(q.prompt for q in questions)))
        self.stored = 0
        self._base = generator.reference.name
        self._settings = asdict(generator.settings)

    def answer(self, question: BlindQuestion, choice: str) -> str:
        """Keep a pick at once.

        Args:
            question: One of `questions`.
            choice: One of `CHOICES`.

        Returns:
            Whose answer it was: `profile`, `base` or `tie`.

        Raises:
            UsageError: no such choice.
        """
        if choice not in CHOICES:
            raise UsageError(f"choice {choice!r}: expected one of {', '.join(CHOICES)}")
        whose = choice
        if choice != "tie":
            whose = "profile" if (choice == "1") == question.profile_first else "base"
        texts = (question.first, question.second)
        of_profile, of_base = texts if question.profile_first else texts[::-1]
        self.store.add_pick(
            self.user,
            self.version,
            base=self._base,
            prompt=question.prompt,
            of_base=of_base,
            of_profile=of_profile,
            profile_first=question.profile_first,
            choice=whose,
            seed=question.seed,
            settings=self._settings,
        )
        self.stored += 1
        if self.keep:
            letter = {"1": "a", "2": "b", "tie": "tie"}[choice]
            said = judged({}, self.user, question.prompt, *texts, letter)
            self.store.add_feedback(
                ((each, SOURCE, self.stored) for each in said),
                lambda: {"sources": [SOURCE], "formats": [FORMAT.name], "read": 1,
                         "ties": 0, "rejected": 0},
            )  # fmt: skip
        return whose

    def score(self) -> dict[str, Any]:
        """All picks about this version at this strength so far; see `blind_scores`."""
        strength = self._settings["strength"]
        rows = blind_scores(self.store, f"{self.user}@{self.version}")
        return next(row for row in rows if row["strength"] == strength)


def blind_scores(store: Store, profile: str | None = None) -> list[dict[str, Any]]:
    """What blind tests say of each version of a profile, at each strength that was tried.

    Args:
        store: The open home.
        profile: `user` for all versions, `user@version` for one; None for everybody's.

    Returns:
        The fields of `ab --score --jsonl`.

    Raises:
        NotFoundError: no such profile.
    """
    user = version = None
    if profile is not None:
        chosen = stored_profile(store, profile)
        user, version = chosen.user, None if profile == chosen.user else chosen.version
    groups: dict[tuple[str, int, float], list[StoredPick]] = {}
    for pick in store.picks(user, version):
        key = pick.user, pick.version, float(pick.settings.get("strength", 1.0))
        groups.setdefault(key, []).append(pick)
    return [_score(*key, picks) for key, picks in sorted(groups.items(), key=lambda g: g[0])]


def _score(user: str, version: int, strength: float, picks: Sequence[StoredPick]) -> dict[str, Any]:
    number: dict[Prompt, int] = {}
    groups = [number.setdefault(pick.prompt, len(number)) for pick in picks]
    wins: Wins = count_wins([WORTH[pick.choice] for pick in picks], groups)
    name = f"{user}@{version}"
    return {
        "profile": name,
        "user": user,
        "version": version,
        "strength": strength,
        "picks": len(picks),
        "prompts": wins.prompts,
        **wins.as_dict(),
        "last": picks[-1].created,
        "summary": in_words(wins, name, f"by {user}'s own blind picks"),
    }


def _questions(
    generator: Generator,
    chosen: Chosen,
    prompts: Sequence[Prompt],
    seed: int,
    progress: Progress | None,
) -> list[BlindQuestion]:
    """A question for each prompt, in order; none where both sides say the same with any seed."""
    rng = np.random.default_rng(seed)
    profile_first = rng.random(len(prompts)) < 0.5
    seeds = rng.integers(2**48, size=(ROUNDS, len(prompts))).tolist()
    found: dict[int, BlindQuestion] = {}
    generator.base()  # loaded before the answers are counted
    size = AT_ONCE // 2
    for turn in range(ROUNDS):
        left = [i for i in range(len(prompts)) if i not in found]
        for start in range(0, len(left), size):
            if progress:
                progress("answering", len(found), len(prompts))
            rows = left[start : start + size]
            jobs = [Job(prompts[i], side, seeds[turn][i]) for side in (None, chosen) for i in rows]
            texts = generator.answer(jobs)
            for i, of_base, of_profile in _both(rows, texts):
                if of_base.strip() != of_profile.strip():
                    first = bool(profile_first[i])
                    shown = (of_profile, of_base) if first else (of_base, of_profile)
                    found[i] = BlindQuestion(prompts[i], *shown, first, seeds[turn][i])
    return [found[i] for i in sorted(found)]


def _both(rows: Sequence[int], texts: Sequence[str]) -> Iterable[tuple[int, str, str]]:
    return zip(rows, texts[: len(rows)], texts[len(rows) :], strict=True)
