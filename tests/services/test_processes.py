"""Several processes for one training: who tells how it ended, and that none is left waiting."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from prefcli.errors import DataError, PrefcliError
from prefcli.latent.workers import PeerLostError, Workers
from prefcli.services import processes

FOREVER = "import time; time.sleep(600)"


class Quiet(Workers):
    """One of two, of which the other tells."""

    def tells(self) -> bool:
        return False


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes of `launch`, which run these lines instead of a training."""
    found: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(processes, "GRACE", 0.2)
    return found


def launch(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]], *lines: str
) -> int:
    def start(rank: int, *_: int) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-S", "-c", lines[rank]]))
        return started[-1]

    monkeypatch.setattr(processes, "_start", start)
    return processes.launch(len(lines))


def test_all_ended_well_is_the_code_0(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    assert launch(monkeypatch, started, "", "") == 0


def test_one_that_fails_ends_those_that_would_wait_forever(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    assert launch(monkeypatch, started, FOREVER, "raise SystemExit(65)", FOREVER) == 65
    assert all(process.poll() is not None for process in started)


def test_one_that_was_killed_is_named(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    killed = "import os; os.kill(os.getpid(), 9)"
    with pytest.raises(PrefcliError, match=r"process 1 of the training was killed \(SIGKILL\)"):
        launch(monkeypatch, started, FOREVER, killed)
    assert started[0].poll() == -signal.SIGKILL


def test_an_interrupt_ends_all_and_is_not_told_again(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    def interrupted(_: object) -> None:
        time.sleep(0.2)
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "_first_failure", interrupted)
    with pytest.raises(SystemExit) as caught:
        launch(monkeypatch, started, FOREVER, FOREVER)
    assert caught.value.code == 130
    assert [process.poll() for process in started] == [-signal.SIGTERM] * 2


@pytest.mark.parametrize(
    ("error", "code"),
    [(DataError("bad"), 65), (KeyboardInterrupt(), 130), (ValueError("bug"), 1)],
)
def test_what_another_process_tells_is_not_told_here(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    monkeypatch.setattr(Workers, "start", lambda: Quiet(1, 2))
    with pytest.raises(SystemExit) as caught, processes.joined():
        raise error
    assert caught.value.code == code


def test_a_process_alone_tells_its_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(DataError), processes.joined() as workers:
        assert workers.first
        raise DataError("bad")


def test_the_loss_of_another_is_told_by_the_launcher_if_it_is_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(PeerLostError), processes.joined():
        raise PeerLostError("gone")
    monkeypatch.setenv(processes.LAUNCHED, "1")
    with pytest.raises(SystemExit) as caught, processes.joined():
        raise PeerLostError("gone")
    assert caught.value.code == 1
