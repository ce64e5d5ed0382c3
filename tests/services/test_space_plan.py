"""An unfinished training: what is kept of it, and how one goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.feedback.records import Message, text_prompt
from prefcli.latent.space import Space
from prefcli.latent.train import Questions, Sampling
from prefcli.services import space_training
from prefcli.services.feedback import forget
from prefcli.services.space_plan import PLAN, Plan, SpaceSettings, unfinished
from prefcli.store import Store
from tests.random_spaces import random_space
from tests.tiny_bases import tiny_base


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open() as store:
        yield store


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(f"Question {i}?" for i in range(12)))
    return path


class Training:
    """Stands for stage 1: records what it is asked, and may be interrupted after it did some."""

    def __init__(self) -> None:
        self.asked: list[tuple[Questions, Any, Sampling]] = []
        self.interrupted = False

    def __call__(
        self, base: Any, questions: Questions, config: Any, sampling: Sampling, **words: Any
    ) -> Space:
        self.asked.append((questions, config, sampling))
        (words["workplace"] / "answers-0.jsonl").write_text("[]\n")
        if self.interrupted:
            raise KeyboardInterrupt
        return random_space(base)


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Training:
    stands = Training()
    monkeypatch.setattr("prefcli.latent.train.train_space", stands)
    base = tiny_base("gpt2")
    monkeypatch.setattr(space_training, "open_base", lambda *_: base)
    return stands


def interrupt(store: Store, training: Training, prompts: Path, **asked: Any) -> None:
    training.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        space_training.train_space(store, name="mine", prompts=str(prompts), **asked)
    training.interrupted = False


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    chat = (Message("system", "s"), Message("user", "u\u2028 é"))
    plan = Plan(
        "mine",
        SpaceSettings(samples=3, adapter="soft", trunk_layers=2, checkpointing=True),
        [text_prompt("a"), chat],
        [text_prompt("b")],
        {chat: ("one", "two")},
        {"source": "feedback", "users": ["alice"]},
    )
    plan.save(tmp_path)
    assert Plan.load(tmp_path) == plan
    assert [path.name for path in tmp_path.iterdir()] == [PLAN]


@pytest.mark.parametrize(
    ("old", "new"),
    [('"held_out"', ""), ('"samples": 16', '"samples": 1'), ('"format": 1', '"format": 2')],
)
def test_a_plan_that_cannot_be_followed_is_bad_data(tmp_path: Path, old: str, new: str) -> None:
    Plan("mine", SpaceSettings(), [text_prompt("a")], [], {}, {}).save(tmp_path)
    path = tmp_path / PLAN
    text = path.read_text()
    assert old in text
    for content in (text.replace(old, new), text[:-9], "[]", ""):
        path.write_text(content)
        with pytest.raises(DataError, match="begin anew with --restart"):
            Plan.load(tmp_path)


def test_resume_goes_on_with_the_prompts_and_settings_that_were_asked(
    store: Store, training: Training, prompts: Path
) -> None:
    interrupt(store, training, prompts, steps=7, seed=3)
    prompts.unlink()
    space_training.train_space(store, name="mine", resume=True)
    first, second = training.asked
    assert first == second
    assert second[1].steps == 7
    assert not unfinished(store.space_directory("mine")).exists()


def test_an_unfinished_training_is_neither_thrown_away_nor_resumed_unasked(
    store: Store, training: Training, prompts: Path
) -> None:
    interrupt(store, training, prompts)
    words = {"name": "mine", "prompts": str(prompts)}
    with pytest.raises(UsageError, match=r"unfinished: go on with --resume, or .* --restart"):
        space_training.train_space(store, **words)
    assert len(training.asked) == 1
    space_training.train_space(store, **words, restart=True, steps=9)
    assert training.asked[-1][1].steps == 9


def test_resume_takes_no_other_settings_and_no_other_prompts(
    store: Store, training: Training, prompts: Path
) -> None:
    interrupt(store, training, prompts, steps=7)
    with pytest.raises(UsageError, match="--steps 7: leave out --steps"):
        space_training.train_space(store, name="mine", resume=True, steps=8)
    with pytest.raises(UsageError, match="leave out --prompts"):
        space_training.train_space(store, name="mine", resume=True, prompts=str(prompts))
    space_training.train_space(store, name="mine", resume=True, steps=7)  # the same is no other


def test_where_nothing_is_unfinished_there_is_nothing_to_resume(
    store: Store, training: Training
) -> None:
    with pytest.raises(NotFoundError, match="no unfinished training of space 'mine'"):
        space_training.train_space(store, name="mine", resume=True)
    assert list((store.home / "spaces").iterdir()) == []


def test_given_answers_are_not_sampled_and_provenance_tells_whose_prompts_went_in(
    store: Store, training: Training, tmp_path: Path
) -> None:
    path = tmp_path / "given.jsonl"
    rows = [{"prompt": f"p{i}", "responses": [f"a{i}", f"b{i}"]} for i in range(11)]
    path.write_text("\n".join(map(json.dumps, [*rows, {"prompt": "p11"}])))
    space_training.train_space(store, name="mine", prompts=str(path))
    [(questions, _, _)] = training.asked
    assert questions.given == {text_prompt(f"p{i}"): (f"a{i}", f"b{i}") for i in range(11)}
    assert len(questions.prompts) + len(questions.held_out) == 12
    assert questions.provenance == {"source": "given.jsonl"}


def test_who_is_forgotten_is_in_no_unfinished_training(store: Store) -> None:
    spaces = store.home / "spaces"
    for name, users in (("one", ["alice", "bob"]), ("other", ["bob"])):
        directory = unfinished(store.space_directory(name))
        directory.mkdir(parents=True)
        provenance = {"source": "feedback", "users": users}
        Plan("tiny", SpaceSettings(), [text_prompt("hers")], [], {}, provenance).save(directory)
    gone = forget(store, "alice")
    assert (gone["unfinished"], gone["spaces"]) == (["one"], [])
    assert [path.name for path in spaces.iterdir()] == [".unfinished-other"]
    with pytest.raises(NotFoundError):
        forget(store, "alice")
