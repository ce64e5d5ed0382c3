"""A report made anew leaves the space as it is, unless it is to be kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prefcli.base import Base
from prefcli.errors import DataError, PrefcliError, UsageError
from prefcli.latent.space import Space
from prefcli.services import space_eval, spaces
from prefcli.services.space_eval import eval_space
from prefcli.store import Store
from tests.random_spaces import random_space
from tests.tiny_bases import tiny_base

BEFORE = {"contrastive_accuracy": 0.5, "prompts_seen": 77, "steps": 9, "spectrum": [0.5]}


@pytest.fixture(scope="module")
def base() -> Base:
    return tiny_base("gpt2")


@pytest.fixture
def store(home: Path, base: Base, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A home with an untrained space, `mine`, of which little is measured."""
    monkeypatch.setattr(space_eval, "open_base", lambda *_: base)
    monkeypatch.setattr(space_eval, "DRAWS", 12)
    monkeypatch.setattr(space_eval, "FLUENCY_DRAWS", 2)
    made = random_space(base)
    config = replace(made.config, report=BEFORE, max_response_tokens=6)
    space = Space(config, made.encoder, made.adapter, made.prior)
    with Store.open() as store:
        space.save(store.space_directory("mine"))
        store.add_space("mine", "tiny", space.fingerprint(), {})
        yield store


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(f"Question {i}?" for i in range(5)))
    return str(path)


def files(store: Store) -> dict[str, bytes]:
    directory = store.space_directory("mine")
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_measuring_changes_nothing_and_the_same_seed_measures_the_same(
    store: Store, prompts: str
) -> None:
    before = files(store)
    found = eval_space(store, "mine", prompts=prompts, samples=3)
    assert files(store) == before
    assert (found["space"], found["prompts"], found["saved"]) == ("mine", 5, False)
    report = found["report"]
    assert {key: report[key] for key in ("prompts_seen", "steps", "spectrum")} == {
        key: BEFORE[key] for key in ("prompts_seen", "steps", "spectrum")
    }
    likelihoods = report["nll"]
    assert likelihoods.keys() == {"base", "own_z", "prior_z", "prior_marginal", "prior_text"}
    for value, (low, high) in zip(
        report["consistency"], report["consistency_interval"], strict=True
    ):
        assert low <= high
        assert -1 <= value <= 1
    for name, of in (("prior_marginal", likelihoods), ("prior_text", likelihoods)):
        low, high = report["intervals"][name]
        assert low <= of[name] <= high
    assert {row["prompt"] for row in report["directions_text"]} <= {
        f"Question {i}?" for i in range(5)
    }
    assert found["verdict"]["grade"] == "poor"  # nothing was learned
    assert json.loads(json.dumps(found)) == found
    assert eval_space(store, "mine", prompts=prompts, samples=3) == found
    assert eval_space(store, "mine", prompts=prompts, samples=3, seed=1) != found


def test_a_report_that_is_kept_replaces_the_report_alone(store: Store, prompts: str) -> None:
    reference = spaces.resolve_space(store, "mine")
    found = eval_space(store, "mine", prompts=prompts, samples=2, save=True)
    after = spaces.resolve_space(store, "mine")
    assert after.description == {**reference.description, "report": found["report"]}
    assert sorted(files(store)) == ["space.json", "space.safetensors"]
    assert spaces.open_space(after).fingerprint() == reference.fingerprint
    shown = spaces.show_space(store, "mine")
    assert (shown["report"], shown["verdict"]) == (found["report"], found["verdict"])


def test_a_report_that_cannot_be_kept_is_told_in_one_line(
    store: Store, prompts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    before = files(store)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(PrefcliError, match=r"cannot write to .*mine \(No space left on device\)"):
        eval_space(store, "mine", prompts=prompts, samples=2, save=True)
    assert files(store) == before


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        ({"samples": 1}, UsageError, "--samples 1: expected 2 to 1024"),
        ({"seed": -1}, UsageError, "--seed -1: expected 0 to"),
        ({"name": "tiny", "save": True}, UsageError, "--save: the built-in space"),
        ({"plot": "a.jpg"}, UsageError, "ends in .png or .svg"),
        ({"prompts": None}, DataError, "the catalog has 0 different prompts: a report needs"),
    ],
)
def test_words_that_cannot_be_followed_are_refused_before_a_base_is_loaded(
    store: Store,
    prompts: str,
    monkeypatch: pytest.MonkeyPatch,
    words: dict[str, Any],
    kind: type[PrefcliError],
    told: str,
) -> None:
    monkeypatch.setattr(space_eval, "open_base", lambda *_: pytest.fail("a base was loaded"))
    with pytest.raises(kind, match=told):
        eval_space(store, **{"name": "mine", "prompts": prompts, **words})
