"""Generate for many: JSONL records in, the same records with answers out, in order.

Records are read ahead in blocks of bounded size. Within a block those of similar length are
answered together, so that little is padding, and no more at once than fit a number of tokens. The
first block is one batch, and each that follows twice as long as the one before: the first answers
come soon, and what is in memory does not grow with the file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn, Unpack

from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.feedback import fields
from prefcli.services.generator import Generation, Generator, Job
from prefcli.services.sampling import Asked, Choice, check_text, pick_seed, under_system
from prefcli.store import Store

DEEPEST = 100  # levels of a record; the interpreter's own limit depends on who calls
BATCHES_AHEAD = 8  # batches in the largest block
TOKENS_AT_ONCE = 32_768  # of prompts and answers: attention memory of 4 GiB for a base of 7 billion


@dataclass(frozen=True)
class _Record:
    """A line: its number, what comes back, and what to do about it; None where it is bad."""

    number: int
    fields: dict[str, Any]
    job: Job | None


def generate_batch(
    store: Store,
    lines: Iterable[str],
    *,
    profile: str | None = None,
    batch_size: int = 32,
    skipped: int = 0,
    **asked: Unpack[Asked],
) -> Iterator[dict[str, Any]]:
    """Answer JSONL records, and give them back in order.

    A record has `prompt` (text or messages) and may have `profile`, `seed` and `stop` (a string or
    several), which override the arguments; every field comes back, with `response`, `profile`,
    `version`, `seed` and `warnings` added, and `log_id` where answers are logged. A record that
    cannot be answered comes back with `error`.

    Args:
        lines: JSONL; blank lines are passed over.
        profile: For every record that names none.
        batch_size: Records answered at once, at most.
        skipped: Records that came before `lines` and are done: seeds count them.
        asked: As in `generate`; `seed` is for the first record, one more for each that follows,
            `system` for every record that has none of its own.

    Raises:
        UsageError, NotFoundError: the arguments themselves are wrong.
    """
    choice = Choice.of(**asked)
    if batch_size < 1:
        raise UsageError(f"--batch-size {batch_size}: expected 1 or more")
    generator = Generator(store, choice, profile)
    generator.profile(profile)  # a wrong default is the caller's error, not every record's
    records = _records(generator, lines, profile, skipped)
    done, size = 0, batch_size
    while block := list(islice(records, size)):
        for record in _answered(generator, block, batch_size):
            yield record
            done += 1
            if choice.progress:
                choice.progress("generating", done, None)
        size = min(2 * size, BATCHES_AHEAD * batch_size)


def _records(
    generator: Generator, lines: Iterable[str], profile: str | None, skipped: int
) -> Iterator[_Record]:
    seed, done = generator.choice.seed, skipped
    for number, line in enumerate(lines, start=1):
        if line.strip():
            # One stream for all would open every answer with the same words.
            own = None if seed is None else (seed + done) % 2**63
            yield _Record(number, *_job(generator, line, number, profile, own))
            done += 1


def _answered(
    generator: Generator, block: Sequence[_Record], batch_size: int
) -> Iterator[dict[str, Any]]:
    """The records of a block, each as soon as it and all before it are answered."""
    found: dict[int, dict[str, Any]] = {
        place: record.fields for place, record in enumerate(block) if record.job is None
    }
    following = 0
    for batch in [[], *_batches(generator, block, batch_size)]:
        jobs = [job for place in batch if (job := block[place].job) is not None]
        for place, answer in zip(batch, _answers(generator, jobs), strict=True):
            found[place] = _result(generator, block[place], answer)
        while following in found:
            yield found.pop(following)
            following += 1


def _batches(generator: Generator, block: Sequence[_Record], batch_size: int) -> list[list[int]]:
    """Places in a block that are answered together, the batch with the earliest of them first."""
    answer = generator.settings.max_new_tokens
    lengths: dict[int, int] = {}
    failed = []
    for place, record in enumerate(block):
        if record.job is not None:
            try:
                lengths[place] = generator.prompt_length(record.job)
            except DataError:  # which its answer will tell
                failed.append(place)
    batches = [[place] for place in failed]
    batch: list[int] = []
    for place in sorted(lengths, key=lambda place: lengths[place]):
        longest = lengths[place] + answer  # they come in the order of their lengths
        if batch and (len(batch) == batch_size or (len(batch) + 1) * longest > TOKENS_AT_ONCE):
            batches.append(batch)
            batch = []
        batch.append(place)
    return sorted([*batches, batch] if batch else batches, key=min)


def _result(
    generator: Generator, record: _Record, answer: Generation | DataError | NotFoundError
) -> dict[str, Any]:
    if isinstance(answer, PrefcliError):
        return _failed(record.fields, record.number, answer)
    found = {
        **record.fields,
        "response": answer.response,
        "profile": answer.profile,
        "version": answer.version,
        "seed": answer.seed,
        "warnings": answer.warnings,
    }
    return found | {"log_id": answer.log_id} if generator.choice.log else found


def _answers(
    generator: Generator, jobs: Sequence[Job]
) -> list[Generation | DataError | NotFoundError]:
    """Each answer, or why there is none: a job that fails does not take the others with it."""
    if not jobs:
        return []
    generator.base()  # one that cannot be loaded is no fault of a record
    try:
        responses = generator.answer(jobs)
    except (DataError, NotFoundError) as error:  # the latter: a space that is gone by now
        if len(jobs) == 1:
            return [error]
    else:
        return list(generator.results(jobs, responses))
    middle = len(jobs) // 2
    return _answers(generator, jobs[:middle]) + _answers(generator, jobs[middle:])


def _failed(record: Mapping[str, Any], number: int, error: PrefcliError) -> dict[str, Any]:
    kept = {name: value for name, value in record.items() if name != "response"}
    return {**kept, "error": f"line {number}: {error.message}"}


def _job(
    generator: Generator,
    line: str,
    number: int,
    profile: str | None,
    seed: int | None,
) -> tuple[dict[str, Any], Job | None]:
    """The record as it came and what to do about it; a bad record carries its `error`."""
    try:
        record = _decode(line)
    except DataError as error:
        return {"error": f"line {number}: {error.message}", "line": line.rstrip("\n")}, None
    try:
        given = record.get("profile", profile)
        if given is not None and not isinstance(given, str):
            raise DataError("field 'profile': expected a name")
        own_seed = record.get("seed", seed)
        if own_seed is not None and (
            not isinstance(own_seed, int) or isinstance(own_seed, bool) or not 0 <= own_seed < 2**63
        ):
            raise DataError("field 'seed': expected a whole number from 0 to 2**63 - 1")
        prompt = under_system(fields.question(record, "prompt"), generator.choice.system)
        check_text(prompt)
        stop = _stop(record["stop"]) if "stop" in record else None
        job = Job(prompt, generator.profile(given), pick_seed(own_seed), stop)
    except PrefcliError as error:
        return _failed(record, number, error), None
    record.pop("error", None)  # what an earlier run said of this record
    return record, job


def _stop(given: Any) -> tuple[str, ...]:
    """The stop strings of a record.

    Raises:
        DataError: it is neither a string nor several, or one is empty.
    """
    stop = [given] if isinstance(given, str) else [] if given is None else given
    if not isinstance(stop, list) or not all(isinstance(each, str) and each for each in stop):
        raise DataError("field 'stop': expected a text or a list of texts, none of them empty")
    return tuple(stop)


def _decode(line: str) -> dict[str, Any]:
    """The record of a line, all of which can be written again as JSON.

    Raises:
        DataError: it is no JSON object, or holds what JSON has no words for.
    """
    try:
        record = json.loads(line, parse_constant=_refuse_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON: {error.msg} (character {error.pos + 1})") from None
    except ValueError:  # an integer longer than `sys.get_int_max_str_digits()`
        raise DataError("a number has too many digits") from None
    except RecursionError:
        raise DataError(f"nested deeper than {DEEPEST} levels") from None
    if not isinstance(record, dict):
        raise DataError("expected a JSON object")
    if _depth(record) > DEEPEST:
        raise DataError(f"nested deeper than {DEEPEST} levels")
    return record


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _refuse_number(text: str) -> NoReturn:
    raise DataError(f"{text[:40]} is not a finite number, and JSON has no other")


def _depth(value: Any) -> int:
    """How many objects and lists lie within each other, level by level, without recursion."""
    depth = 0
    level = [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [
            inner for item in level for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return depth
