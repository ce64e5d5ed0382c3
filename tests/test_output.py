"""What reaches the terminal: results on stdout, the rest on stderr, plain where nobody looks."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

import prefcli
from prefcli import bar as module
from prefcli.bar import Bar
from prefcli.output import Column, Output

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(prefcli.__file__).parents[1]), "TERM": "xterm"}
COLUMNS = (
    Column("name", "NAME", shrinks=True),
    Column("size", "SIZE", right=True),
)


class Terminal(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def in_terminal(program: str, width: int = 80, **environment: str) -> str:
    """What `program` shows in a terminal of `width` columns (both streams)."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**ENVIRONMENT, "COLUMNS": str(width)} | environment,
    ):
        os.close(theirs)
        shown = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            if not chunk:
                break
            shown += chunk
        os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def test_results_go_to_stdout_and_everything_else_to_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Output() as output:
        output.text("a result")
        output.json({"a": 1})
        output.jsonl({"b": "ü"})
        output.note("a note")
        output.warning("doubtful")
        output.error("broken", ["here", "and here"])
    streams = capsys.readouterr()
    assert streams.out == 'a result\n{\n  "a": 1\n}\n{"b": "ü"}\n'
    assert streams.err == (
        "prefcli: a note\nprefcli: warning: doubtful\nprefcli: error: broken\n  here\n  and here\n"
    )


def test_json_is_json_whatever_the_numbers_and_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    value = {"nan": float("nan"), "deep": [float("inf"), 1.5], "half": "\ud83d", "path": Path("/x")}
    Output().jsonl(value)
    assert json.loads(capsys.readouterr().out) == {
        "nan": None,
        "deep": [None, 1.5],
        "half": "\ud83d",
        "path": "/x",
    }


def test_what_the_encoding_lacks_does_not_end_the_command() -> None:
    program = (
        "from prefcli.output import Output\n"
        "Output().text('\U0001f35a'); Output().jsonl({'a': '\U0001f35a'})"
    )
    result = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program],
        env={**ENVIRONMENT, "PYTHONIOENCODING": "latin-1:strict"},
        capture_output=True,
        check=True,
    )
    assert result.stdout.decode("latin-1").splitlines() == [
        "\\U0001f35a",
        '{"a": "\\ud83c\\udf5a"}',
    ]


def test_a_table_in_a_pipe_is_plain_and_complete(capsys: pytest.CaptureFixture[str]) -> None:
    name = "x" * 300
    Output().table(COLUMNS, [{"name": name, "size": 1}, {"name": "[b]y[/b]\nz", "size": 20}])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "SIZE"]
    assert lines[1] == f"{name}     1"
    assert lines[2].split() == ["[b]y[/b]", "z", "20"]


def test_one_long_cell_in_a_pipe_does_not_pad_the_other_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [{"name": "x" * 10_000, "size": 1}, *({"name": "bob", "size": i} for i in range(20))]
    Output().table(COLUMNS, rows)
    assert len(capsys.readouterr().out) < 10_000 + 22 * 80


def test_a_row_is_a_card_in_a_terminal_that_no_table_fits() -> None:
    program = (
        "from prefcli.output import Column, Output\n"
        "Output().table([Column('name', 'NAME', shrinks=True), Column('size', 'SIZE')],"
        " [{'name': 'x' * 300, 'size': '1' * 20}, {'name': 'bob', 'size': '2' * 20}])"
    )
    assert in_terminal(program, 26).splitlines() == [
        "NAME  " + "x" * 19 + "…",
        "SIZE  " + "1" * 20,
        "",
        "NAME  bob",
        "SIZE  " + "2" * 20,
    ]


def test_a_table_in_a_terminal_fits_its_width_and_keeps_the_numbers() -> None:
    program = (
        "from prefcli.output import Column, Output\n"
        "Output().table([Column('name', 'NAME', shrinks=True), Column('size', 'SIZE')],"
        " [{'name': 'x' * 300, 'size': 123456789}])"
    )
    shown = in_terminal(program, 80, NO_COLOR="1", TERM="dumb")
    assert max(map(len, shown.splitlines())) <= 80
    assert [line.split()[-1] for line in shown.splitlines()[::2]] == ["SIZE", "123456789"]
    assert "x…" in shown


def test_colour_is_for_terminals_and_not_with_no_color() -> None:
    program = "from prefcli.output import Output\nOutput().error('broken')"
    assert in_terminal(program, NO_COLOR="") == "\x1b[1;31mprefcli: error:\x1b[0m broken\n"
    assert in_terminal(program, NO_COLOR="1") == "prefcli: error: broken\n"


def test_generated_text_cannot_move_the_cursor_of_a_terminal() -> None:
    program = "from prefcli.output import Output\nOutput().text('a\\x1b[2Jb\\tc\\nd\\x9be')"
    assert in_terminal(program) == "a[2Jb\tc\nde\n"


def test_generated_text_reaches_a_pipe_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output().piece("a\x1b[2Jb")
    assert capsys.readouterr().out == "a\x1b[2Jb"


def test_a_closed_pipe_ends_quietly() -> None:
    program = (
        "from prefcli.output import Output\n"
        "output = Output()\n"
        "for number in range(100_000): output.jsonl({'number': number})"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b'{"number": 0}\n'
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def shell(redirection: str, program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, program],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
    )


