"""UltraFeedback: four scored answers to an instruction, and its pairs of two of them.

Source of the scores: https://github.com/OpenBMB/UltraFeedback, README.md, section "Dataset Format",
and src/data_annotation, which writes `overall_score` (1 to 10) with its `critique`, and `Rating` (1
to 5, `N/A` where an aspect does not apply) for each aspect of `annotations`. An answer's score is
`overall_score`, else `fine-grained_score`, else the mean of its ratings, both of the latter from 1
to 5. The critique is kept as the reason. An answer that nobody scored is passed over. The system
prompt that made each answer differs from answer to answer and is no part of the prompt.

Source of the pairs: https://huggingface.co/datasets/HuggingFaceH4/ultrafeedback_binarized, the
data card: `prompt`, two whole conversations, and the score of each answer. How much higher the
better one's is, is the strength; equal scores are a tie. Rescored copies use scales of their own,
so none is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats import trl
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.judgements import Scale
from prefcli.feedback.records import Feedback

_OVERALL: Scale = (1.0, 10.0)
_FINE: Scale = (1.0, 5.0)


def _matches(row: Mapping[str, Any]) -> bool:
    given = row.get("completions")
    return (
        isinstance(row.get("instruction"), str)
        and isinstance(given, list)
        and any(isinstance(one, dict) and "response" in one for one in given)
    )


def _parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    prompt = fields.question(row, "instruction")
    scored = 0
    for one in fields.objects(row, "completions"):
        score, scale = _score(one)
        if score is None:
            continue
        scored += 1
        said = {**row, "reason": one.get("critique") or row.get("reason")}
        answer = fields.text(one, "response")
        yield judgements.rating(said, user, prompt, answer, score, scale=scale)
    if not scored:
        raise DataError("field 'completions': expected a score for one answer at least, came none")


def _score(answer: Mapping[str, Any]) -> tuple[float | None, Scale]:
    for name, scale in (("overall_score", _OVERALL), ("fine-grained_score", _FINE)):
        if answer.get(name) not in (None, "", "N/A"):
            return fields.number(answer, name), scale
    aspects = answer.get("annotations")
    given = list(aspects.values()) if isinstance(aspects, dict) else []
    rated = [one for one in given if isinstance(one, dict)]
    ratings = [
        fields.number(one, "Rating") for one in rated if one.get("Rating") not in (None, "", "N/A")
    ]
    return (sum(ratings) / len(ratings) if ratings else None), _FINE


RAW = Format(
    name="ultrafeedback",
    example='{"instruction": "What is the sky?", "completions": [{"model": "gpt-4", '
    '"response": "Blue.", "overall_score": 9.0, "critique": "Short and right."}]}',
    fields=(("instruction",), ("completions",)),
    matches=_matches,
    parse=_parse,
    kinds=("rating",),
)


def _matches_binarized(row: Mapping[str, Any]) -> bool:
    scored = row.keys() >= {"prompt", *trl.SCORES}
    return scored and all(isinstance(row.get(name), list | str) for name in ("chosen", "rejected"))


def _parse_binarized(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    better, other = (fields.number(row, name) for name in trl.SCORES)
    if better < other:
        raise DataError(
            "fields 'score_chosen' and 'score_rejected': expected the chosen answer's to be no "
            f"lower, came {better:g} and {other:g}"
        )
    named = {**row, "id": row.get("id") or row.get("prompt_id")}
    for pair in trl.CONVERSATIONAL.parse(row, user):
        yield judgements.pair(
            named,
            user,
            pair.prompt,
            *pair.responses,
            tie=better == other,
            strength=better - other,
            scale=(0.0, None),
        )


BINARIZED = Format(
    name="ultrafeedback-binarized",
    example='{"prompt": "What is the sky?", "chosen": [{"role": "user", "content": '
    '"What is the sky?"}, {"role": "assistant", "content": "Blue."}], "rejected": [{"role": '
    '"user", "content": "What is the sky?"}, {"role": "assistant", "content": "Green."}], '
    '"score_chosen": 9.0, "score_rejected": 4.5}',
    fields=(("prompt",), ("chosen",), ("rejected",), ("score_chosen",), ("score_rejected",)),
    matches=_matches_binarized,
    parse=_parse_binarized,
)
