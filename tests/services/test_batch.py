"""A batch: what is wrong with one record is told in that record, and the others are answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from prefcli.errors import DataError, UsageError
from prefcli.services.batch import BATCHES_AHEAD, DEEPEST, generate_batch
from prefcli.services.generator import Generator, Job
from prefcli.store import Store

GOOD = '{"prompt": "hi", "id": 7}'


BATCHES: list[list[str]] = []  # what was answered together


class Echo(Generator):
    """Answers in capitals, without a model; cannot answer `boom`."""

    def base(self) -> Any:
        return None

    def warnings(self, jobs: Sequence[Job]) -> list[list[str]]:
        return [[] for _ in jobs]

    def prompt_length(self, job: Job) -> int:
        return len(job.prompt[-1].content)

    def answer(self, jobs: Sequence[Job], _: Any = None) -> list[str]:
        texts = [job.prompt[-1].content for job in jobs]
        BATCHES.append(texts)
        if "boom" in texts:
            raise DataError("not finite")
        return [text.upper() for text in texts]


@pytest.fixture
def store(home: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("prefcli.services.batch.Generator", Echo)
    BATCHES.clear()
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
        ('{"prompt": "hi", "stop": [""]}', "field 'stop': expected a text or a list of texts"),
        ('{"prompt": "hi", "stop": 3}', "field 'stop': expected a text or a list of texts"),
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


def lines_of(*texts: str) -> list[str]:
    return [json.dumps({"prompt": text}) for text in texts]


def test_records_of_similar_length_are_answered_together_and_come_back_in_order(
    store: Store,
) -> None:
    texts = ["a" * size for size in (3, 9, 1, 5, 8, 2, 7, 4, 6, 3, 9, 1)]
    answers = list(generate_batch(store, lines_of(*texts), batch_size=2))
    assert [answer["response"] for answer in answers] == [text.upper() for text in texts]
    sizes = [[len(text) for text in batch] for batch in BATCHES]
    # Blocks of 2, 4 and the rest; in each the batch with the earliest record comes first.
    assert sizes == [[3, 9], [1, 2], [5, 8], [7, 9], [4, 6], [1, 3]]


def test_an_answer_comes_before_later_records_are_read(store: Store) -> None:
    taken = []

    def lines() -> Any:
        for number in range(1000):
            taken.append(number)
            yield from lines_of(f"{number:04}")

    answers = generate_batch(store, lines(), batch_size=4)
    for number, answer in enumerate(answers):
        assert answer["response"] == f"{number:04}"
        assert len(taken) <= number + 4 * BATCHES_AHEAD
        if number == 0:
            assert len(taken) == 4


def test_rows_answered_together_fit_the_token_budget(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefcli.services.batch.TOKENS_AT_ONCE", 100)
    texts = ["a" * size for size in (10, 200, 10, 10, 40, 10)]
    answers = list(generate_batch(store, lines_of(*texts), batch_size=8, max_new_tokens=10))
    assert [answer["response"] for answer in answers] == [text.upper() for text in texts]
    sizes = [[len(text) for text in batch] for batch in BATCHES]
    assert sizes == [[10, 10, 10, 10], [200], [40]]


def test_a_record_has_stop_strings_of_its_own_or_those_of_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        Echo, "answer", lambda self, jobs, _=None: [seen.append(self._stop(j)) or "" for j in jobs]
    )
    records: list[dict[str, Any]] = [{}, {"stop": "."}, {"stop": [".", "!"]}, {"stop": None}]
    lines = [json.dumps({"prompt": "hi"} | record) for record in records]
    list(generate_batch(store, lines, stop=["x"]))
    assert seen == [("x",), (".",), (".", "!"), ()]
    with pytest.raises(UsageError, match="--stop is empty"):
        list(generate_batch(store, lines, stop=[""]))
