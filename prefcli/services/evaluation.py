"""Is a profile better than the base? Measured on prompts that its fit has not seen.

Base and profile answer the same prompts from the same random streams, a judge scores all answers
without knowing whose they are, and what comes out is a win rate with an interval, clustered by
prompt, and a verdict. Beside it stands what a judge of the taste alone would not see: whether the
text still reads like the base's (`fluency`), and how far the profile moves the base where its taste
should not matter (`drift`).

The default judge is the profile's own reward, read off the answers by the space's encoder. It tells
whether generating does what the fit wanted, and nothing of whether the fit is what the person
wants: for that there is the held-out accuracy, another judge, or the person (`prefcli ab`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from prefcli import tiny
from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.feedback.records import Prompt, encoding_key
from prefcli.services import drift, fluency
from prefcli.services.blends import Taste, find_taste
from prefcli.services.candidates import encode_answers
from prefcli.services.generate import AT_ONCE
from prefcli.services.generator import Chosen, Generator, Job
from prefcli.services.judges import Answer, FunctionJudge, Judge
from prefcli.services.prompts import different_prompts
from prefcli.services.sampling import Choice, Settings, pick_seed
from prefcli.services.spaces import SpaceReference, space_of
from prefcli.services.unseen_prompts import Unseen, kept_out, unseen_prompts, warn_of
from prefcli.solvers.wins import compare_scores, count_wins, in_words
from prefcli.store import Store

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.space import Space
    from prefcli.profile import Profile
    from prefcli.progress import Progress

FloatArray = npt.NDArray[np.float64]

PROMPTS, ANSWERS = 40, 2  # by default at most so many prompts, and answers of each side to each
MAX_NEW_TOKENS = 128
MOST_PROMPTS, MOST_ANSWERS = 10_000, 64
# Text is surely worse than the base's own from so many nats per token more, or so large a share
# more of broken answers: then the verdict says so.
DEARER, MORE_BROKEN = 0.5, 0.05


@dataclass(frozen=True)
class Pair:
    """What both sides answered to one prompt from one random stream."""

    prompt: Prompt
    seed: int
    of_base: str
    of_profile: str


class RewardJudge:
    """The profile's own reward of where an answer lies in the space."""

    kind = "reward"
    words = "by its own reward, which is no independent judge"
    scores_are = "reward, in logits"

    def __init__(self, base: Base, space: Space, profile: Profile) -> None:
        self.base, self.space, self.profile = base, space, profile

    def __call__(self, answers: Sequence[Answer], progress: Progress | None = None) -> FloatArray:
        """Rewards of the answers."""
        found = encode_answers(self.base, self.space, list(dict.fromkeys(answers)), progress)
        means = b"".join(found[encoding_key(*answer)].mean for answer in answers)
        points = np.frombuffer(means, dtype="<f4").astype(np.float64)
        rewards: FloatArray = self.profile.reward(points.reshape(-1, self.space.size))
        return rewards


