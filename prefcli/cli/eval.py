"""`prefcli eval`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from prefcli.cli import words
from prefcli.cli.evaluation_options import Tested, TestedProfile, tested
from prefcli.cli.options import (
    Json,
    MaxNewTokens,
    Seed,
    command_group,
    examples,
    strength_option,
)
from prefcli.output import Column, Output

commands = command_group()

COLUMNS = (
    Column("what", ""),
    Column("profile", "PROFILE", words.name, right=True),
    Column("base", "BASE", words.name, right=True),
)


@commands.command(
    "eval",
    help="Measure whether a profile's answers are better than the plain base's.\n\n"
    "Both answer prompts that the fit has not seen, from the same random streams, and a judge "
    "says which answer is better. Without a --judge option that is the profile's own reward, which "
    "shows whether generating does what was learned and not whether that is right. Beside the win "
    "rate stand how well the fit foretold judgements kept out of it, how the text reads, and how "
    "far the base is moved where taste should not matter.",
    short_help="Measure whether a profile's answers are better than the base's.",
    epilog=examples(
        "prefcli eval --user alice",
        "prefcli eval --user alice --judge-length shorter",
        "prefcli eval -p alice@2 --judge-command ./judge.py --prompts prompts.txt",
        "prefcli eval --user alice --judge-classifier ./sentiment:positive --json",
    ),
)
def evaluate(
    user: Tested = None,
    profile: TestedProfile = None,
    prompts: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Prompts, as for space train; - is stdin."),
    ] = None,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, metavar="N", help="At most so many prompts.")
    ] = 40,
    answers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Answers of each side to each prompt.")
    ] = 2,
    judge_command: Annotated[
        str | None,
        typer.Option(
            metavar="CMD",
            help='A command line that gets {"prompt", "response"} lines and prints a number for '
            "each; more is better.",
        ),
    ] = None,
    judge_regex: Annotated[
        str | None, typer.Option(metavar="RE", help="Better is what this pattern matches.")
    ] = None,
    judge_not_regex: Annotated[
        str | None, typer.Option(metavar="RE", help="Better is what it does not match.")
    ] = None,
    judge_length: Annotated[
        str | None,
        typer.Option(metavar="N", help="Better is closer to N words; or longer, or shorter."),
    ] = None,
    judge_classifier: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL[:LABEL]",
            help="A Hugging Face directory or id of a sequence classifier, and what it is to find.",
        ),
    ] = None,
    neutral: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Prompts that taste should leave alone, for the drift."),
    ] = None,
    strength: Annotated[float, strength_option("How far to follow the profile.")] = 1.0,
    max_new_tokens: MaxNewTokens = 128,
    seed: Seed = 0,
    save: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write all answers and scores there, as JSONL."),
    ] = None,
    as_json: Json = False,
) -> None:
    name = tested(user, profile)

    from prefcli.services.evaluation import evaluate as service
    from prefcli.services.judges import choose_judge
    from prefcli.store import Store

    judge = choose_judge(
        command=judge_command,
        regex=judge_regex,
        not_regex=judge_not_regex,
        length=judge_length,
        classifier=judge_classifier,
    )
    with Output() as output, Store.open() as store:
        found = service(
            store,
            name,
            judge=judge,
            prompts=prompts,
            count=count,
            answers=answers,
            neutral=neutral,
            strength=strength,
            max_new_tokens=max_new_tokens,
            seed=seed,
            save=save,
            progress=output.progress,
        )
        if found["left_out"]:
            output.note(
                f"{words.count(found['left_out'], 'prompt')} left out: the fit has seen them"
            )
        for warning in found["warnings"]:
            output.warning(warning)
        if as_json:
            output.json(found)
        else:
            _show(output, found)
        if save is not None:
            output.note(f"answers and scores written to {save}")


def _show(output: Output, found: Mapping[str, Any]) -> None:
    """Print what was measured, the verdict last."""
    from prefcli.solvers.learned import in_words

    drift = found["drift"]
    low, high = drift["interval"]
    output.fields(
        {
            "profile": f"{found['profile']} against base {found['base']}",
            "prompts": f"{found['prompts']} {found['source_words']}",
            "answers": f"{found['answers']} of each side to each, from the same random streams",
            "judged": found["judged"],
            "won": _won(found),
            "the fit": "not measured: this is no fit"
            if found["heldout"] is None
            else in_words(found["heldout"]),
            "drift": f"{drift['kl']:.3f} nats per token ({low:.3f} to {high:.3f}) on "
            f"{drift['prompts']} {_drift(drift['on'])}",
        }
    )
    output.text("")
    output.table(COLUMNS, list(_rows(found)))
    output.text("")
    output.fields({"verdict": found["summary"]})


def _won(found: Mapping[str, Any]) -> str:
    total = found["wins"] + found["ties"] + found["losses"]
    low, high = found["interval"]
    return (
        f"{found['wins']} of {total}, {words.count(found['ties'], 'tie')}: win rate "
        f"{100 * found['win_rate']:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"
    )


def _drift(on: str) -> str:
    return {"file": "prompts of --neutral", "the same prompts": "of the same prompts"}.get(on, on)


def _rows(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """The two sides beside each other."""
    scores, read = found["scores"], found["fluency"]
    sides = ("profile", "base")
    rows = [{"what": found["scores_are"], **{side: f"{scores[side]:.3g}" for side in sides}}]
    for what, key, form in (
        ("words", "words", "{:.0f}"),
        ("nats per token under the base", "nll", "{:.2f}"),
        ("different pairs of words", "distinct_2", "{:.2f}"),
        ("broken answers", "broken", "%"),
        ("cut off by --max-new-tokens", "unfinished", "%"),
    ):
        rows.append({"what": what, **{side: _figure(read[side][key], form) for side in sides}})
    return rows


def _figure(value: float, form: str) -> str:
    return f"{100 * value:.0f} %" if form == "%" else form.format(value)
