"""Writes docs/commands.md, the help page of every command: `just docs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer
from typer.testing import CliRunner

from prefcli.cli.app import app

TARGET = Path(__file__).parent / "commands.md"
HEAD = """\
# Commands

What `--help` says, command by command; written by `just docs`.
"""


def commands() -> Iterator[tuple[str, ...]]:
    """The words of every command, in the order of the help page."""
    yield ()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", {})
        if not inner:
            yield (name,)
        for sub_name in inner:
            yield (name, sub_name)


def reference() -> str:
    """The text of docs/commands.md."""
    runner = CliRunner()
    parts = [HEAD]
    for words in commands():
        page = runner.invoke(app, [*words, "--help"], prog_name="prefcli").stdout.rstrip()
        parts.append(f"## {' '.join(['prefcli', *words])}\n\n```text\n{page}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
