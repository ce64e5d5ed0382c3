"""`space train` as a user meets it: in two processes, stopped by Ctrl-C, and killed at any moment.

On a tiny base with random weights; half of the prompts bring answers in two styles, so that there
is something to learn.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prefcli.store import Store
from tests.tiny_bases import save_tiny

pytestmark = pytest.mark.slow

STEPS = 40
SETTINGS = (
    *("--steps", str(STEPS), "--learning-rate", "0.01", "--samples", "16", "--trunk-layers", "1"),
    *("--max-new-tokens", "8", "--latent-size", "4", "--base", "tiny-llama"),
)
# A checkpoint every few steps instead of every half minute.
SCRIPT = """
import sys
import prefcli.latent.pretrain
prefcli.latent.pretrain.CHECKPOINT_SECONDS = 0.05
from prefcli.cli import main
main()
"""
LONGEST = 600


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a base, and prompts beside it."""
    directory = tmp_path_factory.mktemp("several")
    base = save_tiny("llama", directory / "model")
    with Store.open(directory / "home") as store:
        store.add_base("tiny-llama", str(base), "cpu", None, "fingerprint", {})
    rng = random.Random(0)
    rows: list[dict[str, Any]] = [{"prompt": f"Question {i}?"} for i in range(56)]
    for row in rows[::2]:
        row["responses"] = ["".join(rng.choices(s, k=8)) for s in ("ABC", "xyz") * 4]
    (directory / "prompts").write_text("\n".join(map(json.dumps, rows)))
    return directory / "home"


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def start(home: Path) -> Start:
    """Start `prefcli space train WORDS`, in a process group of its own."""

    def begin(*words: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if name != "PREFCLI_DEBUG"}
        path = os.pathsep.join(each for each in sys.path if each)
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, "space", "train", *words],
            env=environment | {"PREFCLI_HOME": str(home), "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    return begin


def fresh(home: Path) -> tuple[str, ...]:
    """The words of a training that begins."""
    return ("--prompts", str(home.parent / "prompts"), *SETTINGS)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout, and stderr without the lines that tell of progress."""
    out, err = process.communicate(timeout=LONGEST)
    parts = ("sampling", "space,", "encoding", "round trip", "fluency", "contrastive", "loading")
    progress = tuple(f"prefcli: {part}" for part in parts)
    told = [line for line in err.splitlines() if not line.startswith(progress)]
    return process.returncode, out, "\n".join(told)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + LONGEST
    while not path.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)


def history(home: Path, name: str) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads((home / "spaces" / name / "space.json").read_text())[
        "history"
    ]
    assert len(found) == STEPS
    return found


def near(home: Path, name: str, other: str) -> bool:
    """Whether two trainings went alike: exactly alike at first, near each other at the end."""
    pairs = list(zip(history(home, name), history(home, other), strict=True))
    same = all(row == pytest.approx(expected, rel=0.01, abs=0.01) for row, expected in pairs[:5])
    last = [sum(row["reconstruction"] for row in each[-10:]) for each in zip(*pairs, strict=True)]
    return same and last[0] == pytest.approx(last[1], rel=0.05)


def left(home: Path, name: str) -> list[str]:
    """What lies where the spaces lie, beside the spaces, of one training."""
    return [path.name for path in (home / "spaces").glob(f".*{name}*")]


@pytest.fixture(scope="module")
def whole(home: Path, start: Start) -> dict[str, Any]:
    """The space `whole`, of one process that nobody interrupted."""
    code, out, told = ended(start("whole", *fresh(home), "--json"))
    assert (code, told) == (0, "")
    row: dict[str, Any] = json.loads(out)
    assert left(home, "whole") == []
    return row


def test_a_training_that_is_killed_again_and_again_ends_in_the_same_space(
    home: Path, start: Start, whole: dict[str, Any]
) -> None:
    work = home / "spaces" / ".unfinished-killed"
    rng = random.Random()
    killed = []
    for moment in ("lock", "answers.jsonl", "checkpoint.pt", "checkpoint.pt", ".space", ".kept"):
        words = ("--resume",) if (work / "plan.json").exists() else fresh(home)
        process = start("killed", *words)
        wait_for(work / moment, process)
        if not moment.startswith("."):
            time.sleep(rng.uniform(0.0, 0.3))
        process.kill()
        killed.append((moment, ended(process)[0]))
        if moment == "answers.jsonl":
            code, _, told = ended(start("killed", *fresh(home)))
            assert (code, told.count("\n")) == (2, 0)
            assert "is unfinished: go on with --resume" in told
            with (work / "answers.jsonl").open("a") as file:  # as a kill may cut it off
                file.write('\n[128, ["cut o')
            (work / ".checkpoint.pt.1").write_bytes(b"half")
            (work / ".plan.json").write_text("{")
    assert -signal.SIGKILL in [code for _, code in killed]
    if work.exists():  # else the last one was faster than the kill
        assert not (work / ".checkpoint.pt.1").exists()
        code, _, told = ended(start("killed", "--resume"))
        assert (code, told) == (0, "")
    assert history(home, "killed") == history(home, "whole")
    fingerprint = json.loads((home / "spaces/killed/space.json").read_text())["fingerprint"]
    assert fingerprint == whole["fingerprint"]
    assert left(home, "killed") == []


def test_restart_begins_anew(home: Path, start: Start, whole: dict[str, Any]) -> None:
    work = home / "spaces" / ".unfinished-anew"
    process = start("anew", *fresh(home), "--seed", "1")
    wait_for(work / "checkpoint.pt", process)
    process.kill()
    ended(process)
    (work / "checkpoint.pt").write_bytes(b"half")
    code, _, told = ended(start("anew", "--resume"))
    assert (code, told.count("\n")) == (65, 0)
    assert "is damaged" in told
    code, out, told = ended(start("anew", *fresh(home), "--restart", "--json"))
    assert (code, told) == (0, "")
    assert json.loads(out)["fingerprint"] == whole["fingerprint"]
    assert left(home, "anew") == []


@pytest.mark.parametrize("sharing", [(), ("--shard-base",)])
def test_two_processes_train_the_space_of_one(
    home: Path, start: Start, whole: dict[str, Any], sharing: tuple[str, ...]
) -> None:
    name = f"two{len(sharing)}"
    process = start(name, *fresh(home), "--processes", "2", *sharing, "--json")
    code, out, told = ended(process)
    assert (code, told) == (0, "")
    assert json.loads(out)["space"] == name  # one object
    assert near(home, name, "whole")
    assert left(home, name) == []


def test_two_processes_that_were_interrupted_tell_it_once_and_go_on(
    home: Path, start: Start, whole: dict[str, Any]
) -> None:
    work = home / "spaces" / ".unfinished-stopped"
    process = start("stopped", *fresh(home), "--processes", "2")
    wait_for(work / "answers.jsonl", process)
    os.killpg(process.pid, signal.SIGINT)
    kept = "prefcli: what is done is kept: `prefcli space train stopped --resume` goes on"
    assert ended(process) == (130, "", f"{kept}\nprefcli: interrupted")
    assert (work / "answers.jsonl").exists()
    code, _, told = ended(start("stopped", "--resume"))
    assert (code, told) == (0, "")
    assert near(home, "stopped", "whole")
    assert left(home, "stopped") == []


def test_an_error_of_two_processes_is_one_line(home: Path, start: Start) -> None:
    words = ("--processes", "2", "--prompts-per-step", "1")
    code, out, told = ended(start("few", *fresh(home), *words))
    assert (code, out, told.count("\n")) == (2, "", 0)
    assert "2 processes cannot share the 1 prompts of a step" in told
    assert left(home, "few") == []
    code, out, told = ended(start("none", "--processes", "2", "--base", "absent"))
    assert (code, out, told.count("\n")) == (66, "", 0)
    assert "no base 'absent'" in told


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize("which", [0, 1])
def test_a_process_that_is_killed_ends_both_with_one_line(
    home: Path, start: Start, which: int
) -> None:
    name = f"lost{which}"
    process = start(name, *fresh(home), "--processes", "2")
    wait_for(home / "spaces" / f".unfinished-{name}" / "answers.jsonl", process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[which]), signal.SIGKILL)
    code, out, told = ended(process)
    assert (code, out) == (1, "")
    assert told == (
        f"prefcli: error: process {which} of the training was killed (SIGKILL): what is done is "
        "kept, go on with --resume"
    )
