"""Logged answers are encoded while the base is there: a fit to judgements of them needs none."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from prefcli.feedback.records import encoding_key, text_prompt
from prefcli.services import feedback_encodings
from prefcli.services.batch import generate_batch
from prefcli.services.feedback_encodings import FeedbackEncoder
from prefcli.services.fit import fit
from prefcli.services.generate import generate, generate_many
from prefcli.services.log import rate
from prefcli.services.spaces import resolve_space
from prefcli.store import Encoding, Store

PROMPT = "How do I cook rice?"
SHORT: Any = {"max_new_tokens": 12, "seed": 1}
LONGER: Any = {"max_new_tokens": 40, "seed": 1}  # long enough that no two answers are the same


def logged(store: Store) -> list[Encoding | None]:
    """The encodings of what the log has, oldest first."""
    keys = [encoding_key(row.prompt, row.response) for row in store.generations()][::-1]
    found = store.encodings(resolve_space(store).fingerprint, keys)
    return [found.get(key) for key in keys]


def test_a_fit_after_rating_logged_answers_loads_no_base(
    fitted: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = list(generate_many(fitted, PROMPT, 3, profile="alice", log=True, **LONGER))
    plain = generate(fitted, PROMPT, log=True, **LONGER)
    numbers = [answer.log_id for answer in [*answers, plain]]
    assert numbers == sorted(row.id for row in fitted.generations())

    def refuse(*_: object) -> None:
        raise AssertionError("the base is loaded")

    monkeypatch.setattr(feedback_encodings, "open_base", refuse)
    for number in numbers:
        assert number is not None
        rate(fitted, number, user="alice", up=number % 2 == 0)
    report = fit(fitted, "alice")
    assert report.kinds["thumb"] == len(numbers)
    assert report.bits_per_byte is not None


def test_the_encodings_are_those_that_a_fit_would_compute(fitted: Store) -> None:
    lines = [json.dumps({"prompt": p}) for p in (PROMPT, "What is tea?", "What is a kite?")]
    records = list(generate_batch(fitted, lines, log=True, **SHORT))
    generate(fitted, PROMPT, profile="bob", log=True, system="Be brief.", **SHORT)
    kept = logged(fitted)
    assert len(kept) == len(records) + 1
    reference = resolve_space(fitted)
    models = FeedbackEncoder(fitted, reference).models()
    base, space = models
    rows = [(row.prompt, row.response) for row in fitted.generations()][::-1]
    again = {i: encoded for batch in space.encode(base, rows) for i, encoded in batch}
    bits = space.bits_per_byte(base, rows)
    for i, encoding in enumerate(kept):
        assert encoding is not None
        for found, expected in (
            (encoding.mean, again[i].mean),
            (encoding.log_var, again[i].log_var),
        ):
            np.testing.assert_allclose(np.frombuffer(found, "<f4"), expected, atol=1e-5)
        assert encoding.bits_per_byte == pytest.approx(bits[i], rel=1e-5)


def test_without_log_nothing_is_kept(fitted: Store) -> None:
    space = resolve_space(fitted).fingerprint
    before = fitted.count_encodings(space)
    assert generate(fitted, PROMPT, profile="alice", **SHORT).log_id is None
    [record] = generate_batch(fitted, [json.dumps({"prompt": PROMPT, "log_id": 7})], **SHORT)
    assert record["log_id"] == 7
    assert fitted.count_encodings(space) == before


def test_forgetting_takes_the_encodings_of_logged_answers_that_nobody_else_has(
    fitted: Store,
) -> None:
    for profile, seed in (("alice", 1), ("alice=0.5,bob=0.5", 2), ("bob", 3), (None, 4)):
        generate(fitted, PROMPT, profile=profile, log=True, max_new_tokens=12, seed=seed)
    shared = next(row for row in fitted.generations() if row.user == "alice")
    fitted.log_generation(shared.prompt, shared.response, base="tiny", user="bob", version=1)
    keys = {
        row.user: encoding_key(row.prompt, row.response)
        for row in fitted.generations()
        if row.response != shared.response
    }
    space = resolve_space(fitted).fingerprint
    assert fitted.encodings(space, keys.values()).keys() == set(keys.values())
    forgotten = fitted.forget_user("alice")
    assert forgotten.generations == 2
    left = fitted.encodings(space, keys.values())
    assert left.keys() == {keys["bob"], keys[None]}
    assert fitted.encodings(space, [encoding_key(shared.prompt, shared.response)])


def test_the_settings_in_the_log_name_the_stop_strings(fitted: Store) -> None:
    line = json.dumps({"prompt": PROMPT, "stop": "."})
    list(generate_batch(fitted, [line], log=True, stop=["x", "y"], **SHORT))
    generate(fitted, PROMPT, log=True, stop="zz", **SHORT)
    assert [row.settings["stop"] for row in fitted.generations()] == [["zz"], ["."]]


def test_removing_an_entry_takes_its_encoding_unless_it_was_judged(fitted: Store) -> None:
    answers = list(generate_many(fitted, PROMPT, 3, log=True, **LONGER))
    numbers = [answer.log_id for answer in answers if answer.log_id is not None]
    rate(fitted, numbers[1], user="alice", up=True)
    keys = [encoding_key(text_prompt(PROMPT), answer.response) for answer in answers]
    assert fitted.remove_generations([*numbers[:2], numbers[0], 10**6]) == 2
    left = fitted.encodings(resolve_space(fitted).fingerprint, keys)
    assert left.keys() == {keys[1], keys[2]}
    assert [row.id for row in fitted.generations()] == numbers[2:]
