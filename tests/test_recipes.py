"""The scripts of docs/recipes write rows that ingest reads."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

from prefcli.services.ingest import ingest
from prefcli.store import Store

RECIPES = Path(__file__).parents[1] / "docs" / "recipes"

VOTE = """<mTurkAssignment><turkID>{worker}</turkID><value>{value}</value>
<assignmentSubmitTime>2016-02-01</assignmentSubmitTime>
<reason>because &amp; so</reason><assignmentId>{worker}-{number}</assignmentId></mTurkAssignment>"""
PAIR = """<annotatedArgumentPair><id>x</id>
<arg1><stance>Yes</stance><text>First {number}.</text></arg1>
<arg2><stance>Yes</stance><text>Second {number}.</text></arg2>
<debateMetaData><title>Ban it?</title></debateMetaData>
<mTurkAssignments>{votes}</mTurkAssignments></annotatedArgumentPair>"""


def xml(path: Path, count: int) -> Path:
    pairs = [
        PAIR.format(
            number=number,
            votes="".join(
                VOTE.format(worker=worker, value=value, number=number)
                for worker, value in (("W1", "a1"), ("W2", "a2"), ("W3", "equal"))
            ),
        )
        for number in range(count)
    ]
    path.write_text(f"<?xml version='1.0'?><list>{''.join(pairs)}</list>", "utf-8")
    return path


def test_every_vote_of_ukpconvarg1_enters_as_its_workers_pair(tmp_path: Path) -> None:
    plain = xml(tmp_path / "a.xml", 3)
    packed = tmp_path / "b.tar.xz"
    with tarfile.open(packed, "w:xz") as archive:
        archive.add(xml(tmp_path / "c.xml", 5), "folder/c.xml")
    script = RECIPES / "ukpconvarg1.py"
    done = subprocess.run(
        [sys.executable, script, plain, packed], capture_output=True, check=True, text=True
    )
    rows = tmp_path / "votes.jsonl"
    rows.write_text(done.stdout, "utf-8")
    with Store.open(tmp_path / "home") as store:
        report = ingest(store, [str(rows)])
        said = [row.feedback for row in store.feedback()]
    # The first three pairs are the same in both files, and so are the ids of their votes.
    assert (report.read, report.inserted, report.duplicates) == (24, 15, 9)
    assert report.users == ["W1", "W2", "W3"]
    one = {feedback.user: feedback for feedback in said if "0." in feedback.responses[0]}
    assert one["W1"].responses == ("First 0.", "Second 0.")
    assert one["W2"].responses == ("Second 0.", "First 0.")
    assert {user: feedback.value for user, feedback in one.items()} == {"W1": 1, "W2": 1, "W3": 0.5}
    assert {feedback.reason for feedback in said} == {"because & so"}
    assert one["W1"].prompt[0].content == "Debate: Ban it?\nArgue for: Yes"
    assert (one["W1"].row_id, one["W1"].time) == ("W1-0", "2016-02-01")
