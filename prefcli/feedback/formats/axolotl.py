"""The named types of axolotl that no other format covers.

Source: https://github.com/axolotl-ai-cloud/axolotl, src/axolotl/prompt_strategies (dpo, kto, orpo)
and docs/rlhf.qmd. The types differ in the chat template, which is the base's own matter here, and
in the fields, where `*` is chatml, llama3 or another template:

    type                              read as
    *.argilla, *.icr (dpo)            axolotl-preference
    *.intel (dpo)                     alpaca-preference
    *.prompt_pairs (dpo)              trl-preference
    *.argilla_chat, *.ultra (dpo),
    chat_template.argilla (orpo)      trl-conversational
    chat_template.default (dpo)       sharegpt-preference
    zephyr.nectar (dpo)               nectar
    *.argilla, *.intel (kto),
    *.argilla_chat (kto)              axolotl-kto
    *.prompt_pairs, *.ultra (kto)     trl-unpaired

A `system` column becomes the first turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.feedback import fields, judgements
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Prompt

_ASKED = ("prompt", "input", "question", "instruction")  # the order in which axolotl looks
_CHOSEN = ("chosen_response", "chosen")
_REJECTED = ("rejected_response", "rejected")


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if row.get(name) is not None), names[0])


def _prompt(row: Mapping[str, Any], names: tuple[str, ...]) -> Prompt:
    return fields.with_system(row, fields.question(row, _first(row, names)))


def _matches_preference(row: Mapping[str, Any]) -> bool:
    if all(isinstance(row.get(names[0]), str) for names in (_CHOSEN, _REJECTED)):
        return any(isinstance(row.get(name), str) for name in _ASKED)
    answers = all(isinstance(row.get(names[1]), str) for names in (_CHOSEN, _REJECTED))
    alone = not row.keys() & {"prompt", "question", "instruction"}
    return answers and alone and isinstance(row.get("input"), str)


def _parse_preference(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    chosen = fields.text(row, _first(row, _CHOSEN))
    rejected = fields.text(row, _first(row, _REJECTED))
    yield judgements.pair(row, user, _prompt(row, _ASKED), chosen, rejected)


PREFERENCE = Format(
    name="axolotl-preference",
    example='{"instruction": "What is the sky?", '
    '"chosen_response": "Blue.", "rejected_response": "Green."}',
    fields=(_ASKED, _CHOSEN, _REJECTED),
    matches=_matches_preference,
    parse=_parse_preference,
)


def _matches_kto(row: Mapping[str, Any]) -> bool:
    if "label" not in row or row.get("prompt") is not None:
        return False
    asked = any(isinstance(row.get(name), str) for name in ("question", "instruction"))
    completion = row.get("completion")
    return (asked and isinstance(completion, str)) or isinstance(completion, list)


def _parse_kto(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    if isinstance(row.get("completion"), list):  # the whole conversation
        turns = fields.messages(row, "completion")
        prompt, response = fields.split_last(turns, "completion")
        prompt = fields.with_system(row, prompt)
    else:
        prompt = _prompt(row, ("question", "instruction"))
        response = fields.text(row, "completion")
    yield judgements.thumb(row, user, prompt, response, fields.verdict(row, "label"))


KTO = Format(
    name="axolotl-kto",
    example='{"instruction": "What is the sky?", "completion": "Blue.", "label": true}',
    fields=(("completion",), ("label",)),
    matches=_matches_kto,
    parse=_parse_kto,
    kinds=("thumb",),
)
