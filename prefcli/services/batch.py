"""Generate for many: JSONL records in, the same records with answers out, a batch at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.feedback import fields
from prefcli.services.generate import (
    MAX_NEW_TOKENS,
    TEMPERATURE,
    TOP_P,
    Generator,
    Job,
    Settings,
    check_system,
    check_text,
    pick_seed,
    under_system,
)
from prefcli.store import Store

if TYPE_CHECKING:
    from prefcli.progress import Progress

DEEPEST = 100  # levels of a record; the interpreter's own limit depends on who calls


def generate_batch(
    store: Store,
    lines: Iterable[str],
    *,
    profile: str | None = None,
    base: str | None = None,
    strength: float = 1.0,
    seed: int | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    temperature: float = TEMPERATURE,
    top_p: float = TOP_P,
    log: bool = False,
    system: str | None = None,
    batch_size: int = 32,
    skipped: int = 0,
    progress: Progress | None = None,
) -> Iterator[dict[str, Any]]:
    """Answer JSONL records in order, a batch at a time.

    A record has `prompt` (text or messages) and may have `profile` and `seed`, which override the
    arguments; every field comes back, with `response`, `profile`, `version`, `seed` and `warnings`
    added. A record that cannot be answered comes back with `error`.

    Args:
        lines: JSONL; blank lines are passed over.
        batch_size: Records answered at once.
        system: A system message for every record that has none of its own.
        skipped: Records that came before `lines` and are done: seeds count them.
        seed: For the first record, one more for each that follows; a record may have its own.
            None draws one for each.
        Others as in `generate`.

    Raises:
        UsageError, NotFoundError: the arguments themselves are wrong.
    """
    settings = Settings(strength, max_new_tokens, temperature, top_p)
    if batch_size < 1:
        raise UsageError(f"--batch-size {batch_size}: expected 1 or more")
    generator = Generator(store, settings, base, profile, progress)
    check_system(system)
    generator.profile(profile)  # a wrong default is the caller's error, not every record's
    pending: list[tuple[int, dict[str, Any], Job | None]] = []
    done = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        # One stream for all would open every answer with the same words.
        own = None if seed is None else (seed + skipped + done + len(pending)) % 2**63
        pending.append((number, *_job(generator, line, number, profile, own, system)))
        if len(pending) == batch_size:
            yield from _answered(generator, pending, log)
            done += len(pending)
            pending = []
            if progress:
                progress("generating", done, None)
    yield from _answered(generator, pending, log)


def _answered(
    generator: Generator,
    pending: Sequence[tuple[int, dict[str, Any], Job | None]],
    log: bool,
) -> Iterator[dict[str, Any]]:
    jobs = [job for _, _, job in pending if job is not None]
    answers = iter(_answers(generator, jobs))
    warnings = iter(generator.warnings(jobs))
    for number, record, job in pending:
        if job is None:
            yield record
            continue
        response, told = next(answers), next(warnings)
        if isinstance(response, PrefcliError):
            yield _failed(record, number, response)
            continue
        if log:
            generator.log(job, response)
        chosen = job.profile
        yield {
            **record,
            "response": response,
            "profile": chosen.user if chosen else None,
            "version": chosen.version if chosen else None,
            "seed": job.seed,
            "warnings": told,
        }


def _answers(generator: Generator, jobs: Sequence[Job]) -> list[str | DataError | NotFoundError]:
    """Each answer, or why there is none: a job that fails does not take the others with it."""
    if jobs:
        generator.base()  # one that cannot be loaded is no fault of a record
    try:
        return list(generator.answer(jobs))
    except (DataError, NotFoundError) as error:  # the latter: a space that is gone by now
        if len(jobs) == 1:
            return [error]
    return [answer for job in jobs for answer in _answers(generator, [job])]


def _failed(record: Mapping[str, Any], number: int, error: PrefcliError) -> dict[str, Any]:
    kept = {name: value for name, value in record.items() if name != "response"}
    return {**kept, "error": f"line {number}: {error.message}"}


def _job(
    generator: Generator,
    line: str,
    number: int,
    profile: str | None,
    seed: int | None,
    system: str | None,
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
        prompt = under_system(fields.question(record, "prompt"), system)
        check_text(prompt)
        job = Job(prompt, generator.profile(given), pick_seed(own_seed))
    except PrefcliError as error:
        return _failed(record, number, error), None
    record.pop("error", None)  # what an earlier run said of this record
    return record, job


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
