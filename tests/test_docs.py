"""The documents say what the program does."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prefcli.cli.app import app
from prefcli.feedback.formats import FORMATS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_command_reference_is_what_help_says() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "reference.py"))
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written == script["reference"](), "run `just docs`"


def test_the_readme_has_the_line_that_the_continuous_check_runs() -> None:
    line = re.search(r"grep -m 1 -F \"(.*)\" README.md", (ROOT / ".ci" / "run").read_text())
    assert line is not None
    found = [text for text in README.splitlines() if line[1] in text]
    assert found == [
        "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt '.[test]' "
        "&& .venv/bin/pytest"
    ]


def _commands_of_the_readme() -> list[str]:
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", README, flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line[line.index("prefcli ") :] for line in lines if re.match(r"(.* )?prefcli \w", line)]


@pytest.mark.parametrize("line", _commands_of_the_readme())
def test_every_command_in_the_readme_has_words_that_prefcli_knows(line: str) -> None:
    words = shlex.split(re.split(r" [|>] ", line)[0], comments=True)[1:]
    options = [word.split("=")[0] for word in words if word.startswith("--")]
    name = [word for word in words[:2] if word.isalpha() and word.islower()]
    for length in (2, 1, 0):
        page = CliRunner().invoke(app, [*name[:length], "--help"], prog_name="prefcli")
        if page.exit_code == 0 and page.stdout.startswith(" ".join(["Usage: prefcli", *name])[:20]):
            break
    assert page.exit_code == 0
    assert [option for option in options if option not in page.stdout] == []


def test_the_table_of_formats_is_what_the_readers_say() -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("| `")
    ]
    said = {name.strip("`"): (kinds, user, tried) for name, _, kinds, user, tried in rows}
    assert len(said) == len(rows)
    assert said == {
        one.name: (
            ", ".join(one.kinds),
            ", ".join(f"`{field}`" for field in one.users),
            "real file" if one.tried else "documentation",
        )
        for one in FORMATS
    }
