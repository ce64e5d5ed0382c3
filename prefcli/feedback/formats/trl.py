"""The preference formats of Hugging Face TRL.

Source: https://huggingface.co/docs/trl/dataset_formats, sections "Preference", "Unpaired
preference" and "Stepwise supervision"; the first two in their standard (text) and conversational
(messages) form, with the prompt stated or implied. Beyond the page, a text prompt may stand beside
whole conversations, as in UltraFeedback-binarized, whose `prompt` repeats the first user turn, and
a `system` column becomes the first turn, as in axolotl's `prompt_pairs` and `ultra`.

An answer whose steps were labelled is judged as a whole, as the page itself turns such rows into
unpaired ones: it is up if every step is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from prefcli.errors import DataError
from prefcli.feedback import fields, judgements
from prefcli.feedback.formats import hh_rlhf, llamafactory
from prefcli.feedback.formats.definition import Format
from prefcli.feedback.records import Feedback, Prompt, text_prompt

_ANSWERS = (("chosen",), ("rejected",))
SCORES = ("score_chosen", "score_rejected")  # of UltraFeedback-binarized
# Fields that hold a prompt in other formats: where one stands, the prompt is not implied.
_OTHER_PROMPTS = {
    *("instruction", "question", "query", "input", "context", "history", "system"),
    *("conversations", "messages"),
}


def _matches_preference(row: Mapping[str, Any]) -> bool:
    texts = all(isinstance(row.get(name), str) for name in ("prompt", "chosen", "rejected"))
    transcripts = hh_rlhf.FORMAT.matches(row) or hh_rlhf.PROMPTED.matches(row)
    return texts and not transcripts and not row.keys() >= set(SCORES)


def _parse_preference(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    chosen, rejected = fields.text(row, "chosen"), fields.text(row, "rejected")
    prompt = fields.with_system(row, text_prompt(fields.text(row, "prompt")))
    yield judgements.pair(row, user, prompt, chosen, rejected)


PREFERENCE = Format(
    name="trl-preference",
    example='{"prompt": "What is the sky?", "chosen": "Blue.", "rejected": "Green."}',
    fields=(("prompt",), *_ANSWERS),
    matches=_matches_preference,
    parse=_parse_preference,
)


def _matches_conversational(row: Mapping[str, Any]) -> bool:
    if not {"chosen", "rejected"} <= row.keys() or row.keys() >= set(SCORES):
        return False
    if row.get("prompt") is None and llamafactory.follows_turns(row):
        return False
    return any(isinstance(row.get(name), list) for name in ("prompt", "chosen", "rejected"))


def _parse_conversational(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    prompt = None if row.get("prompt") is None else fields.prompt(row, "prompt")
    if prompt is not None and isinstance(row.get("chosen"), str):
        chosen, rejected = fields.text(row, "chosen"), fields.text(row, "rejected")
    else:
        prompt, chosen, rejected = _split(
            prompt, fields.messages(row, "chosen"), fields.messages(row, "rejected")
        )
    yield judgements.pair(row, user, fields.with_system(row, prompt), chosen, rejected)


def _split(prompt: Prompt | None, chosen: Prompt, rejected: Prompt) -> tuple[Prompt, str, str]:
    """Prompt and answers of two lists of turns that may or may not begin with the prompt."""
    if prompt is not None and chosen[: len(prompt)] == prompt == rejected[: len(prompt)]:
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
        if not chosen or not rejected:
            raise DataError("fields 'chosen' and 'rejected': expected answers, came the prompt")
    elif prompt is None or chosen[0].role != "assistant" != rejected[0].role:
        shared, first, second = fields.split_pair(chosen, rejected)
        if prompt is not None and not set(prompt) <= set(shared):
            raise DataError(
                "field 'prompt': expected the turns that 'chosen' and 'rejected' begin with, "
                "came others"
            )
        return shared, first, second
    return (
        prompt,
        fields.answer_text(chosen, "chosen"),
        fields.answer_text(rejected, "rejected"),
    )


CONVERSATIONAL = Format(
    name="trl-conversational",
    example='{"prompt": [{"role": "user", "content": "What is the sky?"}], '
    '"chosen": [{"role": "assistant", "content": "Blue."}], '
    '"rejected": [{"role": "assistant", "content": "Green."}]}',
    fields=_ANSWERS,
    matches=_matches_conversational,
    parse=_parse_conversational,
)


def _matches_implicit(row: Mapping[str, Any]) -> bool:
    if row.get("prompt") is not None or row.keys() & _OTHER_PROMPTS:
        return False
    texts = all(isinstance(row.get(name), str) for name in ("chosen", "rejected"))
    return texts and not hh_rlhf.FORMAT.matches(row)


def _parse_implicit(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    chosen, rejected = fields.text(row, "chosen"), fields.text(row, "rejected")
    prompt = _shared_words(chosen, rejected)
    if not prompt:
        raise DataError(
            "fields 'chosen' and 'rejected': expected the same prompt at the start of both "
            "or a field 'prompt', came texts that differ from the first word"
        )
    answers = chosen[len(prompt) :], rejected[len(prompt) :]
    yield judgements.pair(row, user, text_prompt(prompt), *answers)


def _shared_words(first: str, second: str) -> str:
    """The text that both begin with, up to the end of a word."""
    pairs = enumerate(zip(first, second, strict=False))
    end = next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))
    shared = first[:end]
    inside_a_word = shared[-1:].isalnum() and (
        first[end : end + 1].isalnum() or second[end : end + 1].isalnum()
    )
    while inside_a_word and end and not shared[end - 1].isspace():
        end -= 1
    return shared[:end].rstrip()


IMPLICIT = Format(
    name="trl-implicit",
    example='{"chosen": "The sky is blue.", "rejected": "The sky is green."}',
    fields=_ANSWERS,
    matches=_matches_implicit,
    parse=_parse_implicit,
    note="the rows have no 'prompt'; the words that both answers begin with were taken for it",
)


def _matches_unpaired(row: Mapping[str, Any]) -> bool:
    return UNPAIRED.fields_in(row) == 3 and all(
        isinstance(row[name], str | list) for name in ("prompt", "completion")
    )


def _parse_unpaired(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    prompt = fields.prompt(row, "prompt")
    completion = fields.get(row, "completion")
    turns = fields.messages(row, "completion") if isinstance(completion, list) else ()
    if turns and turns[0].role != "assistant":  # the whole conversation, as in kto-mix-15k
        prompt, response = fields.split_last(turns, "completion")
    else:
        response = fields.answer(row, "completion")
    prompt = fields.with_system(row, prompt)
    yield judgements.thumb(row, user, prompt, response, fields.verdict(row, "label"))


UNPAIRED = Format(
    name="trl-unpaired",
    example='{"prompt": "What is the sky?", "completion": "Blue.", "label": true}',
    fields=(("prompt",), ("completion",), ("label",)),
    matches=_matches_unpaired,
    parse=_parse_unpaired,
    kinds=("thumb",),
)


def _matches_stepwise(row: Mapping[str, Any]) -> bool:
    lists = all(isinstance(row.get(name), list) for name in ("completions", "labels"))
    return lists and isinstance(row.get("prompt"), str | list)


def _parse_stepwise(row: Mapping[str, Any], user: str) -> Iterator[Feedback]:
    steps, labels = fields.get(row, "completions"), fields.get(row, "labels")
    if not isinstance(steps, list) or not steps or not all(isinstance(one, str) for one in steps):
        raise fields.expected("completions", "a list of steps, each a text", steps)
    if not isinstance(labels, list) or len(labels) != len(steps):
        raise fields.expected("labels", f"a list of {len(steps)}, one for each step", labels)
    right = [
        fields.verdict({f"labels[{at}]": one}, f"labels[{at}]") for at, one in enumerate(labels)
    ]
    prompt = fields.with_system(row, fields.prompt(row, "prompt"))
    yield judgements.thumb(row, user, prompt, _joined(steps), min(right))


def _joined(steps: list[str]) -> str:
    """The steps as one text, each on a line of its own unless they bring their own white space."""
    glued = any(two[:1].isspace() or one[-1:].isspace() for one, two in pairwise(steps))
    return ("" if glued else "\n").join(steps)


STEPWISE = Format(
    name="trl-stepwise",
    example='{"prompt": "What is the sky?", "completions": ["Blue."], "labels": [true]}',
    fields=(("prompt",), ("completions",), ("labels",)),
    matches=_matches_stepwise,
    parse=_parse_stepwise,
    note="an answer of labelled steps was read as one thumb: up if every step is right",
    kinds=("thumb",),
)
