"""`prefcli compare`."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from prefcli.cli import completion
from prefcli.cli.generate import read_prompt
from prefcli.cli.options import (
    Base,
    Json,
    MaxNewTokens,
    Stop,
    command_group,
    drawn_seed_option,
    examples,
    strength_option,
)
from prefcli.output import Output

commands = command_group()


@commands.command(
    help="Answer a prompt under several profiles, side by side.\n\n"
    "All answers come from one seed, so that what differs is the profiles' doing.",
    short_help="Answer a prompt under several profiles.",
    epilog=examples(
        "prefcli compare -p alice -p bob -p none 'How do I cook rice?'",
        "prefcli compare -p alice@1 -p alice --json 'What is tea?'",
    ),
)
def compare(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="[PROMPT]", help="What to answer; - is stdin.", show_default=False),
    ] = None,
    profiles: Annotated[
        list[str] | None,
        typer.Option(
            "--profile",
            "-p",
            metavar="USER[@VERSION]",
            help="Two or more, each with -p; a blend as in generate; none is the plain base.",
            autocompletion=completion.profiles,
        ),
    ] = None,
    base: Base = None,
    strength: Annotated[float, strength_option("How far to follow each.")] = 1.0,
    seed: Annotated[int | None, drawn_seed_option("answers")] = None,
    max_new_tokens: MaxNewTokens = 256,
    stop: Stop = None,
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="A system message.")] = None,
    log: Annotated[
        bool, typer.Option("--log/--no-log", help="Keep prompt and answers in the catalog.")
    ] = False,
    as_json: Json = False,
) -> None:
    text = read_prompt(prompt)

    from prefcli.services.blends import full_name
    from prefcli.services.compare import compare as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        answers = service(
            store,
            text,
            profiles or [],
            base=base,
            strength=strength,
            seed=seed,
            max_new_tokens=max_new_tokens,
            stop=stop or (),
            system=system,
            log=log,
            progress=output.progress,
        )
        if as_json:
            output.json({"answers": [dataclasses.asdict(answer) for answer in answers]})
        else:
            titles = [
                full_name(answer.profile, answer.version)
                if answer.profile
                else f"{answer.base} (no profile)"
                for answer in answers
            ]
            output.side_by_side(titles, [answer.response for answer in answers])
        for warning in dict.fromkeys(told for answer in answers for told in answer.warnings):
            output.warning(warning)
