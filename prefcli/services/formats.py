"""The formats that ingest reads, for people and scripts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from prefcli.feedback.containers import read_rows
from prefcli.feedback.exports import EXPORTS
from prefcli.feedback.formats import FORMATS, Format, by_name
from prefcli.feedback.formats.table import Columns, score_of, table_format, usual_scale

_TABLE_EXAMPLE = "any columns, named by --prompt-field and its like"


def list_formats() -> list[dict[str, Any]]:
    """Every format that is read.

    Its name, the kinds of judgement it gives, whether its rows name their users, whether it was
    tried on a real file, and an example.
    """
    whole = {one.name: one.what for one in EXPORTS}
    listed = [
        {
            "format": one.name,
            "kinds": list(one.kinds),
            "names_users": bool(one.users),
            "tried": one.tried,
            "example": whole.get(one.name, one.example),
        }
        for one in FORMATS
    ]
    tables = [
        Columns(prompt="prompt", response="answer", score="score", label="label", edited="edited"),
        Columns(prompt="prompt", chosen="chosen", rejected="rejected", edited="edited"),
    ]
    kinds = list(dict.fromkeys(kind for one in tables for kind in one.kinds))
    return [
        *listed,
        {
            "format": table_format(tables[0]).name,
            "kinds": kinds,
            "names_users": False,
            "tried": table_format(tables[0]).tried,
            "example": _TABLE_EXAMPLE,
        },
    ]


def format_named(name: str) -> dict[str, Any]:
    """One of them.

    Raises:
        UsageError: there is no format of that name.
    """
    for one in list_formats():
        if one["format"] == name:
            return one
    by_name(name)
    raise AssertionError("every format is listed")


def format_of_table(columns: Columns, sources: Sequence[str]) -> tuple[Format, str]:
    """The format of plain tables with these columns, and what is to be said about its scale.

    Where no scale was given it is the usual one that all scores of all files fit, for which the
    files are read once more.
    """
    if columns.score is None or columns.scale is not None:
        return table_format(columns), ""
    if "-" in sources:
        said = "no --score-scale was given and standard input can be read once: scores are kept"
        return table_format(columns), f"{said} without a scale"
    scale = usual_scale(
        score
        for source in sources
        for row in read_rows(source)
        if row.value is not None and (score := score_of(columns, row.value)) is not None
    )
    if scale is None:
        return table_format(columns), "the scores fit no usual scale and are kept without one"
    low, high = (f"{end:g}" for end in scale)
    made = dataclasses.replace(columns, scale=scale)
    said = f"no --score-scale was given: all scores fit {low}-{high}, which was taken"
    return table_format(made), said
