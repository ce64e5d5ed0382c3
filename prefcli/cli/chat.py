"""`prefcli chat`."""

from __future__ import annotations

import dataclasses
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from prefcli.cli import completion, words
from prefcli.cli.options import (
    Base,
    JsonLines,
    MaxNewTokens,
    Stop,
    Temperature,
    TopP,
    command_group,
    drawn_seed_option,
    examples,
    somebody_types,
    strength_option,
)
from prefcli.cli.streaming import streamed
from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.output import Output

if TYPE_CHECKING:
    from prefcli.services.chat import Conversation

commands = command_group()

HELP = (
    ("/profile NAME", "answer the way NAME likes it; none is the plain base"),
    ("/system TEXT", "a system message; without TEXT none"),
    ("/seed N", "make answers repeatable; without N each is drawn"),
    ("/clear", "forget what was said"),
    ("/help", "this list"),
    ("/quit", "end, as Ctrl-D does"),
    ("//...", "say a line that begins with /"),
)


@commands.command(
    help="Talk with a base the way someone likes it.\n\n"
    "Every answer knows what was said before (but the built-in base's, which answers single "
    "questions). Ctrl-C stops an answer and keeps what came of it, "
    "Ctrl-D ends, /help lists the commands. When stdin is no terminal each line is one turn and "
    "stdout has the answers. Once the base has no room for all of it, the oldest turns are left "
    "out. With --log each whole answer is kept and can be judged with `rate`.",
    short_help="Talk with a base the way someone likes it.",
    epilog=examples(
        "prefcli chat --profile alice",
        "prefcli chat --system 'Use two sentences.' --log",
        "printf '%s\\n' 'What is tea?' 'Tell me more.' | prefcli chat --jsonl",
    ),
)
def chat(
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            "-p",
            metavar="USER[@VERSION]",
            help="Whose taste to follow, or a blend as alice=0.7,bob=0.3.",
            autocompletion=completion.profiles,
        ),
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="A system message.")] = None,
    base: Base = None,
    strength: Annotated[float, strength_option("How far to follow a profile.")] = 1.0,
    seed: Annotated[int | None, drawn_seed_option("answers")] = None,
    max_new_tokens: MaxNewTokens = 256,
    temperature: Temperature = 0.8,
    top_p: TopP = 0.95,
    stop: Stop = None,
    log: Annotated[
        bool, typer.Option("--log/--no-log", help="Keep each turn in the catalog.")
    ] = False,
    as_jsonl: JsonLines = False,
) -> None:
    from prefcli.services.chat import Conversation
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        talk = Conversation(
            store,
            profile,
            base=base,
            strength=strength,
            seed=seed,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            stop=stop or (),
            system=system,
            log=log,
            progress=output.progress,
        )
        person = somebody_types()
        session = _Session(output, talk, person, as_jsonl)
        if person:
            with _interruptible():
                session.run()
        else:
            session.run()


class _Session:
    """A conversation in a terminal, or one that a script drives."""

    def __init__(self, output: Output, talk: Conversation, person: bool, as_jsonl: bool) -> None:
        self.output = output
        self.talk = talk
        self.person = person
        self.as_jsonl = as_jsonl
        self.told: set[str] = set()

    def run(self) -> None:
        """Take lines until there are no more, or somebody quits."""
        if self.person:
            self.talk.generator.base()  # before the first question, not after it
            name = self.talk.generator.reference.name
            self.output.hint(f"{name}: /help lists the commands, Ctrl-D ends")
        if not self.talk.remembers:
            self.output.note("the built-in base knows single questions: each is answered by itself")
        for line in self._lines():
            try:
                if line.startswith("/") and not line.startswith("//"):
                    if not self._command(*line[1:].partition(" ")[::2]):
                        return
                elif line.strip():
                    self._turn(line.removeprefix("/"))
            except KeyboardInterrupt:
                if not self.person:
                    raise
                self.output.piece("\n")
                self.output.note("stopped; what was said stays in the conversation")
            except (UsageError, DataError, NotFoundError) as error:
                if not self.person:
                    raise
                self.output.error(error.message)

    def _lines(self) -> Iterator[str]:
        if not self.person:
            yield from _piped()
            return
        with suppress(ImportError):
            import readline  # noqa: F401 (gives `input` a history and editing keys)
        prompt = "> " if self.output.interactive else ""
        while True:
            try:
                yield input(prompt)
            except EOFError:
                if prompt:
                    self.output.piece("\n")
                return
            except KeyboardInterrupt:
                if prompt:
                    self.output.piece("\n")
                self.output.note("Ctrl-D or /quit ends")
            except UnicodeDecodeError:
                self.output.error("that line is not UTF-8")

    def _turn(self, text: str) -> None:
        before = self.talk.left_out
        if self.as_jsonl:
            answer = self.talk.say(text)
            self.output.jsonl(dataclasses.asdict(answer) | {"left_out": self.talk.left_out})
        else:
            answer = streamed(self.output, lambda show: self.talk.say(text, show))
        if self.talk.left_out > before:
            self._tell_once(
                f"the conversation is longer than the {self.talk.generator.room()} tokens that "
                "the base reads: from now on its oldest turns are left out"
            )
        for warning in answer.warnings:
            self._tell_once(warning)

    def _tell_once(self, warning: str) -> None:
        if warning not in self.told:
            self.told.add(warning)
            self.output.warning(warning)

    def _command(self, name: str, rest: str) -> bool:
        """Do what a line with a slash says; False to end."""
        rest = rest.strip()
        if name == "quit":
            return False
        if name == "help":
            width = max(len(command) for command, _ in HELP) + 2
            self._say("\n".join(f"{command:<{width}}{does}" for command, does in HELP))
        elif name == "profile":
            if not rest:
                raise UsageError("/profile NAME: whose? none is the plain base")
            self.talk.follow(rest)
            chosen = self.talk.profile
            self._say(f"profile: {chosen.full_name if chosen else 'none, the plain base'}")
        elif name == "system":
            self.talk.instruct(rest or None)
            self._say(f"system message: {rest or 'none'}")
        elif name == "seed":
            if rest and not (rest.isascii() and rest.isdecimal() and len(rest) < 20):
                raise UsageError(f"/seed {rest}: expected a whole number")
            self.talk.draw_from(int(rest) if rest else None)
            self._say(f"seed: {rest or 'drawn'}")
        elif name == "clear":
            count = len(self.talk.turns)
            self.talk.clear()
            self._say(f"{words.count(count, 'turn')} forgotten")
        else:
            raise UsageError(f"no command /{name}: /help lists them, and //{name} says it as text")
        return True

    def _say(self, text: str) -> None:
        """Tell a person what a command did; a script knows."""
        if self.person:
            self.output.hint(text)


def _piped() -> Iterator[str]:
    """The lines of a stdin that nobody types at, each as soon as it is there."""
    if sys.stdin is None:
        raise UsageError("chat reads stdin, which is closed")
    try:
        for number, line in enumerate(iter(sys.stdin.buffer.readline, b""), start=1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise DataError(f"stdin, line {number} is not UTF-8: byte {error.start}") from None
    except OSError as error:
        raise PrefcliError(f"cannot read stdin: {error.strerror or error}") from None


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let every Ctrl-C interrupt, not only the first: here it stops an answer, not the command."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
