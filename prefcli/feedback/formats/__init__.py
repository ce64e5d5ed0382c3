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
    axolotl,
    demonstrations,
    hh_rlhf,
    llamafactory,
    ms_swift,
    openai_preference,
    own,
    pandalm,
    prism,
    ranked_lists,
    summarize_from_feedback,
    trl,
    ultrafeedback,
)
from prefcli.feedback.formats.definition import Format

__all__ = ["FORMATS", "Format", "by_name", "detect"]

FORMATS: tuple[Format, ...] = (
    own.FORMAT,
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

    def missing(one: Format) -> int:
        return len(one.fields) - max((one.fields_in(row) for row in rows), default=0)

    nearest = [one for one in _BY_KEYS if missing(one) < len(one.fields)]
    nearest = sorted(nearest, key=missing)[:2] or list(_BY_KEYS[:2])
    wanted = "; ".join(
        f"{one.name} has {', '.join('|'.join(names) for names in one.fields)}" for one in nearest
    )
    return DataError(
        f"no known format of feedback: the rows have {shown or 'no fields'}; nearest: {wanted}"
    )
