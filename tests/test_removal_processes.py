"""Taking away while others add: nobody fails, and nothing of theirs is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import prefcli
from prefcli.store import Store

WRITERS, BATCHES, ROWS = 3, 8, 50
PATIENCE = 300  # seconds, for a machine that has other things to do

WRITE = """
import sys
from prefcli.feedback.records import Feedback, text_prompt
from prefcli.store import Store

name, batches, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for batch in range(batches):
    with Store.open() as store:
        for user in (name, "gone"):
            said = [
                (Feedback(user, "pair", text_prompt(f"{name} {batch} {i}"), ("a", "b")), "f", i)
                for i in range(rows)
            ]
            store.add_feedback(said)
"""


def test_forgetting_among_writers_loses_nothing_of_theirs(home: Path) -> None:
    with Store.open(home):
        pass
    root = Path(prefcli.__file__).parents[1]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, f"user-{number}", str(BATCHES), str(ROWS)],
            cwd=root,
            env=os.environ | {"PREFCLI_HOME": str(home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.close()
    forgotten = 0
    with Store.open(home, timeout=PATIENCE) as store:
        while any(writer.poll() is None for writer in writers):
            if store.has_user("gone"):
                forgotten += store.forget_user("gone").judgements
        assert [writer.wait(PATIENCE) for writer in writers] == [0] * WRITERS
        if store.has_user("gone"):
            forgotten += store.forget_user("gone").judgements
        counts = store.feedback_counts()
    assert forgotten == WRITERS * BATCHES * ROWS
    assert {name: counts[name]["pair"] for name in counts} == {
        f"user-{number}": BATCHES * ROWS for number in range(WRITERS)
    }
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
