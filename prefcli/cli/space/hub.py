"""`prefcli space push|pull`."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli.options import Json, examples
from prefcli.cli.space.group import commands
from prefcli.cli.space.portable import Here, ItsBase, print_imported
from prefcli.output import Output

Repository = Annotated[
    str, typer.Argument(metavar="REPO_ID", help="A model repository: USER/NAME.")
]


@commands.command(
    help="Upload a space to the Hugging Face Hub.\n\n"
    "One file and a README.md, in a model repository that is made if there is none. Needs a "
    "token: `hf auth login`, or HF_TOKEN.",
    short_help="Upload a space to the Hugging Face Hub.",
    epilog=examples(
        "prefcli space push everyday me/everyday",
        "prefcli space push everyday me/everyday --private --revision draft",
    ),
)
def push(
    name: Here,
    repo_id: Repository,
    private: Annotated[
        bool, typer.Option("--private", help="If the repository is made: for its owner only.")
    ] = False,
    revision: Annotated[
        str | None,
        typer.Option(metavar="BRANCH", help="The branch, made if there is none; otherwise main."),
    ] = None,
    as_json: Json = False,
) -> None:
    from prefcli.services.space_hub import push_space
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        pushed = push_space(
            store, name, repo_id, private=private, revision=revision, progress=output.progress
        )
        if as_json:
            output.json(pushed)
        else:
            output.text(pushed["url"])


@commands.command(
    help="Add a space from the Hugging Face Hub.\n\n"
    "One that `space push` uploaded; its base must be here, as for `space import`.",
    short_help="Add a space from the Hugging Face Hub.",
    epilog=examples(
        "prefcli space pull me/everyday",
        "prefcli space pull me/everyday other --revision draft",
    ),
)
def pull(
    repo_id: Repository,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="What to call it, if not what the repository is called."
        ),
    ] = None,
    base: ItsBase = None,
    revision: Annotated[
        str | None, typer.Option(metavar="REVISION", help="Branch, tag or commit.")
    ] = None,
    as_json: Json = False,
) -> None:
    from prefcli.services.space_hub import pull_space
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        space = pull_space(
            store, repo_id, name, base=base, revision=revision, progress=output.progress
        )
        print_imported(output, space, as_json)
