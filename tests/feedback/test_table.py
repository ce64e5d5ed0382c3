"""Plain tables, whose columns someone names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.errors import DataError, UsageError
from prefcli.feedback import fields
from prefcli.feedback.formats.columns import SoughtColumns
from prefcli.feedback.formats.table import Columns, parse_scale, table_format, usual_scale
from prefcli.feedback.records import Feedback
from tests.feedback.rows import ASKED

ROW = {"q": ASKED.content, "a": "Blue.", "b": "Green.", "n": "4", "up": "good", "new": "Azure."}


def said(row: dict[str, Any], **columns: Any) -> list[Feedback]:
    return list(table_format(Columns(**columns)).parse(row, "alice"))


@pytest.mark.parametrize(
    ("columns", "kind", "responses", "value"),
    [
        ({"chosen": "a", "rejected": "b"}, "pair", ("Blue.", "Green."), 1),
        ({"response": "a", "score": "n"}, "rating", ("Blue.",), 4),
        ({"response": "a", "label": "up"}, "thumb", ("Blue.",), 1),
        ({"response": "a", "edited": "new"}, "edit", ("Azure.", "Blue."), 1),
        ({"edited": "new"}, "demonstration", ("Azure.",), 1),
    ],
)
def test_the_columns_together_say_what_kind_a_row_is(
    columns: dict[str, str], kind: str, responses: tuple[str, ...], value: float
) -> None:
    (found,) = said(ROW, prompt="q", **columns)
    assert (found.kind, found.responses, found.value) == (kind, responses, value)
    assert found.prompt == (ASKED,)
    assert table_format(Columns(prompt="q", **columns)).kinds == (kind,)


def test_a_row_may_say_several_things_and_an_empty_cell_says_nothing() -> None:
    columns = {"prompt": "q", "response": "a", "score": "n", "label": "up", "edited": "new"}
    assert [one.kind for one in said(ROW, **columns)] == ["rating", "thumb", "edit"]
    assert [one.kind for one in said({**ROW, "n": "", "up": None}, **columns)] == ["edit"]


def test_a_column_may_lie_within_objects_and_lists() -> None:
    row = {"in": {"q": ASKED.content}, "out": [{"text": "Blue."}], "meta": {"v.1": {"up": 0}}}
    row["meta"] |= {"id": 7.0, "at": 1.5, "why": "Dull."}
    (found,) = said(
        row,
        prompt="in.q",
        response="out.0.text",
        label="meta.v.1.up",
        id="meta.id",
        time="meta.at",
        reason="meta.why",
    )
    assert (found.responses, found.value) == (("Blue.",), 0.0)
    assert (found.row_id, found.time, found.reason) == ("7", "1.5", "Dull.")


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.text(max_size=3),
        lambda inner: st.dictionaries(st.sampled_from(["a", "b", "a.b", ""]), inner, max_size=3),
    )
)
def test_every_path_of_a_row_leads_somewhere(value: Any) -> None:
    row = {"top": value}
    assert all(fields.has(row, path) for path in fields.paths(row))


def test_a_fault_names_the_column_as_its_owner_does() -> None:
    with pytest.raises(DataError, match=r"field 'n': expected a number, came text 'four'"):
        said({**ROW, "n": "four"}, prompt="q", response="a", score="n")
    with pytest.raises(DataError, match=r"field 'up': expected true or false, .*came text 'meh'"):
        said({**ROW, "up": "meh"}, prompt="q", response="a", label="up")
    with pytest.raises(DataError, match=r"outside its scale"):
        said(ROW, prompt="q", response="a", score="n", scale=(1, 3))


def test_a_wrong_name_is_one_fault_with_the_nearest_names() -> None:
    named = table_format(Columns(prompt="questions", response="a", score="mark")).columns
    sought = SoughtColumns(named)
    for row in ({"question": "x", "a": "y", "meta": {"marks": 3}}, {"question": "x"}):
        sought.see(row)
    message = sought.fault()
    assert message is not None
    assert "--prompt-field questions: there is no such field, did you mean question?" in message
    assert "--score-field mark: there is no such field" in message
    assert "(the rows have question, a, meta, meta.marks)" in message


def test_a_column_that_some_row_has_is_there() -> None:
    sought = SoughtColumns({"--prompt-field": "questions", "--score-field": "mark"})
    assert sought.fault() is None  # nothing was looked at
    for row in [{"questions": None, "a": 1}, *[{"a": 1}] * 1000]:
        sought.see(row)
    assert sought.fault() is not None
    sought.see({"mark": 1})
    assert sought.fault() is None


@pytest.mark.parametrize(
    ("columns", "said_of_it"),
    [
        ({"prompt": "q"}, "--prompt-field alone says nothing"),
        ({"chosen": "a", "rejected": "b"}, "--chosen-field, --rejected-field: --prompt-field is"),
        ({"prompt": "q", "chosen": "a"}, "go together"),
        ({"prompt": "q", "score": "n"}, "need --response-field"),
        ({"prompt": "q", "response": "a"}, "--response-field needs what was said about it"),
        ({"prompt": "q", "edited": "a", "scale": (1, 5)}, "--score-scale needs --score-field"),
        ({"scale": (1, 5)}, "--score-scale needs --score-field"),
    ],
)
def test_columns_that_say_nothing_together_are_a_usage_error(
    columns: dict[str, Any], said_of_it: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Columns(**columns)
    assert said_of_it in caught.value.message


@pytest.mark.parametrize(
    ("text", "scale"),
    [("1-5", (1, 5)), ("-1..1", (-1, 1)), ("0:0.5", (0, 0.5)), ("-3--1", (-3, -1))],
)
def test_a_scale_is_written_as_its_ends(text: str, scale: tuple[float, float]) -> None:
    assert parse_scale(text) == scale


@pytest.mark.parametrize("text", ["", "5", "5-1", "1-1", "a-b", "1-5-9"])
def test_what_is_no_scale_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="like 1-5"):
        parse_scale(text)


@settings(deadline=None)
@given(st.lists(st.floats(-200, 200), max_size=8))
def test_a_scale_that_is_found_holds_all_scores(scores: list[float]) -> None:
    scale = usual_scale(scores)
    if scale is not None:
        assert scale[0] <= min(scores) <= max(scores) <= scale[1]
    elif scores:
        assert min(scores) < -1 or max(scores) > 100 or (min(scores) < 0 and max(scores) > 1)


@pytest.mark.parametrize(
    ("scores", "scale"),
    [
        ([1, 5, 3], (1, 5)),
        ([0, 1], (0, 1)),
        ([0.2, 0.9], (0, 1)),
        ([2, 8], (1, 10)),
        ([1, 1], (1, 5)),
        ([40], (0, 100)),
        ([], None),
        ([-5], None),
    ],
)
def test_the_scale_is_the_smallest_usual_one(scores: list[float], scale: Any) -> None:
    assert usual_scale(float(one) for one in scores) == scale


cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
cells |= st.lists(st.dictionaries(st.sampled_from(["role", "content"]), cells, max_size=2))


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*ROW, "id"]), cells))
def test_any_row_of_a_table_is_feedback_or_an_error_of_ours(row: dict[str, Any]) -> None:
    for columns in (
        Columns(prompt="q", chosen="a", rejected="b", id="id", time="n", reason="up"),
        Columns(prompt="q", response="a", score="n", label="up", edited="new", scale=(1, 5)),
        Columns(prompt="q", edited="new"),
    ):
        try:
            found = list(table_format(columns).parse(row, "alice"))
        except DataError as error:
            assert "\n" not in error.message
        else:
            assert {one.kind for one in found} <= set(columns.kinds)
