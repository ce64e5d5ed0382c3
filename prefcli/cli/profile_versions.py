"""`prefcli profile history|diff|rollback|copy|blend|rename|tag|note|rm`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from prefcli.cli import completion, words
from prefcli.cli.options import Json, JsonLines, Limit, Yes, confirm, examples
from prefcli.cli.profile import commands
from prefcli.errors import UsageError
from prefcli.output import Column, Output

HISTORY = (
    Column("version", "VERSION", words.name, right=True),
    Column("origin", "FROM", words.name),
    Column("parents", "OF", lambda names: ", ".join(names or ()) or "-", shrinks=True),
    Column("space", "SPACE", words.name, shrinks=True),
    Column("pairs", "PAIRS", words.name, right=True),
    Column("heldout_accuracy", "HELD OUT", words.accuracy, right=True),
    Column("created", "CREATED", words.moment),
    Column("tags", "TAGS", lambda tags: ", ".join(tags or ()) or "-", shrinks=True),
    Column("note", "NOTE", words.name, shrinks=True),
)

User = Annotated[
    str, typer.Argument(metavar="USER", help="Whose.", autocompletion=completion.profiles)
]
Name = Annotated[
    str,
    typer.Argument(
        metavar="USER[@VERSION]",
        help="A user, or one version of their profile by number or tag.",
        autocompletion=completion.profiles,
    ),
]
NewVersion = Annotated[
    bool,
    typer.Option("--new-version", help="The name may have a profile: this is its next version."),
]


@commands.command(
    help="List every version of a user's profile, the newest first.",
    epilog=examples("prefcli profile history alice", "prefcli profile history alice --jsonl"),
)
def history(user: User, limit: Limit = 20, as_jsonl: JsonLines = False) -> None:
    from prefcli.services.profile_versions import history as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        # One more than is shown, to tell whether there are more.
        rows = service(store, user, limit + 1 if limit else 0)
        output.listing(HISTORY, rows, limit, as_jsonl)


@commands.command(
    help="Show what moved between two profiles of one space.\n\n"
    "Two versions of one user, or two users. Tells how far apart the points are that they "
    "generate with, how often both would prefer the same of two answers of the base, and along "
    "which directions of the space they differ, with the space's words for these where it has "
    "some.",
    short_help="Show what moved between two profiles.",
    epilog=examples("prefcli profile diff alice@1 alice", "prefcli profile diff alice bob"),
)
def diff(
    first: Annotated[
        str,
        typer.Argument(
            metavar="A", help="USER or USER@VERSION.", autocompletion=completion.profiles
        ),
    ],
    second: Annotated[
        str,
        typer.Argument(
            metavar="B", help="USER or USER@VERSION.", autocompletion=completion.profiles
        ),
    ],
    as_json: Json = False,
) -> None:
    from prefcli.services.profile_diff import diff as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        found = service(store, first, second)
        if as_json:
            output.json(found)
            return
        output.sentence(found["summary"])
        moved = [each for each in found["moved"] if each["told"]]
        if moved:
            output.table(_moved_columns(found), moved)
        if moved and not found["described"]:
            output.note(f"space {found['space']} has no words for its directions")


@commands.command(
    help="Go back to an old version of a user's profile.\n\n"
    "Nothing is taken away: the old contents become a new version, the newest.",
    short_help="Go back to an old version.",
    epilog=examples("prefcli profile rollback alice 1"),
)
def rollback(
    user: User,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Its number, or its tag.")],
    as_json: Json = False,
) -> None:
    from prefcli.services.profile_versions import rollback as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        made = service(store, user, version)
        if as_json:
            output.json(made)
        else:
            output.text(f"{made['profile']} is what {made['parents'][0]} was")


@commands.command(
    help="Keep a profile under another name as well.\n\n"
    "The copy has no feedback, which stays with who gave it; a fit under the other name learns "
    "from that name's own. `forget` removes copies with the person.",
    short_help="Keep a profile under another name.",
    epilog=examples("prefcli profile copy alice alice-at-work"),
)
def copy(
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The other name.")],
    new_version: NewVersion = False,
    as_json: Json = False,
) -> None:
    from prefcli.services.profile_versions import copy as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        print_made(output, service(store, name, new, new_version), as_json)


@commands.command(
    help="Keep a blend of several profiles as a profile of its own.\n\n"
    "Each taste counts by its share, however much its user has said: rewards are brought to one "
    "size and added, and answers come from the best point of the sum within the space's reach. "
    "Only ratios count, so alice=7,bob=3 is the same. The blend keeps the versions of now; "
    "`generate --profile alice=0.7,bob=0.3` follows the latest.",
    short_help="Keep a blend of several profiles.",
    epilog=examples("prefcli profile blend alice=0.7,bob=0.3 --as family"),
)
def blend(
    name: Annotated[
        str,
        typer.Argument(metavar="SHARES", help="USER[@VERSION]=SHARE, two or more, with commas."),
    ],
    user: Annotated[str, typer.Option("--as", metavar="NAME", help="What to call it.")],
    new_version: NewVersion = False,
    as_json: Json = False,
) -> None:
    from prefcli.services.blends import keep_blend
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        print_made(output, keep_blend(store, name, user, new_version), as_json)


@commands.command(
    help="Give a user another name.\n\n"
    "Everything of theirs goes along: feedback, every version of the profile, and the log. A name "
    "that is somebody's already is refused, since two people would become one. Files keep the old "
    "name: ingest them again with --map-user OLD=NEW, or OLD is there once more.",
    short_help="Give a user another name.",
    epilog=examples("prefcli profile rename alice alice.k"),
)
def rename(
    old: Annotated[
        str,
        typer.Argument(metavar="OLD", help="The name so far.", autocompletion=completion.known),
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The name from now on.")],
    as_json: Json = False,
) -> None:
    from prefcli.services.profile_versions import rename as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        renamed = service(store, old, new)
        if as_json:
            output.json(renamed)
        else:
            output.text(
                f"{old} is {new} now: {words.count(renamed['judgements'], 'judgement')}, "
                f"{words.count(renamed['profiles'], 'profile')} and "
                f"{words.count(renamed['generations'], 'generation')}"
            )


@commands.command(
    help="Give a version a name of its own, or take it away.\n\n"
    "alice@TAG then stands for that version wherever a profile is named.",
    short_help="Give a version a name of its own.",
    epilog=examples(
        "prefcli profile tag alice@3 before-holidays",
        "prefcli generate --profile alice@before-holidays 'What is tea?'",
        "prefcli profile tag alice@3 before-holidays --remove",
    ),
)
def tag(
    name: Name,
    text: Annotated[str, typer.Argument(metavar="TAG", help="A word that is no number.")],
    move: Annotated[
        bool, typer.Option("--move", help="Take it from the version that has it.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away.")] = False,
    as_json: Json = False,
) -> None:
    if move and remove:
        raise UsageError("--move and --remove exclude each other: give one of them")

    from prefcli.services import profile_versions as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        if remove:
            tagged = service.untag(store, name, text)
        else:
            tagged = service.tag(store, name, text, move=move)
        if as_json:
            output.json(tagged)
        else:
            output.text(f"{tagged['profile']}: {', '.join(tagged['tags']) or 'no tags'}")


@commands.command(
    help="Write a line about a version; without TEXT, read it; an empty TEXT takes it away.",
    short_help="Write a line about a version.",
    epilog=examples("prefcli profile note alice 'after the summer'", "prefcli profile note alice"),
)
def note(
    name: Name,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="The line.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    from prefcli.services import profile_versions as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        noted = service.read_note(store, name) if text is None else service.note(store, name, text)
        if as_json:
            output.json(noted)
        elif noted["note"]:
            output.text(noted["note"] if text is None else f"{noted['profile']}: {noted['note']}")
        else:
            output.note(f"{noted['profile']} has no note")


@commands.command(
    help="Remove one version of a profile, or all of a user's.\n\n"
    "Feedback stays (see `feedback rm` and `forget`).",
    short_help="Remove one version of a profile, or all.",
    epilog=examples("prefcli profile rm alice@2", "prefcli profile rm alice --yes"),
)
def rm(name: Name, yes: Yes = False, as_json: Json = False) -> None:
    from prefcli.services import profile_versions as service
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        user, version, count = service.versions_meant(store, name)
        which = (
            f"all {count} versions of {user}" if version is None else f"version {user}@{version}"
        )
        confirm(f"Remove {which}?", yes)
        gone = service.remove(store, name)
        if as_json:
            output.json(gone)
        else:
            output.text(
                f"{words.count(gone['removed'], 'version')} of {user} removed, "
                f"{gone['left'] or 'none'} left"
            )


def print_made(output: Output, made: dict[str, Any], as_json: bool) -> None:
    """Print a version that was made from others."""
    if as_json:
        output.json(made)
    else:
        of = ", ".join(made["parents"])
        output.text(f"{made['profile']}: {made['origin']}{f' of {of}' if of else ''}")
    for warning in made.get("warnings", ()):
        output.warning(warning)


def _moved_columns(found: dict[str, Any]) -> tuple[Column, ...]:
    signed = lambda value: f"{value:+.2f}"  # noqa: E731
    return (
        Column("direction", "DIRECTION", words.name, right=True),
        Column("first", found["first"], signed, right=True),
        Column("second", found["second"], signed, right=True),
        Column("change", "MOVED", signed, right=True),
        Column("words", "WHICH MAKES ANSWERS", words.name, shrinks=True, wraps=True),
    )
