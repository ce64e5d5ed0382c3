"""The votes of UKPConvArg1 (which of two arguments convinces more?) as JSON lines for prefcli.

    python docs/recipes/ukpconvarg1.py UKPConvArg1-full-XML/*.xml > votes.jsonl
    prefcli ingest votes.jsonl

Source: https://github.com/UKPLab/acl2016-convincing-arguments (Habernal and Gurevych, 2016). Each
worker's vote on two arguments becomes one line in the layout of Chatbot Arena's votes, which
knows ties: the debate and the side to argue for are the prompt, the worker is the judge, and what
the worker wrote is the reason. Files are read piece by piece, whatever their size. A .tar or
.tar.xz of them is read without being unpacked.
"""

from __future__ import annotations

import json
import signal
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

WINNERS = {"a1": "model_a", "a2": "model_b", "equal": "tie"}


def files(path: str) -> Iterator[IO[bytes]]:
    """The XML files that a path holds."""
    if not tarfile.is_tarfile(path):
        with Path(path).open("rb") as file:
            yield file
        return
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name.endswith(".xml") else None
            if content is not None:
                yield content


def votes(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """One row for each vote in a file."""
    events = ElementTree.iterparse(file, events=("start", "end"))  # noqa: S314 (one's own file)
    _, root = next(events)
    for event, element in events:
        if event == "end" and element.tag == "annotatedArgumentPair":
            yield from of_pair(element)
            root.clear()  # what was read makes room


def of_pair(pair: ElementTree.Element) -> Iterator[dict[str, Any]]:
    """One row for each vote on two arguments."""
    title, stance = pair.findtext("debateMetaData/title"), pair.findtext("arg1/stance")
    question = f"Debate: {title}\nArgue for: {stance}"

    def argument(name: str) -> list[dict[str, str]]:
        return [
            {"role": "user", "content": question},
            {"role": "assistant", "content": (pair.findtext(f"{name}/text") or "").strip()},
        ]

    for vote in pair.iterfind("mTurkAssignments/mTurkAssignment"):
        yield {
            "question_id": vote.findtext("assignmentId"),
            "judge": vote.findtext("turkID"),
            "winner": WINNERS[vote.findtext("value") or ""],
            "conversation_a": argument("arg1"),
            "conversation_b": argument("arg2"),
            "tstamp": vote.findtext("assignmentSubmitTime"),
            "reason": vote.findtext("reason"),
        }


def main() -> None:
    """Write the votes of all files that were named; who stops reading ends the script."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for path in sys.argv[1:]:
        for file in files(path):
            for row in votes(file):
                sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
