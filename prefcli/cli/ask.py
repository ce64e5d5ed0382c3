"""`prefcli ask`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from prefcli.cli import completion, dialogue, words
from prefcli.cli.options import (
    JsonLines,
    MaxNewTokens,
    Space,
    command_group,
    drawn_seed_option,
    examples,
    finite,
)
from prefcli.errors import UsageError
from prefcli.output import Output

if TYPE_CHECKING:
    from prefcli.services.ask import Asker

commands = command_group()

KEYS = {"a": "a", "b": "b", "t": "tie", "x": "both-bad", "s": "skip", "q": "quit"}
LEGEND = "a, b: the better one   t: tie   x: both bad   s: skip   q: quit"


@commands.command(
    help="Ask a user which of two answers is better, where that tells most.\n\n"
    "In a terminal one key answers, and each answer is feedback at once. With --jsonl each "
    'question is a line; add a "choice" (a, b, tie, both-bad or skip) to it and give it to '
    "ingest. If none are named, prompts are those of the user's feedback, then, for the built-in "
    "base, topics of its own; what other people asked is shown only with --from-others.",
    short_help="Ask a user the questions that tell most.",
    epilog=examples(
        "prefcli ask --user alice",
        "prefcli ask --user alice -n 20 --fit",
        "prefcli ask --user alice --prompts prompts.txt --jsonl > questions.jsonl",
        "prefcli ingest answered.jsonl",
    ),
)
def ask(
    user: Annotated[
        str,
        typer.Option(
            "--user",
            "-u",
            metavar="NAME",
            help="Who is asked; may be new.",
            autocompletion=completion.users,
        ),
    ],
    questions: Annotated[
        int, typer.Option("--questions", "-n", min=1, metavar="N", help="How many to ask.")
    ] = 10,
    prompts: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Prompts, one per line or JSONL with a prompt each; - is stdin."
        ),
    ] = None,
    from_others: Annotated[
        bool, typer.Option("--from-others", help="Show prompts of other people's feedback, too.")
    ] = False,
    generated: Annotated[
        bool,
        typer.Option("--generated", help="Ask about logged answers only, and sample none."),
    ] = False,
    plain: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="X",
            help="Share of the questions that compare two plain samples of the base.",
            callback=finite,
        ),
    ] = 0.25,
    answers: Annotated[
        int,
        typer.Option(min=4, metavar="N", help="Answers to sample for each prompt; half are plain."),
    ] = 8,
    max_new_tokens: MaxNewTokens = 256,
    space: Space = None,
    seed: Annotated[int | None, drawn_seed_option("questions")] = None,
    fit: Annotated[bool, typer.Option("--fit", help="Fit the user at the end.")] = False,
    as_jsonl: JsonLines = False,
) -> None:
    if as_jsonl and fit:
        raise UsageError("--fit needs answers, and --jsonl only prints questions: leave one out")
    if from_others and (prompts is not None or generated):
        raise UsageError("--from-others is for questions without --prompts and --generated")
    if not as_jsonl:
        _check_terminal(prompts)

    from prefcli.services import ask as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        asker = service.ask(
            store,
            user,
            questions=questions,
            prompts=prompts,
            from_others=from_others,
            generated=generated,
            plain=plain,
            answers=answers,
            max_new_tokens=max_new_tokens,
            space=space,
            seed=seed,
            progress=output.progress,
        )
        for warning in asker.warnings:
            output.warning(warning)
        if as_jsonl:
            found = asker.questions()
            for question in found:
                output.jsonl(question.as_dict())
            if len(found) < questions:
                output.note(f"only {len(found)}: the prompts have no more different answers")
            return
        try:
            _dialogue(output, asker, questions)
        finally:  # after Ctrl-C too: what was answered is kept
            output.text(f"{words.count(asker.stored, 'answer')} stored")
        if fit and store.has_user(user):
            from prefcli.cli.fit import print_reports
            from prefcli.services import fit as fitting

            reports = fitting.fit_users(store, [user], space=space, progress=output.progress)
            print_reports(output, reports, as_json=False, as_jsonl=False)
        elif asker.stored:
            output.text(f"Next: prefcli fit --user {user}")


def _check_terminal(prompts: str | None) -> None:
    """Refuse to wait for keys that nobody can press.

    Raises:
        UsageError: stdin or stdout is no terminal.
    """
    if prompts == "-" or not dialogue.somebody_is_there():
        raise UsageError(
            "no terminal to ask in: --jsonl prints the questions, and ingest reads them with a "
            '"choice" added'
        )


def _dialogue(output: Output, asker: Asker, count: int) -> None:
    """Ask until there were `count` questions, there are no more, or somebody quits."""
    for number in range(1, count + 1):
        question = asker.next()
        if question is None:
            output.note("the prompts have no more different answers: give more with --prompts FILE")
            return
        dialogue.show(
            output,
            question.prompt,
            ("A", "B"),
            (question.a, question.b),
            f"Question {number} of {count}",
            LEGEND,
        )
        choice = dialogue.press(output, KEYS)
        if choice == dialogue.QUIT:
            return
        if choice != "skip":
            asker.answer(question, choice)
