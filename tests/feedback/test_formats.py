from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcli.errors import DataError, UsageError
from prefcli.feedback.formats import FORMATS, Format, by_name, detect
from prefcli.feedback.records import Feedback, Message

ASKED = Message("user", "What is the sky?")


def turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def parse(row: dict[str, Any]) -> Feedback:
    (feedback,) = detect([row]).parse(row, "alice")
    return feedback


def fault(row: dict[str, Any], format: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        list((by_name(format) if format else detect([row])).parse(row, "alice"))
    return caught.value.message


# The registry ------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS, ids=lambda one: one.name)
def test_the_example_of_a_format_is_of_that_format_alone(format: Format) -> None:
    row = json.loads(format.example)
    assert [one.name for one in FORMATS if one.matches(row)] == [format.name]
    (feedback,) = format.parse(row, "alice")
    assert feedback.responses[0].strip(" .").lower() == "blue"
    assert detect([row]) is by_name(format.name) is format


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
        detect([{"instruction": "x", "output": "y"}])
    assert "the rows have instruction, output; nearest: alpaca-kto" in caught.value.message
    with pytest.raises(DataError, match="no fields"):
        detect([{}])


def test_an_unknown_name_is_a_usage_error_with_a_hint() -> None:
    with pytest.raises(UsageError, match="did you mean trl-preference"):
        by_name("trl-preferences")
    with pytest.raises(UsageError, match="formats: trl-preference, "):
        by_name("?")


# TRL ---------------------------------------------------------------------------------------------


def test_trl_preference() -> None:
    feedback = parse({"prompt": ASKED.content, "chosen": " blue.", "rejected": ""})
    assert feedback == Feedback("alice", "pair", (ASKED,), (" blue.", ""))


def test_trl_conversational_with_a_prompt() -> None:
    row = {
        "prompt": [turn("system", "Be brief."), turn("user", ASKED.content)],
        "chosen": [turn("assistant", "Blue.")],
        "rejected": [turn("assistant", "Green.")],
    }
    feedback = parse(row)
    assert feedback.prompt == (Message("system", "Be brief."), ASKED)
    assert feedback.responses == ("Blue.", "Green.")
    whole = {**row, **{name: row["prompt"] + row[name] for name in ("chosen", "rejected")}}
    assert parse(whole) == feedback
    assert parse({**whole, "prompt": None}) == feedback
    del whole["prompt"]
    assert parse(whole) == feedback
    assert parse({**row, "chosen": "Blue.", "rejected": "Green."}) == feedback


def test_a_text_prompt_may_repeat_the_first_turn_of_conversations() -> None:
    row = {
        "prompt": ASKED.content,
        "chosen": [turn("user", ASKED.content), turn("assistant", "Blue.")],
        "rejected": [turn("user", ASKED.content), turn("assistant", "Green.")],
    }
    assert parse(row).prompt == (ASKED,)
    assert "field 'prompt'" in fault({**row, "prompt": "Something else?"})


def test_conversations_that_part_early_share_the_turns_before() -> None:
    begin = [turn("user", "a"), turn("assistant", "b")]
    row = {
        "chosen": [*begin, turn("user", "c"), turn("assistant", "d")],
        "rejected": [*begin, turn("user", "C"), turn("assistant", "D")],
    }
    feedback = parse(row)
    assert feedback.prompt == (Message("user", "a"),)
    assert feedback.responses == (
        "b\n\nHuman: c\n\nAssistant: d",
        "b\n\nHuman: C\n\nAssistant: D",
    )
    assert parse({**row, "rejected": begin}).responses[1] == "b"


def test_ultrafeedback_rows_have_a_prompt_conversations_and_messages() -> None:
    asked = turn("user", ASKED.content)
    row = {
        "prompt": ASKED.content,
        "prompt_id": "x",
        "chosen": [asked, turn("assistant", "Blue.")],
        "rejected": [asked, turn("assistant", "Green.")],
        "messages": [asked, turn("assistant", "Blue.")],
        "score_chosen": 8.0,
    }
    assert parse(row) == Feedback("alice", "pair", (ASKED,), ("Blue.", "Green."))


def test_identical_conversations_are_a_tie_over_the_last_answer() -> None:
    turns = [turn("user", "a"), turn("assistant", "b"), turn("user", "c"), turn("assistant", "d")]
    feedback = parse({"chosen": turns, "rejected": turns})
    assert feedback.says_nothing
    assert len(feedback.prompt) == 3


def test_conversations_without_a_common_turn_are_refused() -> None:
    row = {
        "chosen": [turn("user", "a"), turn("assistant", "b")],
        "rejected": [turn("user", "A"), turn("assistant", "b")],
    }
    assert "share none" in fault(row)


@pytest.mark.parametrize(
    ("chosen", "rejected", "prompt", "answers"),
    [
        ("The sky is blue.", "The sky is green.", "The sky is", (" blue.", " green.")),
        ("The sky is blue.", "The sky is black.", "The sky is", (" blue.", " black.")),
        ("Hello", "Hello there", "Hello", ("", " there")),
        ("Say:\nyes", "Say:\nno", "Say:", ("\nyes", "\nno")),
    ],
)
def test_the_common_words_of_two_texts_are_their_prompt(
    chosen: str, rejected: str, prompt: str, answers: tuple[str, str]
) -> None:
    feedback = parse({"chosen": chosen, "rejected": rejected})
    assert feedback.prompt == (Message("user", prompt),)
    assert feedback.responses == answers


def test_texts_without_common_words_have_no_prompt() -> None:
    assert "or a field 'prompt'" in fault({"chosen": "Yes", "rejected": "Yo"})
    with pytest.raises(DataError, match=r"query, .*nearest: trl-preference has prompt, chosen"):
        detect([{"query": "x", "chosen": "The a", "rejected": "The b"}])


@pytest.mark.parametrize(
    ("label", "value"),
    [(True, 1.0), (False, 0.0), (1, 1.0), (0, 0.0), ("true", 1.0), ("False", 0.0), (" 1", 1.0)],
)
def test_a_label_may_be_a_boolean_a_number_or_a_word(label: Any, value: float) -> None:
    row = {"prompt": ASKED.content, "completion": "Blue.", "label": label}
    assert parse(row) == Feedback("alice", "thumb", (ASKED,), ("Blue.",), value)


@pytest.mark.parametrize("label", [None, 2, 0.5, "", "good", [], {}])
def test_any_other_label_is_refused(label: Any) -> None:
    row = {"prompt": ASKED.content, "completion": "Blue.", "label": label}
    assert fault(row).startswith("field 'label': expected true or false, came ")


def test_trl_unpaired_conversational() -> None:
    row = {
        "prompt": [turn("user", ASKED.content)],
        "completion": [turn("assistant", "Blue.")],
        "label": False,
    }
    feedback = Feedback("alice", "thumb", (ASKED,), ("Blue.",), 0.0)
    assert parse(row) == feedback
    assert parse({**row, "completion": row["prompt"] + row["completion"]}) == feedback


# HH-RLHF -----------------------------------------------------------------------------------------

START = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c"


@pytest.mark.parametrize(
    ("chosen", "rejected", "prompt", "answers"),
    [
        (f"{START}\n\nAssistant: d", f"{START}\n\nAssistant: e", "abc", ("d", "e")),
        (f"{START}\n\nAssistant: ", f"{START}\n\nAssistant: e", "abc", ("", "e")),
        (f"{START}\n\nAssistant:", f"{START}\n\nAssistant: e", "abc", ("", "e")),
        # One answer begins like the other.
        (f"{START}\n\nAssistant: d", f"{START}\n\nAssistant: de", "abc", ("d", "de")),
        # They part at a human's turn: the answer before it begins what differs.
        (
            f"{START}\n\nAssistant: d",
            f"{START}!\n\nAssistant: d",
            "a",
            ("b\n\nHuman: c\n\nAssistant: d", "b\n\nHuman: c!\n\nAssistant: d"),
        ),
        # One of them goes on.
        (
            f"{START}\n\nAssistant: d",
            f"{START}\n\nAssistant: e\n\nAssistant: f",
            "abc",
            ("d", "e\n\nAssistant: f"),
        ),
        # Neither a name inside a line nor one after a single line break begins a turn.
        (
            "Human: a Assistant: x\nHuman: y\n\nAssistant: d",
            "Human: a Assistant: x\nHuman: y\n\nAssistant: e",
            ["a Assistant: x\nHuman: y"],
            ("d", "e"),
        ),
    ],
)
def test_transcripts_share_the_turns_up_to_the_last_boundary_where_both_agree(
    chosen: str, rejected: str, prompt: str | list[str], answers: tuple[str, str]
) -> None:
    row = {"chosen": chosen, "rejected": rejected}
    assert detect([row]).name == "hh-rlhf"
    feedback = parse(row)
    assert [one.content for one in feedback.prompt] == list(prompt)
    assert [one.role for one in feedback.prompt] == ["user", "assistant", "user"][: len(prompt)]
    assert feedback.responses == answers


def test_transcripts_without_a_common_turn_are_refused() -> None:
    row = {"chosen": "Human: a\n\nAssistant: b", "rejected": "Human: A\n\nAssistant: b"}
    assert "share none" in fault(row)
    assert "expected a transcript" in fault({**row, "rejected": "b"}, "hh-rlhf")


words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(st.lists(words, min_size=1, max_size=5).filter(lambda told: len(told) % 2), words, words)
def test_a_transcript_pair_comes_back_as_it_was_told(told: list[str], good: str, bad: str) -> None:
    speakers = ["Human", "Assistant"] * 3
    begin = "".join(f"\n\n{who}: {said}" for who, said in zip(speakers, told, strict=False))
    row = {"chosen": f"{begin}\n\nAssistant: {good}", "rejected": f"{begin}\n\nAssistant: {bad}"}
    feedback = parse(row)
    assert [one.content for one in feedback.prompt] == told
    assert feedback.responses == (good, bad)


# LLaMA-Factory -----------------------------------------------------------------------------------


def test_sharegpt_preference_knows_all_its_roles() -> None:
    said = [
        ("human", "a"),
        ("function_call", "f"),
        ("observation", "o"),
        ("gpt", "b"),
        ("human", "c"),
    ]
    row = {
        "system": "Be brief.",
        "conversations": [{"from": role, "value": value} for role, value in said],
        "chosen": {"from": "gpt", "value": "d"},
        "rejected": {"from": "gpt", "value": ""},
    }
    feedback = parse(row)
    roles = ["system", "user", "assistant", "tool", "assistant", "user"]
    assert [one.role for one in feedback.prompt] == roles
    assert feedback.responses == ("d", "")
    assert parse({**row, "chosen": "d", "rejected": ""}) == feedback
    row["conversations"].pop()
    assert "'conversations': expected a human's turn" in fault(row)


@pytest.mark.parametrize("verdict", ["label", "kto_tag"])
@pytest.mark.parametrize("field", ["messages", "conversations"])
def test_a_kto_row_judges_the_last_turn(field: str, verdict: str) -> None:
    row = {field: [turn("user", ASKED.content), turn("assistant", "Blue.")], verdict: True}
    assert parse(row) == Feedback("alice", "thumb", (ASKED,), ("Blue.",), 1.0)
    row[field].append(turn("user", "Why?"))
    assert fault(row) == f"field '{field}': expected an assistant's turn last, came role 'user'"


def test_alpaca_rows_join_instruction_and_input() -> None:
    row = {
        "instruction": "Translate.",
        "input": "ciel",
        "system": "Be brief.",
        "history": [["a", "b"]],
        "chosen": "sky",
        "rejected": "ski",
    }
    said = [
        ("system", "Be brief."),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "Translate.\nciel"),
    ]
    assert parse(row).prompt == tuple(Message(*one) for one in said)
    row["question"] = row.pop("instruction")
    assert parse(row).prompt == tuple(Message(*one) for one in said)
    assert "field 'history[0]'" in fault({**row, "history": [["a"]]})
    thumb = {"instruction": "Translate.", "input": None, "output": "sky", "kto_tag": "false"}
    assert parse(thumb) == Feedback(
        "alice", "thumb", (Message("user", "Translate."),), ("sky",), 0.0
    )


# Fields ------------------------------------------------------------------------------------------


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


# Properties --------------------------------------------------------------------------------------

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


@settings(deadline=None, max_examples=400)
@given(rows)
def test_any_row_is_feedback_or_an_error_of_ours_in_any_format(row: dict[str, Any]) -> None:
    for one in FORMATS:
        one.matches(row)
        try:
            parsed = list(one.parse(row, "alice"))
        except DataError as error:
            assert "\n" not in error.message
        else:
            assert all(len(feedback.key) == 16 for feedback in parsed)
    try:
        detect([row])
    except DataError as error:
        assert "\n" not in error.message
