"""`prefcli demo`."""

from __future__ import annotations

from prefcli.cli import words
from prefcli.cli.options import Json, command_group, examples
from prefcli.output import Column, Output

commands = command_group()

STEPS = (Column("step", "STEP"), Column("seconds", "TIME", words.seconds, right=True))


@commands.command(
    help="Show it all: one question, answered by the base and for two users.\n\n"
    "Reads the starter profiles' feedback into a throw-away home, fits both users and "
    "generates. Nothing of yours is read or changed.",
    short_help="Show it all on the built-in base, in seconds.",
    epilog=examples("prefcli demo"),
)
def demo(as_json: Json = False) -> None:
    from prefcli.services.demo import demo as run

    with Output() as output:
        shown = run(progress=output.progress)
        if as_json:
            output.json(shown)
            return
        for user, taste in shown["users"].items():
            output.text(f"{user} {taste}.")
        output.text("")
        output.text(shown["prompt"])
        output.text("")
        output.side_by_side(
            [answer["profile"] or "base" for answer in shown["answers"]],
            [answer["response"] for answer in shown["answers"]],
        )
        output.text("")
        output.table(STEPS, shown["steps"])
        output.text("")
        output.text("The same with a file of your own:")
        output.text("\n".join(f"  {command}" for command in shown["commands"]))
