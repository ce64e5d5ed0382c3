"""Feedback in the log database of the `llm` command.

Source: https://llm.datasette.io/en/stable/logging.html (tables `responses`, `conversations`,
`fragments`) and the plugin llm-feedback, which adds a table `feedback` with `response_id`,
`feedback` (`+1` or `-1`), `comment` and `datetime_utc`. The rows are made by
`prefcli.feedback.exports.llm_logs`: a response, what was said about it, and under `earlier` the
exchanges of its conversation that came before. From documentation only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Message
from prefcli.feedback.verdicts import up_or_down


def _matches(row: Mapping[str, Any]) -> bool:
    return {"response_id", "feedback", "prompt", "response"} <= row.keys()


def _parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    up = up_or_down(row.get("feedback"))
    if up is None:
        raise fields.expected("feedback", "+1 or -1", fields.get(row, "feedback"))
    turns = [Message("user", fields.text(row, "prompt"))]
    earlier = row.get("earlier") or []
    if not isinstance(earlier, list):
        raise fields.expected("earlier", "a list of exchanges", earlier)
    before: list[Message] = []
    for index, exchange in enumerate(earlier):
        if not isinstance(exchange, dict):
            raise fields.expected(f"earlier[{index}]", "an exchange", exchange)
        before.append(Message("user", fields.optional_text(exchange, "prompt")))
        before.append(Message("assistant", fields.optional_text(exchange, "response")))
    system = fields.optional_text(row, "system")
    first = [Message("system", system)] if system else []
    said = {"id": row.get("id"), "time": row.get("datetime_utc"), "reason": row.get("comment")}
    prompt = (*first, *before, *turns)
    yield judgements.thumb(said, user, prompt, fields.text(row, "response"), up)


FORMAT = Format(
    name="llm-logs",
    example=json.dumps(
        {
            "id": 1,
            "response_id": "01j",
            "feedback": "+1",
            "comment": "short",
            "prompt": "What is the sky?",
            "response": "Blue.",
        }
    ),
    fields=(("response_id",), ("feedback",), ("prompt",), ("response",)),
    matches=_matches,
    parse=_parse,
    kinds=("thumb",),
)
