from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.errors import DataError, UsageError
from prefcli.feedback.formats import FORMATS, Format, by_name, detect
from tests.feedback.rows import ASKED, fault, parse, read, turn


@pytest.mark.parametrize("format", FORMATS, ids=lambda one: one.name)
def test_the_example_of_a_format_is_of_that_format_alone(format: Format) -> None:
    row = json.loads(format.example)
    assert [one.name for one in FORMATS if one.matches(row)] == [format.name]
    feedback, *_ = read(row)
    assert feedback.responses[0].strip(" .").lower() == "blue"
    assert detect([row]) is by_name(format.name) is format


@pytest.mark.parametrize("format", FORMATS, ids=lambda one: one.name)
def test_a_format_gives_the_kinds_that_it_names(format: Format) -> None:
    said = {feedback.kind for feedback in read(json.loads(format.example))}
    assert said <= set(format.kinds)
    assert format.kinds[0] in said


def test_no_two_formats_have_one_name() -> None:
    assert len({one.name for one in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize("format", FORMATS, ids=lambda one: one.name)
def test_one_odd_row_at_the_top_does_not_decide_the_format(format: Format) -> None:
    row = json.loads(format.example)
    odd = {"prompt": "x", "chosen": None, "rejected": None}
    other = json.loads(FORMATS[FORMATS.index(format) - 1].example)
    assert detect([odd, other, row, row]) is format


def test_rows_with_the_right_keys_and_the_wrong_values_say_what_is_wrong() -> None:
    row = {"prompt": "x", "chosen": None, "rejected": "a"}
    assert detect([row]).name == "trl-preference"
    assert fault(row) == "field 'chosen': expected text, came null"


def test_an_unknown_format_shows_the_fields_and_the_nearest_formats() -> None:
    with pytest.raises(DataError) as caught:
        detect([{"question": "x", "kto_tag": 1}])
    said = caught.value.message
    assert "the rows have question, kto_tag; nearest: alpaca-kto (missing: output); " in said
    assert said.count("(missing: ") == 3
    with pytest.raises(DataError, match="no fields"):
        detect([{}])


def test_an_unknown_name_is_a_usage_error_with_a_hint() -> None:
    with pytest.raises(UsageError, match="did you mean trl-preference"):
        by_name("trl-preferences")
    with pytest.raises(UsageError, match="formats: prefcli, prefcli-ask, argilla"):
        by_name("?")


def test_a_row_keeps_its_own_id_and_time() -> None:
    row = {"prompt": "a", "chosen": "b", "rejected": "c"}
    feedback = parse({**row, "id": 7, "created_at": "2025-01-01"})
    assert (feedback.row_id, feedback.time) == ("7", "2025-01-01")
    bare = parse({**row, "id": "", "row_id": None, "uuid": True, "timestamp": {}})
    assert (bare.row_id, bare.time) == (None, None)
    assert bare.key == parse(row).key != feedback.key


def test_content_may_be_a_list_of_text_parts_or_a_tool_call() -> None:
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "the sky?"}]
    call = {"role": "assistant", "content": None, "tool_calls": [{"name": "look"}]}
    row = {"messages": [turn("user", parts), call], "label": 1}
    feedback = parse(row)
    assert feedback.prompt == (ASKED,)
    assert feedback.responses == ('[{"name": "look"}]',)
    row["messages"][0] = turn("user", [{"type": "image_url"}])
    assert fault(row) == (
        "field 'messages[0].content': expected text parts only, came text 'image_url'"
    )


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "field 'messages': expected a list of messages, came an empty list"),
        (["x"], "field 'messages[0]': expected a message with role and content, came text 'x'"),
        ([turn("user", None)], "field 'messages[0].content': expected text, came null"),
        ([{"role": "user"}], "field 'messages[0].content': expected text, came nothing"),
        ([turn("cat", "x")], "field 'messages[0].role': expected one of system, "),
        ([turn("assistant", "x")], "field 'messages': expected turns before the answer"),
    ],
)
def test_a_bad_message_is_named(messages: list[Any], said: str) -> None:
    assert fault({"messages": messages, "label": True}).startswith(said)


# Their exports hold rows that nobody judged, and people who did not finish.
OF_TOOLS = [by_name(name) for name in ("argilla", "argilla-columns", "label-studio")] + [
    by_name(name) for name in ("open-webui", "fastchat-log")
]

names = st.sampled_from(
    [name for one in FORMATS for names in one.fields for name in names]
    + ["input", "system", "history", "id", "timestamp"]
)
contents = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
messages = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", "system", "tool", "x", "", None]),
        "from": st.sampled_from(["human", "gpt", "observation", 3]),
        "content": contents | st.lists(st.dictionaries(st.just("text"), contents), max_size=2),
        "value": contents,
        "tool_calls": st.lists(contents, max_size=1),
    },
)
transcripts = st.lists(
    st.sampled_from(["\n\nHuman: a", "\n\nAssistant: b", "\n\nAssistant:", " c", "\n"]), max_size=5
).map("".join)
field_values = (
    contents
    | messages
    | st.lists(messages, max_size=3)
    | transcripts
    | st.lists(st.lists(contents))
)
rows = st.dictionaries(names, field_values, max_size=6)


def read_in_every_format(row: dict[str, Any]) -> None:
    """Every format takes any row as feedback, or refuses it with one line."""
    for one in FORMATS:
        one.matches(row)
        try:
            parsed = [said for part in one.parts(row) for said in one.parse(part, "alice")]
        except DataError as error:
            assert "\n" not in error.message
        else:
            assert parsed or one in (*OF_TOOLS, by_name("prefcli-ask")), (
                "a row that says nothing is refused, not passed over"
            )
            assert all(len(feedback.key) == 16 for feedback in parsed)
            assert {feedback.user for feedback in parsed} <= {"alice"}
            assert {feedback.kind for feedback in parsed} <= set(one.kinds)
    try:
        detect([row])
    except DataError as error:
        assert "\n" not in error.message


@settings(deadline=None, max_examples=300)
@given(rows)
def test_any_row_is_feedback_or_an_error_of_ours_in_any_format(row: dict[str, Any]) -> None:
    read_in_every_format(row)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to every value inside a row."""
    if isinstance(value, dict):
        inner = list(value.items())
    else:
        inner = list(enumerate(value)) if isinstance(value, list) else []
    return [path, *(way for name, one in inner for way in places(one, (*path, name)))]


odd_values = (
    field_values
    | st.sampled_from(["", " ", "N/A", "yes", 0, -1, 10**400, 1e308, float("nan"), float("inf")])
    | st.dictionaries(st.sampled_from(["text", "content", "response", "score"]), contents)
)


@st.composite
def broken_examples(draw: st.DrawFn) -> dict[str, Any]:
    """The example of a format with one to three values lost or replaced, at any depth."""
    row = json.loads(draw(st.sampled_from(FORMATS)).example)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(places(row)[1:] or [("id",)]))
        inside = row
        for name in way:
            inside = inside[name]
        if draw(st.booleans()):
            inside[last] = draw(odd_values)
        elif isinstance(inside, list) or last in inside:
            del inside[last]
    return row  # type: ignore[no-any-return]


@settings(deadline=None, max_examples=400)
@given(broken_examples())
def test_any_example_with_something_odd_in_it_is_feedback_or_an_error_of_ours(
    row: dict[str, Any],
) -> None:
    read_in_every_format(row)
