"""Options that say what the columns of a plain table hold."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def _field(help: str) -> Any:
    return typer.Option(metavar="FIELD", help=help)


PromptField = Annotated[str | None, _field("Of a plain table: the column of prompts.")]
ChosenField = Annotated[str | None, _field("The column of answers that were preferred.")]
RejectedField = Annotated[str | None, _field("The column of those that were not.")]
ResponseField = Annotated[str | None, _field("The column of answers that were judged.")]
ScoreField = Annotated[str | None, _field("The column of their scores; more is better.")]
ScoreScale = Annotated[
    str | None,
    typer.Option(metavar="LOW-HIGH", help="The scores that could be given; else found."),
]
LabelField = Annotated[str | None, _field("The column of 1 or 0, good or bad, thumbs.")]
EditedField = Annotated[str | None, _field("The column of answers as someone edited them.")]
ReasonField = Annotated[str | None, _field("The column that says why.")]
IdField = Annotated[str | None, _field("The column of the rows' own ids.")]
TimeField = Annotated[str | None, _field("The column that says when.")]
