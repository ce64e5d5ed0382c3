"""`prefcli log list|show|rm` and `prefcli rate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefcli.cli import completion, words
from prefcli.cli.options import (
    Json,
    JsonLines,
    Limit,
    Yes,
    command_group,
    confirm,
    examples,
    finite,
)
from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.output import Column, Output

if TYPE_CHECKING:
    from prefcli.store import Store

commands = command_group("What was generated with --log.")
rating = command_group()

COLUMNS = (
    Column("id", "ID", words.name, right=True),
    Column("created", "CREATED", words.moment),
    Column("profile", "PROFILE", words.name, shrinks=True),
    Column("version", "VERSION", words.name, right=True),
    Column("rated", "RATED", lambda rated: "yes" if rated else "-"),
    Column("prompt", "PROMPT", words.text, shrinks=True),
    Column("response", "ANSWER", words.name, shrinks=True),
)
KEYS = "u up, d down, s skip, q stop"

User = Annotated[
    str | None,
    typer.Option(
        "--user", "-u", metavar="NAME", help="Only this user's.", autocompletion=completion.known
    ),
]


@commands.command(
    "list",
    help="List what was generated with --log, the newest first.",
    epilog=examples(
        "prefcli log list --user alice --unrated", "prefcli log list -n 0 --jsonl > log.jsonl"
    ),
)
def list_(
    user: User = None,
    unrated: Annotated[bool, typer.Option("--unrated", help="Only what is not judged.")] = False,
    limit: Limit = 20,
    as_jsonl: JsonLines = False,
) -> None:
    from prefcli.services.log import list_log
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        # One more than is shown, to tell whether there are more.
        rows = list_log(store, user, limit + 1 if limit else 0, unrated=unrated)
        output.listing(
            COLUMNS, rows, limit, as_jsonl, empty="nothing in the log: prefcli generate --log"
        )


@commands.command(
    help="Show one entry: prompt, answer, what made it, and how it was judged.",
    short_help="Show one entry.",
    epilog=examples("prefcli log show 12"),
)
def show(
    number: Annotated[int, typer.Argument(metavar="ID", help="Its number in `log list`.")],
    as_json: Json = False,
) -> None:
    from prefcli.services.log import show_log
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        found = show_log(store, number)
        if as_json:
            output.json(found)
            return
        judged = [
            f"{each['kind']} {words.judgement(each | {'strength': None, 'ranks': [1, 2]})} "
            f"({each['user']})"
            for each in found.pop("judgements")
        ]
        turns = [f"{turn['role']}: {turn['content']}" for turn in found.pop("prompt")]
        answer = found.pop("response")
        output.fields(found | {"judged": judged})
        output.text("\n" + "\n\n".join([*turns, f"answer: {answer}"]))


@commands.command(
    help="Remove entries of the log. Judgements of them stay.",
    epilog=examples("prefcli log rm 12 13", "prefcli log rm --user alice --yes"),
)
def rm(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[ID...]", help="Numbers in `log list`.")
    ] = None,
    user: User = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole log.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    from prefcli.services.log import meant, remove_log
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        chosen = meant(store, numbers or (), user, everything)
        confirm(f"Remove {_entries(len(chosen))} of the log?", yes)
        gone = remove_log(store, chosen)
        if as_json:
            output.json(gone)
        else:
            output.text(f"{_entries(gone['removed'])} removed")


@rating.command(
    help="Judge answers that were generated with --log; each judgement is feedback.\n\n"
    "ID is the number in `log list`. The user is the one whose profile answered; for the plain "
    "base and for blends say who judges with --user. Judged again in the same way, an answer has "
    "its last judgement only. Without ID, in a terminal, the answers of --user that are not judged "
    f"yet come one by one, with single keys: {KEYS}. `fit` then learns from it.",
    short_help="Judge answers that were generated.",
    epilog=examples(
        "prefcli generate --profile alice --log 'What is tea?'",
        "prefcli rate 12 --up",
        "prefcli rate 12 --score 4 --of 5",
        "prefcli rate 12 --edit better.txt",
        "prefcli rate --pick 12 --over 13 --user alice",
        "prefcli rate --user alice",
    ),
)
def rate(
    number: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="Which answer.", show_default=False)
    ] = None,
    up: Annotated[bool, typer.Option("--up", help="It is good.")] = False,
    down: Annotated[bool, typer.Option("--down", help="It is not.")] = False,
    score: Annotated[
        float | None, typer.Option("--score", metavar="N", help="A score.", callback=finite)
    ] = None,
    of: Annotated[
        float | None,
        typer.Option("--of", metavar="M", help="The best score; 1 is the worst.", callback=finite),
    ] = None,
    edit: Annotated[
        str | None,
        typer.Option("--edit", metavar="FILE", help="The answer as it should be; - is stdin."),
    ] = None,
    picked: Annotated[
        int | None, typer.Option("--pick", metavar="ID", help="This answer is better ...")
    ] = None,
    over: Annotated[
        int | None, typer.Option("--over", metavar="ID", help="... than this one.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user", "-u", metavar="NAME", help="Who judges.", autocompletion=completion.known
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    verdicts = up or down or score is not None or of is not None or edit is not None
    if (picked is None) != (over is None):
        raise UsageError("--pick and --over belong together, as in --pick 12 --over 13")
    if picked is not None and (number is not None or verdicts):
        raise UsageError("--pick compares two answers: leave ID and the other judgements out")
    if up and down:
        raise UsageError("--up and --down exclude each other: give one of them")
    if number is None and picked is None:
        if verdicts:
            raise UsageError("which answer? give its ID from `prefcli log list`")
        if user is None:
            raise UsageError("which answer? give its ID, or --user NAME to go through theirs")

    from prefcli.services import log as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        if picked is not None and over is not None:
            said = service.pick(store, picked, over, user=user)
        elif number is not None:
            said = service.rate(
                store,
                number,
                user=user,
                up=up if up or down else None,
                score=score,
                of=of,
                edited=None if edit is None else _read(edit),
            )
        else:
            assert user is not None
            _one_by_one(output, store, user)
            return
        _print(output, said, as_json)


def _print(output: Output, said: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.json(said)
        return
    known = "" if said["new"] else ", known already"
    instead = ", instead of an earlier one" if said["replaced"] else ""
    output.text(f"answer {said['id']}: {said['kind']} of {said['user']}{known}{instead}")


def _one_by_one(output: Output, store: Store, user: str) -> None:
    """Show what is not judged yet and take a key for each."""
    from prefcli.services import log as service

    if sys.stdin is None or not sys.stdin.isatty() or not output.interactive:
        raise UsageError("nobody is at the keys: give an ID with --up, --down, --score or --edit")
    count = 0
    shown = list(service.list_log(store, user, unrated=True))
    if not shown:
        output.note(f"nothing of {user} waits to be judged: prefcli generate --profile ... --log")
    for entry in shown:
        output.text(f"\n{entry['id']}  {words.text(entry['prompt'])}\n\n{entry['response']}\n")
        key = _key(output)
        if key == "q":
            break
        if key in "ud":
            service.rate(store, entry["id"], user=user, up=key == "u")
            count += 1
    if count:
        output.hint(f"{words.count(count, 'judgement')} kept. Next: prefcli fit --user {user}")


def _key(output: Output) -> str:
    names = {"u": "u", "+": "u", "d": "d", "-": "d", "s": "s", " ": "s", "q": "q", "\x1b": "q"}
    output.hint(f"[{KEYS}]")
    while True:
        key = typer.getchar().lower()
        if key in ("\x03", "\x04"):
            raise KeyboardInterrupt
        if key in names:
            return names[key]


def _read(source: str) -> str:
    try:
        if source == "-":
            if sys.stdin is None or sys.stdin.isatty():
                raise UsageError("nobody sends the edit to stdin: name a file, or send one")
            content = sys.stdin.buffer.read()
        else:
            content = Path(source).read_bytes()
        return content.decode("utf-8-sig").rstrip("\r\n")
    except FileNotFoundError:
        raise NotFoundError(f"no such file: {source}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{source} is not UTF-8: byte {error.start}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise NotFoundError(f"cannot read {source}: {reason}") from None


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
