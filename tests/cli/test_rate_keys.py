"""`prefcli rate --user NAME` in a real terminal: one key judges one answer."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import prefcli
from prefcli.feedback.records import text_prompt
from prefcli.store import Store

ROOT = Path(prefcli.__file__).parents[1]
PATIENCE = 60.0  # seconds


class Keys:
    """A terminal with `prefcli WORDS` in it."""

    def __init__(self, ours: int, process: subprocess.Popen[bytes]) -> None:
        self._ours = ours
        self.process = process
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read until `text` is shown; what was shown before it is forgotten."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} never came: {self.shown!r}"
            if select.select([self._ours], [], [], left)[0]:
                self.shown += os.read(self._ours, 4096).decode()
        self.shown = self.shown.partition(text)[2]

    def press(self, key: bytes) -> None:
        """Press a key once prefcli waits for one: what is typed earlier it throws away."""
        deadline = time.monotonic() + PATIENCE
        while termios.tcgetattr(self._ours)[3] & termios.ICANON:
            assert time.monotonic() < deadline, f"no key was waited for: {self.shown!r}"
            time.sleep(0.01)
        os.write(self._ours, key)


@contextmanager
def terminal(home: Path, *words: str) -> Iterator[Keys]:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFCLI_HOME": str(home)}
    with subprocess.Popen(
        [sys.executable, "-m", "prefcli", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment | {"COLUMNS": "80", "TERM": "dumb"},
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            yield Keys(ours, process)
            assert process.wait(PATIENCE) is not None
        finally:
            process.kill()
            os.close(ours)


@pytest.fixture
def logged(home: Path) -> Path:
    """Four answers that alice's profile gave, the fourth the newest."""
    with Store.open() as store:
        for number in (1, 2, 3, 4):
            store.log_generation(
                text_prompt(f"question {number}"), f"answer {number}", base="tiny", user="alice"
            )
    return home


def judged() -> dict[str, float]:
    with Store.open() as store:
        rows = [row.feedback for row in store.feedback("alice")]
    return {row.responses[0]: row.value for row in rows}


def test_each_key_judges_the_answer_that_is_shown_and_others_are_passed_over(logged: Path) -> None:
    with terminal(logged, "rate", "--user", "alice") as keys:
        keys.wait_for("answer 4")
        keys.wait_for("[u up, d down, s skip, q stop]")
        keys.press(b"?")
        time.sleep(0.5)  # it is read, and another key is waited for
        keys.press(b"U")
        keys.wait_for("answer 3")
        keys.wait_for("q stop]")
        keys.press(b"s")
        keys.wait_for("answer 2")
        keys.wait_for("q stop]")
        keys.press(b"-")
        keys.wait_for("answer 1")
        keys.wait_for("q stop]")
        keys.press(b"q")
        keys.wait_for("2 judgements kept. Next: prefcli fit --user alice")
    assert keys.process.returncode == 0
    assert judged() == {"answer 4": 1.0, "answer 2": 0.0}


@pytest.mark.parametrize("end", [b"\x03", b"\x04"])
def test_ctrl_c_and_ctrl_d_end_with_130_and_keep_what_was_judged(logged: Path, end: bytes) -> None:
    with terminal(logged, "rate", "--user", "alice") as keys:
        keys.wait_for("q stop]")
        keys.press(b"d")
        keys.wait_for("answer 3")
        keys.wait_for("q stop]")
        keys.press(end)
        keys.wait_for("interrupted")
    assert keys.process.returncode in (130, -signal.SIGINT)
    assert judged() == {"answer 4": 0.0}