def test_half_a_character_is_no_fault_of_any_stdout() -> None:
    program = "from prefcli.output import Output; Output().jsonl({'a': chr(0xd800)})"
    assert shell(">&-", program).stderr == ""
    assert shell("", program).stdout == '{"a": "\\ud800"}\n'
    loose = subprocess.run(
        [sys.executable, "-c", program],
        env={**ENVIRONMENT, "PYTHONIOENCODING": "utf-8:surrogateescape"},
        capture_output=True,
        check=True,
    )
    assert loose.stdout == b'{"a": "\\ud800"}\n'


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(closed: str) -> None:
    program = "from prefcli.output import Output; o = Output(); o.text('a'); o.warning('b')"
    result = subprocess.run(
        ["bash", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, program],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
    )
    assert result.returncode == 0
    assert b"Traceback" not in result.stderr


def test_fields_read_as_name_and_value(capsys: pytest.CaptureFixture[str]) -> None:
    Output().fields(
        {
            "name": "tiny",
            "heldout_accuracy": 0.912345,
            "none": None,
            "on": True,
            "sizes": [1, 2.5],
            "more": {"nll_base": 2},
        }
    )
    assert capsys.readouterr().out.splitlines() == [
        "name              tiny",
        "heldout accuracy  0.9123",
        "none              -",
        "on                yes",
        "sizes             1, 2.5",
        "more",
        "  nll base        2",
    ]


def test_a_long_field_goes_on_below_itself_in_a_terminal() -> None:
    program = (
        "from prefcli.output import Output; "
        "Output().fields({'sizes': [1.5] * 9, 'note': 'x' * 20, 'none': ''})"
    )
    assert in_terminal(program, 27).splitlines() == [
        "sizes  1.5, 1.5, 1.5, 1.5,",
        "       1.5, 1.5, 1.5, 1.5,",
        "       1.5",
        "note   xxxxxxxxxxxxxxxxxxxx",
        "none",
    ]


def test_a_listing_says_on_stderr_that_there_is_more(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"name": str(number), "size": number} for number in range(5)]
    Output().listing(COLUMNS, iter(rows), limit=3, as_jsonl=True)
    streams = capsys.readouterr()
    assert [json.loads(line)["size"] for line in streams.out.splitlines()] == [0, 1, 2]
    assert streams.err == "prefcli: the first 3 are shown, there are more: -n 0 shows all\n"
    Output().listing(COLUMNS, iter(rows), limit=0, as_jsonl=True)
    streams = capsys.readouterr()
    assert len(streams.out.splitlines()) == 5
    assert streams.err == ""


def test_an_empty_listing_prints_nothing_and_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output().listing(COLUMNS, [], limit=20, as_jsonl=False, empty="nothing yet")
    streams = capsys.readouterr()
    assert (streams.out, streams.err) == ("", "prefcli: nothing yet\n")


def test_texts_stand_side_by_side_within_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    Output().side_by_side(["base", "alice", "bob"], ["word " * 30, "- one\n- two", "short"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["base", "alice", "bob"]
    assert lines[1].split()[-3:] == ["-", "one", "short"]
    assert max(map(len, lines)) <= 80


def test_no_bar_in_a_log_and_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    bar = Bar(stream)
    clock = iter([0.0, 10.0, 31.0, 40.0, 62.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    for done in range(5):
        bar("training", done, 600)
    assert stream.getvalue() == "prefcli: training 2/600\nprefcli: training 4/600\n"


def test_a_short_step_shows_no_bar() -> None:
    stream = Terminal()
    bar = Bar(stream)
    bar("encoding", 1, 2)
    bar.stop()
    assert stream.getvalue() == ""


def test_a_long_step_shows_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BAR_DELAY", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    bar = Bar(stream)
    bar("encoding", 1, 2)
    deadline = time.monotonic() + 10
    while "encoding" not in stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    bar("solving", 2, 2)
    bar.stop()
    assert "encoding" in stream.getvalue()
    assert "1/2" in stream.getvalue()
    assert "\x1b[?25h" in stream.getvalue()  # the cursor is back


def test_a_bar_never_touches_a_piped_stdout() -> None:
    program = (
        "import time; from prefcli import bar, output; bar.BAR_DELAY = 0.0\n"
        "with output.Output() as o:\n"
        "    o.progress('encoding', 0, 2); time.sleep(0.4)\n"
        "    o.jsonl({'a': 1}); o.progress('encoding', 1, 2); o.jsonl({'a': 2})\n"
    )
    ours, theirs = pty.openpty()
    result = subprocess.run(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=ENVIRONMENT,
        check=True,
    )
    os.close(theirs)
    os.close(ours)
    assert result.stdout == b'{"a": 1}\n{"a": 2}\n'


def test_a_long_sentence_stays_within_the_window_and_is_one_line_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "a sentence of many words that is longer than the window it is shown in"
    shown = in_terminal(f"from prefcli.output import Output; Output().sentence({words!r})", 40)
    assert [len(line) <= 40 for line in shown.splitlines()] == [True, True]
    assert shown.split() == words.split()
    Output().sentence(words)
    assert capsys.readouterr().out == words + "\n"
