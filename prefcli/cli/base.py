"""`prefcli base add|list|show|use`."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli import completion, words
from prefcli.cli.boundary import Command
from prefcli.cli.options import Json, JsonLines, Limit, command_group, examples
from prefcli.output import Column, Output

commands = command_group("The language models that answer.")

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A registered base.", autocompletion=completion.bases),
]
COLUMNS = (
    Column("base", "BASE", shrinks=True),
    Column("source", "SOURCE", words.name, shrinks=True),
    Column("device", "DEVICE", words.name),
    Column("dtype", "DTYPE", words.name),
    Column("in_use", "IN USE", lambda value: "yes" if value else ""),
)


@commands.command(
    cls=Command,
    help="Register a Hugging Face model.\n\n"
    "SOURCE is a model id or a directory. Weights are read from safetensors only.",
    short_help="Register a Hugging Face model.",
    epilog=examples(
        "prefcli base add Qwen/Qwen2.5-0.5B-Instruct",
        "prefcli base add ./my-model --name mine --device cpu",
    ),
)
def add(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A model id or a directory.")],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What to call it, if not the last part of SOURCE."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(metavar="DEVICE", help="cuda, mps or cpu; otherwise the best there is."),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="DTYPE", help="float32, bfloat16 or float16; otherwise what suits the device."
        ),
    ] = None,
    quantize: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="4bit or 8bit: keep the weights so, to fit into less memory. Needs bitsandbytes.",
        ),
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the model.")
    ] = False,
    as_json: Json = False,
) -> None:
    from prefcli.services.bases import add_base
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        base = add_base(
            store,
            source,
            name=name,
            device=device,
            dtype=dtype,
            quantize=quantize,
            trust_remote_code=trust_remote_code,
            progress=output.progress,
        )
        if as_json:
            output.json(base)
        else:
            output.fields(base)
            output.hint(f"Next: prefcli space train NAME --base {base['base']}")


@commands.command("list", help="List the registered bases.", epilog=examples("prefcli base list"))
def list_(limit: Limit = 20, as_jsonl: JsonLines = False) -> None:
    from prefcli.services.bases import list_bases
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        output.listing(COLUMNS, list_bases(store), limit, as_jsonl)


@commands.command(help="Show one base.", epilog=examples("prefcli base show qwen"))
def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A registered base; otherwise the one in use.",
            autocompletion=completion.bases,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    from prefcli.services.bases import show_base
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        output.record(show_base(store, name), as_json)


@commands.command(
    cls=Command,
    help="Choose the base to use where none is named.",
    epilog=examples("prefcli base use qwen"),
)
def use(name: Name, as_json: Json = False) -> None:
    from prefcli.services.bases import use_base
    from prefcli.store import Store

    with Output() as output, Store.open() as store:
        base = use_base(store, name)
        if as_json:
            output.json(base)
        else:
            output.text(f"base in use: {name}")
