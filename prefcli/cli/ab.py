"""`prefcli ab`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefcli.cli import dialogue, words
from prefcli.cli.evaluation_options import Tested, TestedProfile, tested
from prefcli.cli.options import (
    JsonLines,
    MaxNewTokens,
    command_group,
    drawn_seed_option,
    examples,
    strength_option,
)
from prefcli.errors import UsageError
from prefcli.output import Column, Output

if TYPE_CHECKING:
    from prefcli.services.blind_test import BlindTest

commands = command_group()

KEYS = {"1": "1", "2": "2", "=": "tie", "t": "tie", "s": "skip", "q": dialogue.QUIT}
LEGEND = "1, 2: the better one   =: tie   s: skip   q: quit"
COLUMNS = (
    Column("profile", "PROFILE", words.name, shrinks=True),
    Column("strength", "STRENGTH", "{:g}".format, right=True),
    Column("picks", "PICKS", words.name, right=True),
    Column("wins", "WINS", words.name, right=True),
    Column("ties", "TIES", words.name, right=True),
    Column("losses", "LOSSES", words.name, right=True),
    Column("win_rate", "WIN RATE", words.accuracy, right=True),
    Column("interval", "90 %", lambda ends: "{:.2f} to {:.2f}".format(*ends)),
)


@commands.command(
    help="A blind test: pick between the base's answer and the profile's, unlabelled.\n\n"
    "The user whose profile it is presses a single key for the better one of two answers, whose "
    "order is drawn anew each time. Prompts that the fit has seen prove nothing and are left out. "
    "The score stands for each version of the profile: wins, ties, losses, an interval and what "
    "follows. Picks are no feedback unless --keep is given.",
    short_help="A blind test of a profile against the base.",
    epilog=examples(
        "prefcli ab --user alice",
        "prefcli ab --user alice 'What is tea?' 'How do I iron a shirt?'",
        "prefcli ab --profile alice@2 --prompts prompts.txt -n 20 --keep",
        "prefcli ab --user alice --score",
    ),
)
def ab(
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROMPT...]", help="What to answer.", show_default=False),
    ] = None,
    user: Tested = None,
    profile: TestedProfile = None,
    prompts: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Prompts, one per line or JSONL with a prompt each."),
    ] = None,
    questions: Annotated[
        int | None,
        typer.Option(
            "--questions",
            "-n",
            min=1,
            metavar="N",
            help="How many; by default 10, or one for each PROMPT.",
        ),
    ] = None,
    strength: Annotated[float, strength_option("How far to follow the profile.")] = 1.0,
    max_new_tokens: MaxNewTokens = 256,
    seed: Annotated[int | None, drawn_seed_option("questions")] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Let every pick be feedback as well.")
    ] = False,
    score: Annotated[
        bool, typer.Option("--score", help="Show what the tests so far say, and ask nothing.")
    ] = False,
    as_jsonl: JsonLines = False,
) -> None:
    if as_jsonl and not score:
        raise UsageError("--jsonl prints scores: add --score")
    if score:
        if texts or prompts is not None or questions is not None or keep:
            raise UsageError("--score asks nothing: leave prompts, -n and --keep out")
        _scores(None if user is None and profile is None else tested(user, profile), as_jsonl)
        return
    name = tested(user, profile)
    if texts and prompts is not None:
        raise UsageError("prompts as arguments and --prompts exclude each other: give one")
    if prompts == "-" or not dialogue.somebody_is_there():
        raise UsageError(
            "no terminal to pick in: a blind test needs a person; without one there is "
            "`prefcli eval`"
        )

    from prefcli.services.blind_test import blind_test
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        test = blind_test(
            store,
            name,
            prompts=texts or prompts,
            questions=questions,
            strength=strength,
            max_new_tokens=max_new_tokens,
            seed=seed,
            keep=keep,
            progress=output.progress,
        )
        for note in test.notes:
            output.note(note)
        for warning in test.warnings:
            output.warning(warning)
        try:
            _dialogue(output, test)
        finally:  # after Ctrl-C too: what was picked is kept
            output.text(f"{words.count(test.stored, 'pick')} stored")
            if test.stored:
                output.fields({"verdict": test.score()["summary"]})


def _dialogue(output: Output, test: BlindTest) -> None:
    """Ask until there are no more questions, or somebody quits."""
    for number, question in enumerate(test.questions, start=1):
        dialogue.show(
            output,
            question.prompt,
            ("1", "2"),
            (question.first, question.second),
            f"Question {number} of {len(test.questions)}",
            LEGEND,
        )
        choice = dialogue.press(output, KEYS)
        if choice == dialogue.QUIT:
            return
        if choice != "skip":
            test.answer(question, choice)


def _scores(name: str | None, as_jsonl: bool) -> None:
    from prefcli.services.blind_test import blind_scores
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        rows: list[Mapping[str, Any]] = list(blind_scores(store, name))
        whose = "" if name is None else f" of {name}"
        output.listing(COLUMNS, rows, 0, as_jsonl, empty=f"no blind test{whose} yet: prefcli ab")
        if rows and not as_jsonl:
            output.text("")
            for row in rows:
                output.fields({"verdict": row["summary"]})
