"""Rows as the tools and apps write them in which people rate answers."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from prefcli.feedback.formats import FORMATS, by_name, detect
from prefcli.feedback.records import Feedback, Message
from tests.feedback.rows import ASKED, by_people, fault, read, turn

TOOLS = (
    *("argilla", "argilla-columns", "label-studio", "label-studio-min", "arena"),
    *("fastchat-log", "open-webui", "chatgpt", "llm-logs"),
)


def example(name: str) -> dict[str, Any]:
    return json.loads(by_name(name).example)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", TOOLS)
def test_the_fields_of_a_training_set_beside_a_tools_own_do_not_hide_the_tool(name: str) -> None:
    row = {"chosen": "Blue.", "rejected": "Green.", "label": True, **example(name)}
    assert detect([{"prompt": "What is the sky?", **row}]).name == name


def test_every_format_of_a_tool_but_the_users_own_database_names_its_users() -> None:
    named = {one.name for one in FORMATS if one.name in TOOLS and one.users}
    assert named == set(TOOLS) - {"llm-logs"}


# Argilla -----------------------------------------------------------------------------------------


def argilla(fields: dict[str, Any], **people: dict[str, Any]) -> dict[str, Any]:
    responses = [
        {
            "user_id": user,
            "values": {question: {"value": value} for question, value in values.items()},
            "status": "submitted",
        }
        for user, values in people.items()
    ]
    return {"id": "r1", "fields": {"prompt": ASKED.content, **fields}, "responses": responses}


def test_argilla_keeps_the_people_of_a_record_apart_and_drafts_out() -> None:
    row = argilla({"response": "Blue."}, bob={"quality": 4}, eve={"quality": 1, "why": "Dull."})
    row["responses"].append({"user_id": "dan", "values": {"quality": {"value": 3}}})
    row["responses"][-1]["status"] = "draft"
    said = by_people(row)
    assert {user: [one.value for one in given] for user, given in said.items()} == {
        "bob": [4],
        "eve": [1],
    }
    assert said["bob"][0] == Feedback("bob", "rating", (ASKED,), ("Blue.",), 4, row_id="r1")
    assert said["eve"][0].reason == "Dull."
    assert {one.annotator for one in read(row, "team")} == {"bob", "eve"}


TWO = {"response-1": "Blue.", "response-2": "Green."}


@pytest.mark.parametrize(
    ("fields", "question", "value", "expected"),
    [
        (TWO, "best", "response-2", ("pair", ("Green.", "Blue."), 1.0)),
        (TWO, "best", "Response 1", ("pair", ("Blue.", "Green."), 1.0)),
        (TWO, "best", "tie", ("pair", ("Blue.", "Green."), 0.5)),
        (TWO, "response-2-rating", 3, ("rating", ("Green.",), 3)),
        (
            TWO,
            "order",
            [{"rank": 2, "value": "response-1"}, {"rank": 1, "value": "response-2"}],
            ("ranking", ("Blue.", "Green."), 1),
        ),
        (TWO, "order", ["response-2", "response-1"], ("ranking", ("Green.", "Blue."), 1)),
        ({"response": "Blu."}, "corrected", "Blue.", ("edit", ("Blue.", "Blu."), 1)),
        ({"response": "Blue."}, "label", "good", ("thumb", ("Blue.",), 1)),
        ({"response": "Blue."}, "helpful", "no", ("thumb", ("Blue.",), 0)),
        ({}, "answer", "Blue.", ("demonstration", ("Blue.",), 1)),
    ],
)
def test_argillas_response_tells_what_was_asked(
    fields: dict[str, Any], question: str, value: Any, expected: tuple[Any, ...]
) -> None:
    (said,) = read(argilla(fields, bob={question: value}))
    assert (said.kind, said.responses, said.value) == expected


def test_argillas_ranks_are_those_of_the_answers() -> None:
    ranks = [{"rank": 2, "value": "response-1"}, {"rank": 1, "value": "response-2"}]
    assert read(argilla(TWO, bob={"order": ranks}))[0].ranks == (2, 1)


def test_argillas_three_layouts_say_the_same() -> None:
    record = {"id": "r1", "prompt": ASKED.content, "response": "Blue."}
    nested = argilla({"response": "Blue."}, bob={"quality": 4}, eve={"quality": 1})
    second = {
        **nested,
        "responses": {
            "quality": [{"user_id": "bob", "value": 4}, {"user_id": "eve", "value": 1}],
        },
    }
    flat = {
        **record,
        "quality.responses": [4, 1],
        "quality.responses.users": ["bob", "eve"],
        "quality.responses.status": ["submitted", "submitted"],
        "quality.suggestion": 5,
    }
    hub = {
        **record,
        "quality": [
            {"user_id": "bob", "value": 4, "status": "submitted"},
            {"user_id": "eve", "value": 1, "status": "submitted"},
        ],
        "quality-suggestion": 5,
        "quality-suggestion-metadata": {"agent": "judge"},
    }
    said = by_people(nested)
    assert [value[0].value for value in said.values()] == [4, 1]
    assert by_people(second) == by_people(flat) == by_people(hub) == said


def test_argilla_says_what_a_record_lacks() -> None:
    assert "expected one answer among the fields, came response-1, response-2" in fault(
        argilla(TWO, bob={"quality": 4})
    )
    row = argilla({"response": "Blue."}, bob={"quality": 4})
    row["fields"]["ask"] = row["fields"].pop("prompt")
    assert "expected a field prompt, instruction, " in fault(row)
    flat = {"a.responses": [1, 2], "a.responses.users": ["bob"], "prompt": "x", "response": "y"}
    assert fault(flat).startswith("field 'a.responses': 2 values, 1 users")


# Label Studio ------------------------------------------------------------------------------------


def test_label_studio_has_a_pair_for_each_annotator() -> None:
    row = example("label-studio")
    first = row["annotations"][0] | {"created_at": "2025-01-02", "completed_by": {"id": 9}}
    first["result"] = [
        {"type": "pairwise", "to_name": "answer1,answer2", "value": {"selected": "right"}},
        {"type": "textarea", "value": {"text": ["Wetter."]}},
    ]
    row["annotations"] += [first, {"was_cancelled": True, "result": []}, {"result": []}]
    said = by_people({**row, "annotations": row["annotations"][:2]})
    assert said["3"][0].responses == ("Blue.", "Green.")
    right = said["9"][0]
    assert right.responses == ("Green.", "Blue.")
    assert (right.row_id, right.time, right.reason) == ("7", "2025-01-02", "Wetter.")
    assert len(read(row)) == 2


def test_label_studio_min_has_one_row_for_each_annotation() -> None:
    row = example("label-studio-min")
    assert read({**row, "pw": "right"})[0].responses == ("Green.", "Blue.")
    assert read({**row, "pw": {"selected": "right"}})[0].row_id == "7"
    assert by_people(row)["3"][0].prompt == (ASKED,)
    del row["answer2"]
    assert "expected two answers, like answer1 and answer2, came answer1" in fault(row)


# Chatbot Arena -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("winner", "kinds"),
    [
        ("model_a", [("pair", ("Blue.", "Green."), 1.0)]),
        ("model_b", [("pair", ("Green.", "Blue."), 1.0)]),
        ("vicuna", [("pair", ("Green.", "Blue."), 1.0)]),
        ("tie", [("pair", ("Blue.", "Green."), 0.5)]),
        ("tie (bothbad)", [("thumb", ("Blue.",), 0.0), ("thumb", ("Green.",), 0.0)]),
        ("both_bad", [("thumb", ("Blue.",), 0.0), ("thumb", ("Green.",), 0.0)]),
    ],
)
def test_a_vote_that_both_are_bad_is_two_thumbs_down(winner: str, kinds: list[Any]) -> None:
    row = {**example("arena"), "winner": winner, "tstamp": 1.5, "reason": "Dry."}
    said = by_people(row)["arena_user_1"]
    assert [(one.kind, one.responses, one.value) for one in said] == kinds
    assert {(one.row_id, one.time, one.reason) for one in said} == {("q1", "1.5", "Dry.")}


def test_a_vote_on_a_longer_talk_is_on_all_that_differs() -> None:
    row = example("arena")
    for side, more in (("conversation_a", "Yes."), ("conversation_b", "No.")):
        row[side] += [turn("user", "Sure?"), turn("assistant", more)]
    assert read(row)[0].responses == (
        "Blue.\n\nHuman: Sure?\n\nAssistant: Yes.",
        "Green.\n\nHuman: Sure?\n\nAssistant: No.",
    )
    row["conversation_b"][0]["content"] = "Else?"
    assert fault(row).startswith("the two conversations: expected the same turns")


def test_a_log_of_fastchat_has_votes_and_thumbs_and_rows_that_say_nothing() -> None:
    row = example("fastchat-log")
    assert by_people(row)["192.0.2.1"][0].row_id == "c1"
    assert read({**row, "type": "rightvote"})[0].responses == ("Green.", "Blue.")
    assert [one.value for one in read({**row, "type": "bothbad_vote"})] == [0, 0]
    assert read({**row, "type": "tievote"})[0].value == 0.5
    (thumb,) = read({**row, "type": "downvote", "states": row["states"][:1]})
    assert (thumb.kind, thumb.responses, thumb.value) == ("thumb", ("Blue.",), 0.0)
    assert read({**row, "type": "chat", "state": row["states"][0], "states": None}) == []
    row["states"][0] |= {"offset": 2}
    assert "field 'states[0].messages'" in fault(row)


# Open WebUI --------------------------------------------------------------------------------------


def webui(**data: Any) -> dict[str, Any]:
    row = example("open-webui")
    row["data"] |= data
    return row


def beside(row: dict[str, Any]) -> dict[str, Any]:
    """The same with another model's answer to the same question."""
    tree = row["snapshot"]["chat"]["chat"]["history"]["messages"]
    tree["m3"] = {"id": "m3", "parentId": "m1", "role": "assistant", "content": "Green."}
    row["data"]["sibling_model_ids"] = ["vicuna"]
    return row


