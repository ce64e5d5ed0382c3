"""OpenAI's summarize_from_feedback: which of two summaries is better, and how good one is.

Source: https://github.com/openai/summarize-from-feedback, README.md, sections "Comparisons" and
"Axis evals"; the words round a post or an article are those of
summarize_from_feedback/utils/experiment_helpers.py, from which the summaries were made.

`choice` is the place of the better summary, `worker` who judged. `extra.confidence` is kept as the
strength, as it stands: what its scale is, is not documented. Of the axes, on seven points each,
`overall` is read. `info.id` names the post or article, not the judgement, and is the row's id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.judgements import Scale
from prefcli.feedback.records import Feedback, Prompt, text_prompt

_AXIS: Scale = (1.0, 7.0)


def _asked(row: Mapping[str, Any]) -> tuple[Prompt, dict[str, Any]]:
    """The prompt, and the row with its id where it is looked for."""
    info = fields.inner(row, "info")
    if info.get("post") is not None:
        parts = [
            *_titled("SUBREDDIT: r/", fields.optional_text(info, "subreddit")),
            *_titled("TITLE: ", fields.optional_text(info, "title")),
            "POST: " + fields.text(info, "post"),
        ]
    else:
        parts = ["Article:", fields.text(info, "article")]
    prompt = text_prompt("\n\n".join([*parts, "TL;DR:"]))
    return prompt, {**row, "id": row.get("id") or info.get("id")}


def _titled(title: str, text: str) -> list[str]:
    return [title + text] if text else []


def _matches_comparison(row: Mapping[str, Any]) -> bool:
    shaped = isinstance(row.get("info"), dict) and isinstance(row.get("summaries"), list)
    return shaped and "choice" in row


def _parse_comparison(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    prompt, named = _asked(row)
    given = fields.objects(row, "summaries")
    if len(given) != 2:
        raise fields.expected("summaries", "a list of two", given)
    choice = int(fields.verdict(row, "choice"))
    texts = [fields.text(one, "text").strip() for one in given]
    extra = row.get("extra")
    said = extra if isinstance(extra, dict) else {}
    strength = None if said.get("confidence") is None else fields.number(said, "confidence")
    yield judgements.pair(named, user, prompt, texts[choice], texts[1 - choice], strength=strength)


COMPARISON = Format(
    name="summarize-comparison",
    example='{"info": {"id": "t3_1", "post": "What is the sky?", "title": "Sky", "subreddit": '
    '"ask"}, "summaries": [{"text": " Green."}, {"text": " Blue."}], "choice": 1, '
    '"worker": "alice", "extra": {"confidence": 8}}',
    fields=(("info",), ("summaries",), ("choice",)),
    matches=_matches_comparison,
    parse=_parse_comparison,
    users=("worker",),
)


def _matches_axes(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("info"), dict) and isinstance(row.get("summary"), dict)


def _parse_axes(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    prompt, named = _asked(row)
    summary = fields.inner(row, "summary")
    axes = fields.inner(summary, "axes")
    answer, score = fields.text(summary, "text").strip(), fields.number(axes, "overall")
    yield judgements.rating(named, user, prompt, answer, score, scale=_AXIS)


AXES = Format(
    name="summarize-axes",
    example='{"info": {"id": "a1", "article": "What is the sky?"}, "summary": {"text": " Blue.", '
    '"axes": {"overall": 6, "accuracy": 7}}, "worker": "alice"}',
    fields=(("info",), ("summary",)),
    matches=_matches_axes,
    parse=_parse_axes,
    users=("worker",),
    kinds=("rating",),
)
