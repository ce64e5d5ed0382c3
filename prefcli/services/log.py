"""The log of what was generated, and judgements of it, so that generating feeds the next fit.

A judgement of a logged answer is feedback like any other, of the user whose profile answered; its
`source` is `(log)` and its `line` the answer's number. Judged again in the same way, an answer has
its last judgement only: a person who changes their mind does not contradict themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.feedback.records import Feedback, check_user
from prefcli.store import Selection, Store, StoredGeneration

SOURCE = "(log)"
LARGEST_ID = 2**63 - 1


def list_log(
    store: Store, user: str | None = None, limit: int = 0, *, unrated: bool = False
) -> Iterator[dict[str, Any]]:
    """What was generated, newest first.

    Args:
        store: The open home.
        user: Only this profile's or blend's, as it is named in the log.
        limit: At most so many; 0 for all.
        unrated: Only what nobody has judged.
    """
    judged = judged_ids(store)
    rows = (
        entry(stored, stored.id in judged)
        for stored in store.generations(user=user)
        if not (unrated and stored.id in judged)
    )
    return islice(rows, limit or None)


def show_log(store: Store, number: int) -> dict[str, Any]:
    """One entry with the judgements of it.

    Raises:
        NotFoundError: there is none of that number.
    """
    stored = _find(store, number)
    judgements = [
        {"id": row.id, "user": row.feedback.user, "kind": row.feedback.kind,
         "value": row.feedback.value, "high": row.feedback.high}
        for row in store.feedback(selection=Selection(source=SOURCE))
        if number in _ids(row.line, row.feedback)
    ]  # fmt: skip
    return entry(stored, bool(judgements)) | {"judgements": judgements}


def meant(store: Store, numbers: Sequence[int], user: str | None, everything: bool) -> list[int]:
    """The entries that `log rm` removes.

    Raises:
        UsageError: nothing is selected, or two ways at once.
        NotFoundError: there is no such entry.
    """
    if sum((bool(numbers), user is not None, everything)) != 1:
        raise UsageError("what to remove? give IDs, or --user NAME, or --all")
    if numbers:
        return [_find(store, number).id for number in numbers]
    found = [stored.id for stored in store.generations(user=user)]
    if not found and user is not None:
        raise NotFoundError(f"nothing in the log of {user!r}: see `prefcli log list`")
    return found


def remove_log(store: Store, numbers: Sequence[int]) -> dict[str, Any]:
    """Remove entries; judgements of them stay.

    Returns:
        `removed`: how many.
    """
    return {"removed": store.remove_generations(numbers)}


def rate(
    store: Store,
    number: int,
    *,
    user: str | None = None,
    up: bool | None = None,
    score: float | None = None,
    of: float | None = None,
    edited: str | None = None,
) -> dict[str, Any]:
    """Judge one logged answer.

    Args:
        store: The open home.
        number: Its number in the log.
        user: Who judges; default the user whose profile answered.
        up: A thumb: True for up, False for down.
        score, of: A rating from 1 to `of`.
        edited: The answer as the user would have it.

    Returns:
        `id` in the log, `user`, `kind`, `value`, and whether it is `new` and how many earlier
        judgements it `replaced`.

    Raises:
        UsageError: not exactly one judgement, or nobody says whose it is.
        NotFoundError: there is no such answer.
        DataError: the score is outside its scale.
    """
    if sum((up is not None, score is not None, edited is not None)) != 1:
        raise UsageError("how was it? give one of --up, --down, --score N --of M, --edit FILE")
    if (score is None) != (of is None):
        raise UsageError("--score and --of belong together, as in --score 4 --of 5")
    stored = _find(store, number)
    who = _judge(stored, user)
    if up is not None:
        said = Feedback(who, "thumb", stored.prompt, (stored.response,), float(up))
    elif score is not None:
        said = Feedback(who, "rating", stored.prompt, (stored.response,), score, low=1.0, high=of)
    else:
        assert edited is not None
        if edited == stored.response:
            raise DataError("the edit is the answer as it was: nothing was said")
        said = Feedback(who, "edit", stored.prompt, (edited, stored.response))
    return _keep(store, said, number)


def pick(store: Store, better: int, worse: int, *, user: str | None = None) -> dict[str, Any]:
    """Prefer one logged answer to another one to the same prompt.

    Returns, Raises:
        As `rate`; UsageError where the prompts differ or the answers do not.
    """
    first, second = _find(store, better), _find(store, worse)
    if first.prompt != second.prompt:
        raise UsageError(
            f"{better} and {worse} answer different prompts: only answers to one can be compared"
        )
    if first.response == second.response:
        raise UsageError(f"{better} and {worse} are the same text: a pick says nothing")
    named = {_name(each) for each in (first, second)} - {None}
    if user is None and len(named) == 1:
        user = named.pop()
    who = _judge(first, user)
    said = Feedback(
        *(who, "pair", first.prompt, (first.response, second.response)),
        row_id=f"{better}>{worse}",
    )
    return _keep(store, said, better)


def entry(stored: StoredGeneration, rated: bool) -> dict[str, Any]:
    """The fields of `log list`."""
    return {
        "id": stored.id,
        "created": stored.created,
        "profile": stored.user,
        "version": stored.version,
        "base": stored.base,
        "prompt": [{"role": turn.role, "content": turn.content} for turn in stored.prompt],
        "response": stored.response,
        "seed": stored.seed,
        "settings": stored.settings,
        "rated": rated,
    }


def judged_ids(store: Store) -> set[int]:
    """Numbers of the answers that somebody has judged."""
    rows = store.feedback(selection=Selection(source=SOURCE))
    return {number for row in rows for number in _ids(row.line, row.feedback)}


def _ids(line: int, said: Feedback) -> set[int]:
    """The answers in the log that a judgement is about."""
    if said.kind == "pair" and said.row_id:
        return {int(part) for part in said.row_id.split(">") if part.isdecimal()}
    return {line}


def _find(store: Store, number: int) -> StoredGeneration:
    found = store.generation(number) if 0 < number <= LARGEST_ID else None
    if found is None:
        raise NotFoundError(
            f"no answer {number} in the log: see `prefcli log list`, and generate with --log"
        )
    return found


def _name(stored: StoredGeneration) -> str | None:
    """The one user whose profile answered; None for the base or a blend."""
    return stored.user if stored.user is not None and stored.version is not None else None


def _judge(stored: StoredGeneration, user: str | None) -> str:
    who = user if user is not None else _name(stored)
    if who is None:
        by = "the plain base" if stored.user is None else f"the blend {stored.user}"
        raise UsageError(f"{by} gave answer {stored.id}: say with --user who judges it")
    try:
        return check_user(who)
    except DataError as error:
        raise UsageError(f"--user: {error.message}") from error


def _keep(store: Store, said: Feedback, number: int) -> dict[str, Any]:
    about = _ids(number, said)
    earlier = [
        row.id
        for row in store.feedback(
            selection=Selection(user=said.user, kind=said.kind, source=SOURCE)
        )
        if _ids(row.line, row.feedback) == about and row.feedback.key != said.key
    ]
    inserted, _ = store.add_feedback([(said, SOURCE, number)], lambda: {"sources": [SOURCE]})
    if earlier:
        store.remove_feedback(Selection(ids=earlier))
    return {
        "id": number,
        "user": said.user,
        "kind": said.kind,
        "value": said.value,
        "new": bool(inserted),
        "replaced": len(earlier),
    }
