"""The documents say what the program does."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

import prefcli
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


def _commands(page: Path) -> list[str]:
    """The prefcli commands in a page's shell blocks, one line each, as a shell would see them."""
    text = page.read_text(encoding="utf-8")
    lines: list[str] = []
    for kind, block in re.findall(r"^```(sh|console)\n(.*?)^```$", text, flags=re.DOTALL | re.M):
        if kind == "sh":
            lines += block.replace("\\\n", " ").splitlines()
        else:
            found = CONSOLE["steps"](block)
            lines += [" ".join(line.rstrip("\\") for line in step.command) for step in found]
    calls = [match for line in lines for match in re.findall(CALL, line)]
    return [call.strip() for call in calls]


# Until the next command of the line; quoted words may hold what would end it.
CALL = r"(?:^|(?<=[\s;|(/\"]))prefcli (?:'[^']*'|\"[^\"]*\"|[^'\"|>;<&)])*"
CONSOLE = runpy.run_path(str(ROOT / "docs" / "console.py"))
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("profiles/*.md")])
WRITTEN_BY_HAND = [page for page in PAGES if page.name not in ("commands.md", "decisions.md")]


@pytest.mark.parametrize("page", WRITTEN_BY_HAND, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_the_pages_has_words_that_prefcli_knows(page: Path) -> None:
    for line in sorted(set(_commands(page))):
        words = shlex.split(line, comments=True)[1:]
        options = [word.split("=")[0] for word in words if re.match("--[a-z]", word)]
        help_page = _help(words)
        assert help_page is not None, line
        assert [option for option in options if option not in help_page] == [], line


def _help(words: list[str]) -> str | None:
    """The help of the command that a line begins with."""
    name = [word for word in words[:2] if re.fullmatch("[a-z]+", word)]
    for length in range(len(name), -1, -1):
        start = " ".join(["Usage: prefcli", *name[:length]])
        text = _page_of(tuple(name[:length]))
        if text.startswith(start):
            # A group, or prefcli itself, is no command: a word after it was not known.
            return text if "\nCommands:" not in text or not name[length:] else None
    return None


@cache
def _page_of(name: tuple[str, ...]) -> str:
    return CliRunner().invoke(app, [*name, "--help"], prog_name="prefcli").stdout


def test_the_commands_of_the_pages_are_found() -> None:
    assert len(_commands(ROOT / "README.md")) > 8
    assert len(_commands(ROOT / "docs" / "tutorial.md")) > 20
    pipelines = _commands(ROOT / "docs" / "how-to" / "pipelines.md")
    assert "prefcli profile list -n 0 --jsonl" in pipelines  # before a pipe
    assert "prefcli profile export {} -o {}.pref" in pipelines  # after xargs
    assert _help(["profiles", "list"]) is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_the_pages_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_leads_to_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    links = re.findall(r"\]\(([^)\s#]+)\)", index.read_text(encoding="utf-8"))
    linked = {(index.parent / link).resolve() for link in links}
    assert {page for page in PAGES if page != index} - linked == set()


def test_the_reference_of_python_is_what_the_package_says() -> None:
    written = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert runpy.run_path(str(ROOT / "docs" / "api.py"))["page"](written) == written, RUN
    assert [f"### {name}\n" in written for name in prefcli.__all__] == [True] * len(prefcli.__all__)


def test_the_examples_of_python_run_as_they_stand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8").split("## Reference")[0]
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    blocks = re.findall(r"^```python\n(.*?)^```$", page, flags=re.DOTALL | re.M)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)  # noqa: S102
    assert len(blocks) > 8
    assert re.search(r"\d+% of the judgements", capsys.readouterr().out)


RUN = "run `just docs`"


class TestConsole:
    def test_a_block_is_commands_with_what_they_print(self) -> None:
        found = CONSOLE["steps"]("$ cat <<END \\\n> one\n> END\none\n> two\n$ true\n")
        assert [(step.command, step.output) for step in found] == [
            (("cat <<END \\", "one", "END"), ("one", "> two")),
            (("true",), ()),
        ]
        with pytest.raises(ValueError, match="begins with output"):
            CONSOLE["steps"]("one\n$ true\n")

    def test_commands_of_a_page_run_in_one_place_and_their_output_goes_in(
        self, tmp_path: Path
    ) -> None:
        page = (
            "Say:\n\n```console\n$ echo one > a\n$ cat a; exit 3\nold\n```\n\n"
            "```sh\nrm a\n```\n\n```console\n$ cat a >&2 && [ -t 1 ] && stty size <&1\n```\n"
        )
        now = CONSOLE["written"](page, tmp_path, tmp_path / "nobody")
        assert "$ cat a; exit 3\none\n(exit code 3)\n```" in now
        assert "\none\n50 80\n```" in now.split("rm a")[1]

    def test_output_that_differs_in_times_of_day_only_stays(self, tmp_path: Path) -> None:
        page = "```console\n$ echo 3 rows on 2026-11-24 12:00\n3 rows  on 2025-01-02 03:04\n```\n"
        assert CONSOLE["written"](page, tmp_path, tmp_path / "nobody") == page

    def test_durations_are_left_out_and_lines_end_with_the_terminal(self) -> None:
        assert CONSOLE["tidied"](["solved in 12.5 ms, 3 s of 4"]) == ["solved in     … s, … s of 4"]
        assert CONSOLE["tidied"](["", "x" * 81]) == ["", "x" * 80, "x"]
        assert CONSOLE["tidied"](["😊" * 41]) == ["😊" * 40, "😊"]

    def test_every_page_with_console_blocks_is_run(self) -> None:
        run = {page.name for page in CONSOLE["pages"]()}
        assert {"tutorial.md", "pipelines.md", "cron.md", "team.md", "serving.md"} <= run

    def test_every_command_of_a_page_has_its_output_there(self) -> None:
        for page in CONSOLE["pages"]():
            blocks = CONSOLE["blocks"](page.read_text(encoding="utf-8"))
            steps = [step for block in blocks for step in CONSOLE["steps"](block)]
            printed = sum(bool(step.output) for step in steps)
            assert printed >= len(steps) // 2, f"{page}: {RUN}"

    @pytest.mark.slow
    def test_what_the_pages_show_is_what_commands_print(self) -> None:
        for name in ("jq", "xargs", "bash"):
            if shutil.which(name) is None:
                pytest.skip(f"the pages use {name}")
        words = [sys.executable, str(ROOT / "docs" / "console.py"), "--check"]
        result = subprocess.run(words, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


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
