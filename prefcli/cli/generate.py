"""`prefcli generate`."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from prefcli.cli import completion, words
from prefcli.cli.options import (
    Base,
    Json,
    MaxNewTokens,
    Stop,
    Temperature,
    TopP,
    command_group,
    drawn_seed_option,
    examples,
    strength_option,
)
from prefcli.cli.streaming import streamed
from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.output import Output

if TYPE_CHECKING:
    from prefcli.services.generator import Generation
    from prefcli.store import Store

commands = command_group()


@commands.command(
    help="Answer a prompt the way someone likes it.\n\n"
    "PROMPT is the argument or, without one, everything on stdin. With --batch each line of "
    'FILE is a JSON object with a "prompt" and, where they differ, a "profile", "seed" or "stop"; '
    "it comes back as one line with the response added, or with an error, and then the exit code "
    "is 65. With --resume the lines go to a file and not to stdout; after an interruption the same "
    "words go on where it ended.",
    short_help="Answer a prompt the way someone likes it.",
    epilog=examples(
        "prefcli generate --profile alice 'How do I cook rice?'",
        "echo 'How do I cook rice?' | prefcli generate --profile alice",
        "prefcli generate --profile alice=0.7,bob=0.3 'How do I cook rice?'",
        "prefcli generate --count 3 --system 'Use two sentences.' 'What is tea?'",
        "prefcli generate --batch prompts.jsonl > answers.jsonl",
        "prefcli generate --batch prompts.jsonl --resume answers.jsonl",
    ),
)
def generate(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="[PROMPT]", help="What to answer; - is stdin.", show_default=False),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            "-p",
            metavar="USER[@VERSION]",
            help="Whose taste to follow, or a blend as alice=0.7,bob=0.3; without it the plain "
            "base answers.",
            autocompletion=completion.profiles,
        ),
    ] = None,
    base: Base = None,
    strength: Annotated[
        float, strength_option("How far to follow it; 0 is exactly the base, 1 the profile.")
    ] = 1.0,
    seed: Annotated[int | None, drawn_seed_option("answers")] = None,
    max_new_tokens: MaxNewTokens = 256,
    temperature: Temperature = 0.8,
    top_p: TopP = 0.95,
    stop: Stop = None,
    batch: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Answer every line of a JSONL file; - is stdin."),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="With --batch: at most so many at once."),
    ] = 32,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="With --batch: add the answers to FILE, after those it has already.",
        ),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="A system message; a record's own goes before it."),
    ] = None,
    count: Annotated[
        int,
        typer.Option(
            "--count", "-n", min=1, metavar="N", help="So many answers, seeds counting up."
        ),
    ] = 1,
    log: Annotated[
        bool, typer.Option("--log/--no-log", help="Keep prompt and answer in the catalog.")
    ] = False,
    as_json: Json = False,
) -> None:
    if batch is not None and prompt is not None:
        raise UsageError("give either a PROMPT or --batch FILE, not both")
    if batch is not None and as_json:
        raise UsageError("--batch prints JSON lines as it is: leave --json out")
    if batch is not None and count != 1:
        raise UsageError("--count is for one prompt: give a --batch its lines several times")
    if resume is not None and batch is None:
        raise UsageError("--resume goes on with a --batch FILE: give both")
    text = read_prompt(prompt) if batch is None else ""

    from prefcli.store import Store

    sampling: dict[str, Any] = {
        "profile": profile,
        "base": base,
        "strength": strength,
        "seed": seed,
        "max_new_tokens": max_new_tokens,
        "temperature": temperature,
        "top_p": top_p,
        "stop": stop or (),
        "system": system,
        "log": log,
    }
    with Output() as output, Store.open() as store:
        sampling["progress"] = output.progress
        if batch is not None:
            _answer_lines(output, store, batch, batch_size, resume, sampling)
        elif count > 1:
            _answer_several(output, store, text, count, as_json, sampling)
        elif as_json:
            _answer_as_json(output, store, text, sampling)
        else:
            _answer(output, store, text, sampling)


def _answer(output: Output, store: Store, prompt: str, sampling: dict[str, Any]) -> None:
    from prefcli.services.generate import generate as run

    answer = streamed(output, lambda show: run(store, prompt, on_text=show, **sampling))
    for warning in answer.warnings:
        output.warning(warning)


def _answer_as_json(output: Output, store: Store, prompt: str, sampling: dict[str, Any]) -> None:
    from prefcli.services.generate import generate as run

    answer = run(store, prompt, **sampling)
    output.json(dataclasses.asdict(answer))
    for warning in answer.warnings:
        output.warning(warning)


def _answer_several(
    output: Output, store: Store, prompt: str, count: int, as_json: bool, sampling: dict[str, Any]
) -> None:
    from prefcli.services.generate import generate_many

    answers: list[Generation] = []
    for answer in generate_many(store, prompt, count, **sampling):
        if not as_json:
            output.text(f"---\n{answer.response}" if answers else answer.response)
        answers.append(answer)
    if as_json:
        output.json({"answers": [dataclasses.asdict(answer) for answer in answers]})
    for warning in dict.fromkeys(told for answer in answers for told in answer.warnings):
        output.warning(warning)


def _answer_lines(
    output: Output,
    store: Store,
    source: str,
    batch_size: int,
    resume: str | None,
    sampling: dict[str, Any],
) -> None:
    from prefcli.services.batch import generate_batch
    from prefcli.services.resume import append, check_done

    bad = 0
    warned: Counter[str] = Counter()
    with _open_lines(source) as lines:
        if resume is not None:
            path = Path(resume)
            done = check_done(path, lines)
            bad = done.bad
            if done.records:
                output.note(f"{resume}: {words.count(done.records, 'answer')} there already")
            sampling = sampling | {"skipped": done.records}
        records = generate_batch(store, lines, batch_size=batch_size, **sampling)
        for record in records if resume is None else append(path, done, records):
            if resume is None:
                output.jsonl(record)
            if "error" in record:  # its other fields are whatever came in
                bad += 1
            else:
                warned.update(record.get("warnings", ()))
    for warning, count in warned.items():
        output.warning(f"{words.count(count, 'record')}: {warning}")
    if bad:
        were = "record was" if bad == 1 else "records were"
        raise DataError(f"{source}: {bad} {were} bad, see the field 'error' of the output")


def read_prompt(argument: str | None) -> str:
    """The prompt: the argument, or all of stdin.

    Raises:
        UsageError: there is none.
        DataError: it is not UTF-8.
        NotFoundError: stdin cannot be read.
    """
    if argument is not None and argument != "-":
        try:
            argument.encode()
        except UnicodeEncodeError:  # the shell's bytes, kept by Python as half characters
            raise DataError("the prompt is not UTF-8") from None
        return argument
    if sys.stdin is None or (argument is None and sys.stdin.isatty()):
        raise UsageError("no prompt: give it as an argument, or on stdin, or use --batch FILE")
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"stdin is not UTF-8: byte {error.start}") from None
    except OSError as error:
        raise NotFoundError(f"cannot read the prompt from stdin: {error.strerror}") from None


@contextmanager
def _open_lines(source: str) -> Iterator[Iterator[str]]:
    """The lines of a file or of stdin, each read when it is asked for."""
    if not source:
        raise UsageError("--batch needs the name of a file, or - for stdin")
    if source == "-":
        if sys.stdin is None:
            raise UsageError("--batch - reads stdin, which is closed")
        yield _decode(sys.stdin.buffer, source)
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115
    except FileNotFoundError:
        raise NotFoundError(f"no such file: {source}") from None
    except IsADirectoryError:
        raise NotFoundError(f"{source} is a directory, expected a JSONL file") from None
    except OSError as error:
        raise NotFoundError(f"cannot open {source}: {error.strerror}") from None
    with file:
        yield _decode(file, source)


def _decode(stream: BinaryIO, source: str) -> Iterator[str]:
    """The lines of a stream, plain or gzipped."""
    import gzip
    import zlib

    number = 0
    try:
        if isinstance(stream, io.BufferedReader) and stream.peek(2)[:2] == b"\x1f\x8b":
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=stream))
        for number, line in enumerate(stream, start=1):
            # A byte that is not UTF-8 becomes \xNN, which is no JSON: the line is a bad record
            # then, and the others are answered.
            yield line.decode("utf-8-sig" if number == 1 else "utf-8", "backslashreplace")
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(
            f"{source}: the gzip data is cut off or damaged after line {number}; "
            "copy the file again"
        ) from None
    except OSError as error:
        raise NotFoundError(f"cannot read {source}: {error.strerror or error}") from None
