"""Generating: the base at strength 0, the same answer alone and in company, errors per record."""

from __future__ import annotations

import json

import pytest

from prefcli import tiny
from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.services.batch import generate_batch
from prefcli.services.generate import generate
from prefcli.services.profiles import show_profile
from prefcli.store import Store
from prefcli.tiny import corpus, tastes

PROMPT = "How do I cook rice?"


def test_strength_zero_is_exactly_the_base(fitted: Store) -> None:
    plain, bypassed, steered = (
        [generate(fitted, PROMPT, seed=seed, **more).response for seed in range(3)]
        for more in ({}, {"profile": "bob", "strength": 0.0}, {"profile": "bob"})
    )
    assert bypassed == plain
    assert steered != plain


def test_without_a_profile_greedy_text_is_that_of_transformers(fitted: Store) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny.base_directory(), dtype="float32")
    tokenizer = AutoTokenizer.from_pretrained(tiny.base_directory())
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": PROMPT}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    output = model.generate(**inputs, do_sample=False, max_new_tokens=60)
    expected = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert generate(fitted, PROMPT, temperature=0, max_new_tokens=60).response == expected


def test_a_mixed_batch_gives_what_each_gives_alone(fitted: Store) -> None:
    records = [
        {"prompt": topic.how.join(("How do I ", "?")), "profile": profile, "seed": i, "tag": i}
        for i, (topic, profile) in enumerate(
            zip(
                corpus.held_out_topics(), [None, "alice", "bob", "alice", None, "bob"], strict=False
            )
        )
    ]
    lines = [json.dumps(record) for record in records]
    together = list(generate_batch(fitted, lines, batch_size=6))
    for record, answer in zip(records, together, strict=True):
        alone = generate(fitted, record["prompt"], profile=record["profile"], seed=record["seed"])
        assert answer["response"] == alone.response
        assert answer["tag"] == record["tag"]
        assert answer["version"] == (1 if record["profile"] else None)


def test_a_bad_record_comes_back_with_its_error_and_the_others_are_answered(fitted: Store) -> None:
    lines = [
        '{"prompt": "How do I cook rice?", "profile": "nobody", "id": 7}',
        "not json",
        "[1]",
        '{"prompt": ""}',
        '{"prompt": "x", "seed": -1}',
        '{"prompt": "x", "profile": 3}',
        '{"prompt": "\\ud83d", "response": "old"}',
        '{"prompt": [{"role": "nobody", "content": "x"}]}',
        '{"prompt": [{"role": "user", "content": "What is a kite?"}], "error": "old"}',
    ]
    answers = list(generate_batch(fitted, lines, max_new_tokens=8))
    assert ["error" in answer for answer in answers] == [True] * 8 + [False]
    assert answers[0]["id"] == 7
    assert "line 2" in answers[1]["error"]
    assert "response" not in answers[6]
    assert answers[8]["response"]


def test_streamed_pieces_are_the_answer(fitted: Store) -> None:
    pieces: list[str] = []
    answer = generate(fitted, PROMPT, profile="bob", seed=1, on_text=pieces.append)
    assert len(pieces) > 3
    assert "".join(pieces) == answer.response


def test_a_seed_that_is_not_given_is_drawn_and_named(fitted: Store) -> None:
    drawn = generate(fitted, PROMPT, max_new_tokens=20)
    again = generate(fitted, PROMPT, max_new_tokens=20, seed=drawn.seed)
    assert again.response == drawn.response


