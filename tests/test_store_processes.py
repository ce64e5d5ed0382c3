"""The catalog between processes: started together, or killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import prefcli
from prefcli.feedback.records import KINDS, encoding_key, text_prompt
from prefcli.store import Store

PATIENCE = 300  # seconds, for a machine that has other things to do
ROUNDS = 20
ROWS = 200  # in one call

# Imports first, then waits for a line, so that all of them start at the same moment.
PREAMBLE = """
import sys
from prefcli.feedback.records import Feedback, encoding_key, text_prompt
from prefcli.store import Encoding, Store

name, rows = sys.argv[1], int(sys.argv[2])

def pairs(batch):
    for i in range(rows):
        yield Feedback(name, "pair", text_prompt(f"{batch} {i}"), ("good", "bad")), "f", i + 1

print("ready", flush=True)
sys.stdin.readline()
"""

INGEST = """
with Store.open() as store:
    print(*store.add_feedback(pairs(0)))
"""

FIT = """
for _ in range(rows):
    with Store.open() as store:
        print(store.add_profile("alice", "space", name.encode() * 1000, {"pairs": 1}))
"""

# Says what it has stored as soon as the call returns, until it is killed.
STORE_FOR_EVER = """
with Store.open() as store:
    for batch in range(10 ** 9):
        store.add_feedback(pairs(batch))
        print("feedback", batch, flush=True)
        prompt = text_prompt(f"{name} {batch}")
        encoding = Encoding(bytes(128), bytes(128), 1.5)
        store.add_encodings("space", {encoding_key(prompt, str(i)): encoding for i in range(rows)})
        print("encodings", batch, flush=True)
        version = store.add_profile(name, "space", bytes([batch % 256]) * 20_000, {"pairs": 1})
        print("profile", version, flush=True)
"""


def start(program: str, name: str, rows: int, home: Path) -> subprocess.Popen[str]:
    root = Path(prefcli.__file__).parents[1]
    temporary = home.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = os.environ | {"PREFCLI_HOME": str(home), "SQLITE_TMPDIR": str(temporary)}
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + program, name, str(rows)],
        cwd=root,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def release(process: subprocess.Popen[str]) -> None:
    """Let a process that is ready go on."""
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()


def together(program: str, number: int, rows: int, home: Path) -> list[str]:
    """What each of `number` processes printed, all started at once; none may fail."""
    processes = [start(program, f"user-{i}", rows, home) for i in range(number)]
    for process in processes:
        release(process)
    outputs = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [error for _, error in outputs] == [""] * number
    assert [process.returncode for process in processes] == [0] * number
    return [output for output, _ in outputs]


def test_sixteen_processes_ingest_into_a_new_home_at_once_and_no_row_is_lost(home: Path) -> None:
    outputs = together(INGEST, 16, ROWS, home)
    assert outputs == [f"{ROWS} 0\n"] * 16
    with Store.open(home) as store:
        counts = store.feedback_counts()
    assert counts == {f"user-{i}": dict.fromkeys(KINDS, 0) | {"pair": ROWS} for i in range(16)}


def test_fits_of_one_user_at_once_get_one_version_each(home: Path) -> None:
    outputs = together(FIT, 4, 10, home)
    versions = [int(line) for output in outputs for line in output.split()]
    assert sorted(versions) == list(range(1, 41))


def test_what_was_acknowledged_survives_twenty_kills_and_the_rest_is_all_or_nothing(
    home: Path,
) -> None:
    chance = random.Random(0)
    Store.open(home).close()
    for number in range(ROUNDS):
        name = f"user-{number}"
        acknowledged = killed(name, chance, home)
        with Store.open(home) as store:
            check_whole(store, name, acknowledged)
        # Nothing is left of the rows that were being read: neither here nor among the temporary
        # files, where a kill between open and unlink can leave an empty one.
        assert {path.name for path in home.iterdir()} <= {
            "catalog.db",
            "catalog.db-wal",
            "catalog.db-shm",
        }
        assert not any(path.stat().st_size for path in (home.parent / "temporary").iterdir())
    catalog = sqlite3.connect(home / "catalog.db")
    assert catalog.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    catalog.close()


def killed(name: str, chance: random.Random, home: Path) -> Counter[str]:
    """Kill a storing process at some moment; how many calls of each kind it acknowledged."""
    process = start(STORE_FOR_EVER, name, ROWS, home)
    assert process.stdout is not None
    release(process)
    lines = [process.stdout.readline() for _ in range(chance.randrange(1, 7))]
    time.sleep(chance.uniform(0.0, 0.02))
    process.send_signal(signal.SIGKILL)
    rest, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL, error
    # A kill may cut the last line short; such a call is not acknowledged.
    whole = "".join([*lines, rest]).rpartition("\n")[0]
    return Counter(line.split()[0] for line in whole.splitlines())


def check_whole(store: Store, name: str, acknowledged: Counter[str]) -> None:
    """Every acknowledged call is there in full; at most one more of each kind is, in full."""
    feedback = Counter(
        row.feedback.prompt[0].content.split()[0] for row in store.feedback(name)
    )  # batch -> rows
    assert set(feedback.values()) <= {ROWS}
    assert len(feedback) - acknowledged["feedback"] in (0, 1)

    encoded = 0
    for batch in range(acknowledged["encodings"] + 2):
        prompt = text_prompt(f"{name} {batch}")
        keys = [encoding_key(prompt, str(i)) for i in range(ROWS)]
        found = len(store.encodings("space", keys))
        assert found in (0, ROWS)
        encoded += found // ROWS
    assert encoded - acknowledged["encodings"] in (0, 1)

    versions = [row.version for row in store.profiles(user=name, all_versions=True)]
    assert sorted(versions) == list(range(1, len(versions) + 1))
    assert len(versions) - acknowledged["profile"] in (0, 1)
    for version in versions:
        profile = store.profile(name, version)
        assert profile is not None
        assert profile.artifact == bytes([(version - 1) % 256]) * 20_000
