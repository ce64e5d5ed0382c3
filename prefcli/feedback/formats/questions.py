"""What `prefcli ask --jsonl` writes, once a `choice` stands in each line.

`a` and `b` say which answer is better, `tie` that neither is, `both-bad` that neither is any good:
two thumbs down, since a tie would lose that. A question without a choice, or with the choice
`skip`, was not answered and is no judgement; so a file may come back half done.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Prompt

CHOICES = ("a", "b", "tie", "both-bad")
SKIP = "skip"


def judged(
    row: Mapping[str, Any], user: str, prompt: Prompt, a: str, b: str, choice: str
) -> list[Feedback]:
    """The judgements that one choice makes.

    Args:
        row: Where else the row says of itself: its id, its time, why.
        choice: One of `CHOICES`.
    """
    if choice == "both-bad":
        return [judgements.thumb(row, user, prompt, each, 0.0) for each in dict.fromkeys((a, b))]
    chosen, rejected = (b, a) if choice == "b" else (a, b)
    return [judgements.pair(row, user, prompt, chosen, rejected, tie=choice == "tie")]


def _matches(row: Mapping[str, Any]) -> bool:
    return (
        all(isinstance(row.get(name), str) for name in ("a", "b"))
        and "prompt" in row
        and ("choice" in row or "information" in row)
    )


def _parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    prompt = fields.prompt(row, "prompt")
    a, b = fields.text(row, "a"), fields.text(row, "b")
    said = fields.optional_text(row, "choice").strip().lower().replace("_", "-")
    if said in ("", SKIP):
        return
    if said not in CHOICES:
        raise fields.expected("choice", "a, b, tie, both-bad or skip", row["choice"])
    yield from judged(row, user, prompt, a, b, said)


FORMAT = Format(
    name="prefcli-ask",
    example=json.dumps(
        {
            "user": "alice",
            "prompt": [{"role": "user", "content": "What is the sky?"}],
            "a": "Blue.",
            "b": "Green.",
            "information": 0.31,
            "source": "informative",
            "choice": "a",
        }
    ),
    fields=(("prompt",), ("a",), ("b",), ("choice",)),
    matches=_matches,
    parse=_parse,
    users=("user",),
    note="",
    kinds=("pair", "thumb"),
    tried=True,
)
