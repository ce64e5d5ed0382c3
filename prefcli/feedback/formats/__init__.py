"""The formats that feedback comes in, and how to tell them apart.

A file has one format. It is found by letting the first rows vote with their shape, not their
keys alone, so that one odd row at the top does not decide; where no row has the right shape, the
keys decide and every row then says what is wrong with it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from prefcli.errors import DataError, UsageError
from prefcli.feedback.formats import (
    anthropic_evals,
    arena,
    argilla,
    axolotl,
    chatgpt,
    demonstrations,
    hh_rlhf,
    label_studio,
    llamafactory,
    llm_logs,
    ms_swift,
    open_webui,
    openai_preference,
    own,
    pandalm,
    prism,
    questions,
    ranked_lists,
    summarize_from_feedback,
    trl,
    ultrafeedback,
)
from prefcli.feedback.formats.definition import Format

__all__ = ["FORMATS", "Format", "by_name", "detect"]

# What a tool exports may have the fields of a training set beside its own: tools come first.
FORMATS: tuple[Format, ...] = (
    own.FORMAT,
    questions.FORMAT,
    argilla.RECORDS,
    argilla.COLUMNS,
    label_studio.JSON,
    label_studio.MIN,
    arena.VOTES,
    arena.LOG,
    open_webui.FORMAT,
    chatgpt.FORMAT,
    llm_logs.FORMAT,
    trl.PREFERENCE,
    trl.CONVERSATIONAL,
    trl.UNPAIRED,
    hh_rlhf.FORMAT,
    llamafactory.SHAREGPT_PREFERENCE,
    llamafactory.SHAREGPT_KTO,
    llamafactory.ALPACA_PREFERENCE,
    llamafactory.ALPACA_KTO,
    llamafactory.V1_PREFERENCE,
    ultrafeedback.RAW,
    ultrafeedback.BINARIZED,
    axolotl.PREFERENCE,
    axolotl.KTO,
    ms_swift.PREFERENCE,
    ms_swift.QUERY_PREFERENCE,
    ms_swift.QUERY_KTO,
    openai_preference.FORMAT,
    hh_rlhf.PROMPTED,
    hh_rlhf.RED_TEAM,
    ranked_lists.NECTAR,
    ranked_lists.RANKS,
    ranked_lists.SCORES,
    summarize_from_feedback.COMPARISON,
    summarize_from_feedback.AXES,
    prism.FORMAT,
    pandalm.FORMAT,
    pandalm.TRAINING,
    anthropic_evals.FORMAT,
    trl.STEPWISE,
    trl.IMPLICIT,
    *demonstrations.FORMATS,
)

# `chosen` and `rejected` alone belong to several formats and tell nothing apart; and that a row has
# a demonstration's fields does not say that it has no verdict.
_BY_KEYS = tuple(
    one
    for one in FORMATS
    if one.fields != (("chosen",), ("rejected",)) and one not in demonstrations.FORMATS
)

_NEAREST = 3


def by_name(name: str) -> Format:
    """The format of that name.

    Raises:
        UsageError: there is none.
    """
    for one in FORMATS:
        if one.name == name:
            return one
    names = [one.name for one in FORMATS]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"formats: {', '.join(names)}"
    raise UsageError(f"--format {name}: no such format; {hint}")


def detect(rows: Sequence[Mapping[str, Any]]) -> Format:
    """The format of a file, from some of its rows.

    Raises:
        DataError: they fit none; the message shows the fields seen and the nearest formats.
    """
    votes = [sum(one.matches(row) for row in rows) for one in FORMATS]
    if any(votes):
        return FORMATS[votes.index(max(votes))]
    votes = [sum(one.fields_in(row) == len(one.fields) for row in rows) for one in _BY_KEYS]
    if any(votes):
        return _BY_KEYS[votes.index(max(votes))]
    raise _unknown(rows)


def _unknown(rows: Sequence[Mapping[str, Any]]) -> DataError:
    seen = list(dict.fromkeys(key for row in rows for key in row))
    shown = ", ".join(seen[:12]) + (", ..." if len(seen) > 12 else "")

    def missing(one: Format) -> list[str]:
        found = max(rows, key=one.fields_in, default={})
        return ["|".join(names) for names in one.fields if not any(name in found for name in names)]

    nearest = sorted(_BY_KEYS, key=lambda one: len(missing(one)) / len(one.fields))[:_NEAREST]
    lacking = "; ".join(f"{one.name} (missing: {', '.join(missing(one))})" for one in nearest)
    return DataError(
        f"no known format of feedback: the rows have {shown or 'no fields'}; nearest: {lacking}; "
        "see ingest --list-formats, or name the columns with --prompt-field and its like"
    )