def test_open_webui_keeps_thumbs_and_what_was_said_with_them() -> None:
    row = {**webui(rating=-1, reason="too_long", comment="Cut it."), "created_at": 1700}
    (said,) = by_people(row)["u1"]
    assert said == Feedback(
        "u1", "thumb", (ASKED,), ("Blue.",), 0.0, row_id="f1", time="1700", reason=said.reason
    )
    assert said.reason == "too_long: Cut it."
    assert read(webui(rating="1"))[0].value == 1.0


def test_open_webui_keeps_a_score_from_1_to_10_in_place_of_the_thumb() -> None:
    (said,) = read(webui(rating=1, details={"rating": 9}))
    assert (said.kind, said.value, said.low, said.high) == ("rating", 9, 1, 10)
    assert "outside its scale" in fault(webui(rating=1, details={"rating": 11}))


@pytest.mark.parametrize(
    ("rating", "responses", "value"),
    [(1, ("Blue.", "Green."), 1.0), (-1, ("Green.", "Blue."), 1.0), (0, ("Blue.", "Green."), 0.5)],
)
def test_open_webui_makes_pairs_of_answers_beside_each_other(
    rating: int, responses: tuple[str, ...], value: float
) -> None:
    (said,) = read(beside(webui(rating=rating)))
    assert (said.kind, said.responses, said.value) == ("pair", responses, value)
    assert [one.kind for one in read(beside(webui(rating=1, details={"rating": 8})))] == [
        "rating",
        "pair",
    ]


