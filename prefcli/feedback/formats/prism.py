"""PRISM: conversations in which one person scores every answer of every turn.

Source: https://github.com/HannahKirk/prism-alignment, data/prism_datacard.md and
src/data_processing/process_conversations.py, which writes `conversation_history`: the user's turn
and then the models' answers to it, each with its `turn`, its `score` from 1 (terrible) to 100
(perfect) and `if_chosen`, which is true of the one that the conversation went on from.

Every scored answer is a rating, whose prompt is the conversation as it went on up to there. Where
no answer of a turn has a score, the chosen one is better than each other. `open_feedback`, said of
the conversation as a whole, is kept as the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.judgements import Scale
from prefcli.feedback.records import Feedback, Message

_FIELD = "conversation_history"
_SCALE: Scale = (1.0, 100.0)


def _matches(row: Mapping[str, Any]) -> bool:
    turns = row.get(_FIELD)
    return isinstance(turns, list) and any(
        isinstance(one, dict) and one.get("role") == "model" for one in turns
    )


def _parse(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    named = {
        **row,
        "id": row.get("id") or row.get("conversation_id"),
        "time": row.get("time") or row.get("generated_datetime"),
        "reason": row.get("reason") or row.get("open_feedback"),
    }
    so_far: list[Message] = []
    judged = False
    for asked, answers in _rounds(fields.objects(row, _FIELD)):
        so_far.append(Message("user", asked))
        for feedback in _of_round(named, user, tuple(so_far), answers):
            judged = True
            yield feedback
        chosen = next((one for one in answers if one.get("if_chosen") is True), None)
        if chosen is None:
            break  # what the next turn replies to is not known
        so_far.append(Message("assistant", fields.text(chosen, "content")))
    if not judged:
        raise DataError(f"field {_FIELD!r}: expected an answer with a score, came none")


def _rounds(
    turns: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Each of the user's turns with the answers to it."""
    asked: str | None = None
    answers: list[Mapping[str, Any]] = []
    for index, turn in enumerate(turns):
        role = fields.get(turn, "role")
        if role == "user":
            if asked is not None:
                yield asked, answers
            asked, answers = fields.text(turn, "content"), []
        elif role == "model" and asked is not None:
            answers.append(turn)
        else:
            wanted = "user or model" if asked is not None else "a user's turn first"
            raise fields.expected(f"{_FIELD}[{index}].role", wanted, role)
    if asked is not None:
        yield asked, answers


def _of_round(
    row: Mapping[str, Any],
    user: str,
    prompt: tuple[Message, ...],
    answers: Sequence[Mapping[str, Any]],
) -> Iterator[Feedback]:
    texts = [fields.text(one, "content") for one in answers]
    scored = [
        (text, fields.number(one, "score"))
        for one, text in zip(answers, texts, strict=True)
        if one.get("score") is not None
    ]
    for text, score in scored:
        yield judgements.rating(row, user, prompt, text, score, scale=_SCALE)
    picked = [at for at, one in enumerate(answers) if one.get("if_chosen") is True]
    if not scored and picked:
        for at, text in enumerate(texts):
            if at not in picked:
                yield judgements.pair(row, user, prompt, texts[picked[0]], text)


FORMAT = Format(
    name="prism",
    example='{"conversation_id": "c1", "user_id": "user7", "conversation_history": [{"turn": 0, '
    '"role": "user", "content": "What is the sky?"}, {"turn": 0, "role": "model", "content": '
    '"Blue.", "score": 90, "if_chosen": true, "within_turn_id": 0}, {"turn": 0, "role": "model", '
    '"content": "Green.", "score": 20, "if_chosen": false, "within_turn_id": 1}]}',
    fields=((_FIELD,),),
    matches=_matches,
    parse=_parse,
    users=("user_id",),
    kinds=("rating", "pair"),
)