def evaluate(
    store: Store,
    profile: str,
    *,
    judge: Judge | Callable[[str, str], float] | None = None,
    prompts: str | Sequence[Prompt] | None = None,
    count: int = PROMPTS,
    answers: int = ANSWERS,
    neutral: str | None = None,
    strength: float = 1.0,
    max_new_tokens: int = MAX_NEW_TOKENS,
    seed: int = 0,
    save: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare a profile with the plain base.

    Args:
        store: The open home.
        profile: `user`, `user@version`, or a blend.
        judge: Scores answers (see `services.judges`), or a function of a prompt's text and an
            answer; default the profile's own reward.
        prompts: A file, `-` for stdin, or prompts; default see `services.unseen_prompts`.
        count: At most so many prompts.
        answers: Of each side to each prompt.
        neutral: A file of prompts to measure drift on; default `drift.NEUTRAL`, and for the
            embedded base, which cannot read those, the prompts themselves.
        strength, max_new_tokens: See `generate.Settings`.
        seed: Everything random.
        save: Write every pair of answers with its scores to this file, as JSONL.

    Returns:
        The fields of `eval --json` (docs/json.md).

    Raises:
        UsageError, NotFoundError, DataError: as the arguments deserve.
        PrefcliError: the judge fails, or the file cannot be written.
    """
    settings = Settings(strength, max_new_tokens)
    if strength == 0:
        raise UsageError("--strength 0 is the base itself: there is nothing to compare")
    for flag, value, most in (("--count", count, MOST_PROMPTS), ("--answers", answers,
                                                                 MOST_ANSWERS)):  # fmt: skip
        if not 1 <= value <= most:
            raise UsageError(f"{flag} {value}: expected 1 to {most}")
    pick_seed(seed)
    taste = find_taste(store, profile)
    reference = space_of(store, taste.space)
    generator = Generator(store, Choice(settings, progress=progress), profile)
    chosen = generator.profile(profile)
    assert chosen is not None
    learned = taste.open()
    asked, sides = _sides(store, taste, reference, chosen, prompts, count, seed, strength, progress)
    apart = _neutral(reference, asked, neutral)
    if save is not None:
        _write(save, [])  # which fails before the work and not after it
    pairs = _answers(generator, asked.prompts, sides, answers, seed, progress)

    base, space = generator.base(), generator.space(taste.space)
    room = generator.room()
    by: Judge
    if judge is None:
        by = RewardJudge(base, space, learned)
    else:
        by = judge if isinstance(judge, Judge) else FunctionJudge(judge)
    scores = _scores(by, pairs, seed, progress)
    outcomes = compare_scores(scores[1], scores[0])
    # A judge that is not sure of itself shall not tell a text from itself.
    outcomes[[pair.of_base == pair.of_profile for pair in pairs]] = 0.5
    if save is not None:
        _write(save, [_saved(pair, *both) for pair, *both in zip(pairs, *scores, strict=True)])
    number = {prompt: place for place, prompt in enumerate(asked.prompts)}
    wins = count_wins(outcomes, [number[pair.prompt] for pair in pairs])
    read = fluency.measure(
        base,
        [pair.prompt for pair in pairs],
        [pair.of_base for pair in pairs],
        [pair.of_profile for pair in pairs],
        room=room,
        max_new_tokens=max_new_tokens,
        seed=seed,
        progress=progress,
    )

    def point(prompt: Prompt) -> FloatArray | None:
        if chosen.by_prompt is None:
            return chosen.z
        features = space.read_prompts(base, [prompt])[0]
        return chosen.by_prompt.latent(strength, features=features)

    moved = drift.measure_drift(
        base, space, apart[1], point, room=room, seed=seed, progress=progress
    )
    name = taste.full_name
    summary = in_words(wins, name, by.words)
    if chosen.z is None:
        summary = f"{name} learned nothing and answers exactly as the base does."
    caution = _caution(read)
    return {
        "profile": name,
        "user": taste.name if taste.version is not None else None,
        "version": taste.version,
        "base": reference.base,
        "space": reference.name,
        "strength": strength,
        "judge": by.kind,
        "judged": by.words,
        "scores_are": by.scores_are,
        "independent": by.kind != RewardJudge.kind,
        "prompts": len(asked.prompts),
        "answers": answers,
        "source": asked.source,
        "source_words": asked.words,
        "left_out": asked.left_out,
        "seed": seed,
        "heldout": _heldout(taste),
        **wins.as_dict(),
        "scores": {
            side: round(float(values.mean()), 4)
            for side, values in zip(("base", "profile"), scores, strict=True)
        },
        "fluency": read,
        "drift": {"on": apart[0], **moved},
        "summary": f"{summary} {caution}".strip(),
        "warnings": warn_of(generator, asked.prompts),
    }


def _sides(
    store: Store,
    taste: Taste,
    reference: SpaceReference,
    chosen: Chosen,
    given: str | Sequence[Prompt] | None,
    count: int,
    seed: int,
    strength: float,
    progress: Progress | None,
) -> tuple[Unseen, dict[Prompt, Chosen]]:
    """The prompts, and who answers each: the profile, or a fit that has not seen the prompt."""
    found = unseen_prompts(store, taste, reference, given, seed)
    if found is not None:
        asked = found.prompts[:count]
        if not asked:
            raise DataError("no prompts that the fit has not seen: name some with --prompts FILE")
        kept = Unseen(asked, found.source, found.words, found.left_out)
        return kept, dict.fromkeys(asked, chosen)
    sides: dict[Prompt, Chosen] = {}
    for number, (prompts, profile) in enumerate(kept_out(store, taste, reference, seed, progress)):
        z = profile.latent(strength)
        without = Chosen(f"{taste.name} without part {number}", None, z, taste.space)
        sides |= dict.fromkeys(prompts, without)
    order = np.random.default_rng(seed).permutation(len(sides))[:count]
    every = list(sides)
    asked = [every[i] for i in order]
    words = "of the user's own, each answered by a fit without it"
    return Unseen(asked, "kept out", words), {prompt: sides[prompt] for prompt in asked}


def _neutral(
    reference: SpaceReference, asked: Unseen, source: str | None
) -> tuple[str, list[Prompt]]:
    """What drift is measured on: in a word, and the prompts.

    Raises:
        UsageError, NotFoundError, DataError: the file cannot be read, or holds no prompt.
    """
    if source is not None:
        return "file", different_prompts(source, f"--neutral {source}")
    if reference.base == tiny.NAME:
        return "the same prompts", asked.prompts
    return "neutral prompts", drift.neutral_prompts()


def _answers(
    generator: Generator,
    prompts: Sequence[Prompt],
    sides: dict[Prompt, Chosen],
    answers: int,
    seed: int,
    progress: Progress | None,
) -> list[Pair]:
    """Both sides' answers, those to one prompt beside each other."""
    jobs = [
        (prompt, (seed + place * answers + number) % 2**63)
        for place, prompt in enumerate(prompts)
        for number in range(answers)
    ]
    # Prompts that are alike in length share a batch.
    order = sorted(range(len(jobs)), key=lambda i: sum(len(t.content) for t in jobs[i][0]))
    found: dict[int, Pair] = {}
    generator.base()  # loaded before the answers are counted
    size = AT_ONCE // 2
    for start in range(0, len(order), size):
        if progress:
            progress("answering", start, len(order))
        rows = order[start : start + size]
        plain = [Job(jobs[i][0], None, jobs[i][1]) for i in rows]
        liked = [Job(jobs[i][0], sides[jobs[i][0]], jobs[i][1]) for i in rows]
        texts = generator.answer([*plain, *liked])
        for i, of_base, of_profile in zip(
            rows, texts[: len(rows)], texts[len(rows) :], strict=True
        ):
            found[i] = Pair(*jobs[i], of_base, of_profile)
    return [found[i] for i in range(len(jobs))]


def _scores(
    judge: Judge, pairs: Sequence[Pair], seed: int, progress: Progress | None
) -> tuple[FloatArray, FloatArray]:
    """Scores of the base's answers and of the profile's, (n,) each."""
    answers = [(pair.prompt, pair.of_base) for pair in pairs]
    answers += [(pair.prompt, pair.of_profile) for pair in pairs]
    order = np.random.default_rng((seed, 1)).permutation(len(answers))
    given = np.asarray(judge([answers[i] for i in order], progress), dtype=np.float64)
    if given.shape != (len(answers),) or not np.isfinite(given).all():
        raise PrefcliError(
            f"the judge gave {given.size} numbers for {len(answers)} answers, or some that are "
            "not finite: expected one finite number for each"
        )
    scores = np.empty(len(answers))
    scores[order] = given
    return scores[: len(pairs)], scores[len(pairs) :]


def _heldout(taste: Taste) -> dict[str, Any] | None:
    """What the fit found of itself on prompts kept out of it; None where it was not measured."""
    if taste.version is None:
        return None
    found: dict[str, Any] | None = taste.parts[0][0].summary.get("learned")
    return found


def _caution(read: dict[str, Any]) -> str:
    """What is to be added to the verdict where the text itself is surely worse."""
    told = []
    if read["nll_more_interval"][0] > DEARER:
        more = read["nll_more"]
        told.append(f"its answers cost the base {more:.2f} nats more per token than its own")
    broken = read["profile"]["broken"]
    if broken > read["base"]["broken"] + MORE_BROKEN:
        told.append(f"{100 * broken:.0f} % of them are broken")
    return f"But {' and '.join(told)}: try a lower --strength." if told else ""


def _saved(pair: Pair, of_base: float, of_profile: float) -> dict[str, Any]:
    return {
        "prompt": [{"role": turn.role, "content": turn.content} for turn in pair.prompt],
        "seed": pair.seed,
        "base": pair.of_base,
        "profile": pair.of_profile,
        "base_score": float(of_base),
        "profile_score": float(of_profile),
    }


def _write(path: str, rows: Sequence[dict[str, Any]]) -> None:
    try:
        Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, ValueError) as error:
        raise NotFoundError(f"--save {path}: no such directory, or no name of a file") from error
    except OSError as error:
        raise PrefcliError(f"--save {path}: cannot be written ({error.strerror})") from error
