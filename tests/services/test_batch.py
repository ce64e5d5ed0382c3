"""A batch: what is wrong with one record is told in that record, and the others are answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from prefcli.errors import DataError
from prefcli.services.batch import DEEPEST, generate_batch
from prefcli.services.generate import Generator, Job
from prefcli.store import Store

GOOD = '{"prompt": "hi", "id": 7}'


class Echo(Generator):
    """Answers in capitals, without a model; cannot answer `boom`."""

    def base(self) -> Any:
        return None

    def warnings(self, jobs: Sequence[Job]) -> list[list[str]]:
        return [[] for _ in jobs]

    def answer(self, jobs: Sequence[Job], _: Any = None) -> list[str]:
        texts = [job.prompt[-1].content for job in jobs]
        if "boom" in texts:
            raise DataError("not finite")
        return [text.upper() for text in texts]


@pytest.fixture
def store(home: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("prefcli.services.batch.Generator", Echo)
    with Store.open() as opened:
        yield opened


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"prompt": "hi", "profile": "ali\\ud800ce"}', "half a character"),
        ('{"prompt": "hi", "x": ' + "[" * 900 + "]" * 900 + "}", "nested deeper"),
        ('{"prompt": "hi", "x": ' + "[" * 100_000, "nested deeper"),
        ('{"prompt": "hi", "x": ' + '{"y": ' * 100 + "1" + "}" * 101, "nested deeper"),
        ('{"prompt": "hi", "x": NaN}', "NaN is not a finite number"),
        ('{"prompt": "hi", "x": [-Infinity]}', "-Infinity is not a finite number"),
        ('{"prompt": "hi", "x": 1e999}', "1e999 is not a finite number"),
        ('{"prompt": "hi", "x": ' + "9" * 5000 + "}", "too many digits"),
        ('{"prompt": [{"role": "user", "content": " \\n"}]}', "field 'prompt': is empty"),
        ('{"prompt": "boom"}', "not finite"),
    ],
)
def test_a_bad_record_names_its_line_and_its_fault_and_costs_no_other_its_answer(
    store: Store, line: str, words: str
) -> None:
    answers = list(generate_batch(store, [GOOD, line, GOOD]))
    assert [answer.get("response") for answer in answers] == ["HI", None, "HI"]
    assert answers[1]["error"].startswith("line 2: ")
    assert words in answers[1]["error"]


def test_one_seed_gives_each_record_a_stream_of_its_own(store: Store) -> None:
    own = json.dumps({"prompt": "hi", "seed": 5})
    answers = list(generate_batch(store, [GOOD, "", own, GOOD], seed=2**63 - 2, batch_size=2))
    assert [answer["seed"] for answer in answers] == [2**63 - 2, 5, 0]


def test_a_good_record_comes_back_with_every_field_as_it_came(store: Store) -> None:
    deep: Any = 0.1
    for _ in range(DEEPEST - 1):
        deep = [deep]
    fields = {"prompt": "hi", "deep": deep, "half": "\ud800", "big": 2**70, "none": None}
    [answer] = generate_batch(store, [json.dumps(fields)])
    assert answer.items() >= fields.items()
    assert answer["response"] == "HI"