def test_an_older_version_can_be_asked_for(fitted: Store) -> None:
    assert generate(fitted, PROMPT, profile="alice@1", seed=0, max_new_tokens=4).version == 1
    with pytest.raises(NotFoundError, match="alice@9"):
        generate(fitted, PROMPT, profile="alice@9")
    with pytest.raises(NotFoundError, match="alice@x"):
        generate(fitted, PROMPT, profile="alice@x")


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        ({"strength": -1.0}, "--strength"),
        ({"strength": 1e200}, "--strength"),
        ({"temperature": -0.1}, "--temperature"),
        ({"temperature": 1e300}, "--temperature"),
        ({"top_p": 0.0}, "--top-p"),
        ({"max_new_tokens": 0}, "--max-new-tokens"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_a_setting_out_of_range_names_its_flag(
    fitted: Store, arguments: dict[str, float], flag: str
) -> None:
    with pytest.raises(UsageError, match=flag):
        generate(fitted, PROMPT, **arguments)


def test_an_empty_prompt_is_refused(fitted: Store) -> None:
    with pytest.raises(DataError, match="prompt is empty"):
        generate(fitted, "  \n")


@pytest.mark.parametrize(
    ("prompt", "strange"),
    [
        (PROMPT, False),
        ("what is bread dough", False),
        ("Tell me about tea", False),
        ("Tell me about cats.", True),
        ("What is a volcano?", True),
        ("How do I write a for loop in Python?", True),
        ("Hello", True),
        ("Напиши стихотворение", True),
    ],
)
def test_a_question_that_the_built_in_base_cannot_know_is_told(
    fitted: Store, prompt: str, strange: bool
) -> None:
    answer = generate(fitted, prompt, max_new_tokens=4)
    assert bool(answer.warnings) is strange
    [record] = generate_batch(fitted, [json.dumps({"prompt": prompt})], max_new_tokens=4)
    assert record["warnings"] == answer.warnings


def test_a_prompt_of_which_only_the_end_is_read_is_told(fitted: Store) -> None:
    told = generate(fitted, f"{PROMPT} " * 100, max_new_tokens=4).warnings
    assert "only its end counted" in told[-1]


def test_generations_are_logged_when_asked(fitted: Store) -> None:
    answer = generate(fitted, PROMPT, profile="alice", seed=5, max_new_tokens=8, log=True)
    logged = list(fitted.generations())
    assert [(row.response, row.user, row.version, row.seed) for row in logged] == [
        (answer.response, "alice", 1, 5)
    ]


def test_each_users_answers_follow_that_users_taste_on_topics_nobody_judged(fitted: Store) -> None:
    prompts = [f"How do I {topic.how}?" for topic in corpus.held_out_topics()]
    answers = {
        user: [
            record["response"]
            for record in generate_batch(
                fitted,
                [json.dumps({"prompt": p, "seed": i}) for i, p in enumerate(prompts, first)],
                profile=user,
            )
        ]
        for first, user in ((0, None), (1000, "alice"), (2000, "bob"))
    }
    for user, utility in tastes.STARTERS.items():
        pairs = zip(answers[user], answers[None], strict=True)
        wins = sum((utility(a) > utility(b)) + 0.5 * (utility(a) == utility(b)) for a, b in pairs)
        assert wins / len(prompts) > 0.85, user


@pytest.mark.parametrize("version", [0, 99999])
def test_a_version_that_is_not_there_is_told_which_are(fitted: Store, version: int) -> None:
    with pytest.raises(NotFoundError, match=r"alice has only version 1$"):
        generate(fitted, PROMPT, profile=f"alice@{version}")
    first = fitted.profile("alice")
    assert first is not None
    fitted.add_profile("alice", first.space, first.artifact, first.summary)
    with pytest.raises(NotFoundError, match=r"alice has versions 1 to 2$"):
        generate(fitted, PROMPT, profile=f"alice@{version}")


def test_a_damaged_profile_is_told_by_its_owner_and_version(fitted: Store) -> None:
    stored = fitted.profile("alice")
    assert stored is not None
    fitted.add_profile("alice", stored.space, stored.artifact[:40], stored.summary)
    with pytest.raises(DataError, match=r"^profile alice@2: not a readable profile"):
        generate(fitted, PROMPT, profile="alice")
    with pytest.raises(DataError, match=r"^profile alice@2: not a readable profile"):
        show_profile(fitted, "alice")


@pytest.mark.parametrize("digits", [20, 5000])
def test_a_version_beyond_any_integer_is_not_found(fitted: Store, digits: int) -> None:
    with pytest.raises(NotFoundError, match="no version is that large"):
        generate(fitted, PROMPT, profile="alice@" + "9" * digits)
    line = json.dumps({"prompt": PROMPT, "profile": "alice@" + "9" * digits})
    good = json.dumps({"prompt": PROMPT})
    answers = list(generate_batch(fitted, [good, line], max_new_tokens=4))
    assert ["error" in answer for answer in answers] == [False, True]