def test_open_webui_says_what_is_wrong_with_a_snapshot() -> None:
    assert read(webui(rating=None)) == []
    row = webui(rating=1)
    row["meta"]["message_id"] = "m9"
    assert fault(row) == "field 'snapshot': the rated message 'm9' is not in it"
    row = webui(rating=1)
    row["snapshot"]["chat"]["chat"]["history"]["messages"]["m1"]["parentId"] = "m2"
    assert "comes before itself" in fault(row)
    assert fault({**webui(rating=1), "snapshot": None}).startswith("field 'snapshot': expected")
    assert fault(webui(rating=5)) == "field 'data.rating': expected 1, 0 or -1, came number 5"
    assert fault(webui(rating=0)).startswith("field 'data.rating': expected 1 or -1 where")


# ChatGPT and llm ---------------------------------------------------------------------------------


def test_chatgpts_prompt_is_the_path_to_the_rated_draft() -> None:
    row = example("chatgpt")
    mapping = row["conversation"]["mapping"]
    mapping["m0"] = {"parent": None, "message": None}
    mapping["m1"]["parent"] = "m0"
    draft = copy.deepcopy(mapping["m2"])
    draft["message"]["content"]["parts"] = ["Azure."]
    mapping["m4"] = draft
    content = json.dumps({"text": "Posh.", "tags": ["style"]})
    row["message_feedback"] |= {
        "id": "m4",
        "rating": "thumbs_down",
        "create_time": "2025-03-01",
        "content": content,
    }
    (said,) = by_people(row)["user-1"]
    assert (said.kind, said.prompt, said.responses, said.value) == (
        "thumb",
        (ASKED,),
        ("Azure.",),
        0.0,
    )
    assert (said.row_id, said.time, said.reason) == ("m4", "2025-03-01", "Posh.; style")


def test_chatgpt_says_what_is_missing() -> None:
    row = example("chatgpt")
    assert "was it deleted?" in fault({**row, "conversation": None})
    row["message_feedback"]["rating"] = "meh"
    assert fault(row) == "field 'rating': expected thumbsUp or thumbsDown, came text 'meh'"
    row["message_feedback"] |= {"rating": "thumbsUp", "id": "m9"}
    assert fault(row) == "message 'm9': is not in its conversation"


def test_a_thumb_in_llms_log_is_on_its_response_after_the_earlier_ones() -> None:
    row = {**example("llm-logs"), "system": "Be brief.", "datetime_utc": "2025-01-01"}
    row["earlier"] = [{"prompt": "Hi", "response": "Hello."}]
    (said,) = read({**row, "feedback": "-1"})
    assert (said.value, said.reason, said.row_id, said.time) == (0.0, "short", "1", "2025-01-01")
    assert said.prompt == (
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "Hello."),
        ASKED,
    )
    assert fault({**row, "feedback": "so so"}).startswith("field 'feedback': expected +1 or -1")


def test_a_chatgpt_thumb_on_a_message_without_text_is_no_thumb_on_the_one_before() -> None:
    row = example("chatgpt")
    mapping = row["conversation"]["mapping"]
    del mapping["m2"]["message"]
    assert fault(row) == "message 'm2': holds no answer"
    mapping["m1"]["message"]["author"]["role"] = "assistant"
    assert fault(row) == "message 'm2': holds no answer"
