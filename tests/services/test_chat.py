"""A conversation: all that was said goes before a question; the oldest of it is left out first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.feedback.records import Message, Prompt
from prefcli.services import generator
from prefcli.services.chat import Conversation, Turn
from prefcli.services.generate import generate
from prefcli.services.generator import Generator, Job
from prefcli.store import Store

PROMPT = "How do I cook rice?"
SHORT: Any = {"max_new_tokens": 8, "seed": 3}


def asked(monkeypatch: pytest.MonkeyPatch) -> list[Prompt]:
    """The prompts that the generator gets, which it answers with their number."""
    prompts: list[Prompt] = []

    def answer(
        _: Generator, jobs: Sequence[Job], on_text: Callable[[str], None] | None = None
    ) -> list[str]:
        prompts.extend(job.prompt for job in jobs)
        if on_text:
            on_text(f"answer {len(prompts)}")
        return [f"answer {len(prompts)}"]

    monkeypatch.setattr(Generator, "answer", answer)
    return prompts


def contents(prompt: Prompt) -> list[str]:
    return [turn.content for turn in prompt]


def test_the_first_turn_is_what_generate_answers(fitted: Store) -> None:
    talk = Conversation(fitted, "bob", system="Be brief.", **SHORT)
    pieces: list[str] = []
    answer = talk.say(PROMPT, pieces.append)
    assert answer == generate(fitted, PROMPT, profile="bob", system="Be brief.", **SHORT)
    assert "".join(pieces) == answer.response
    assert talk.turns == [Turn(PROMPT, answer.response)]
    assert talk.say(PROMPT).seed == 4


def test_each_answer_is_to_all_that_was_said(
    fitted: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = asked(monkeypatch)
    talk = Conversation(fitted, system="Be brief.")
    talk.remembers = True
    for text in ("one", "two"):
        talk.say(text)
    talk.instruct(None)
    talk.say("three")
    talk.clear()
    talk.say("four")
    assert [contents(prompt) for prompt in prompts] == [
        ["Be brief.", "one"],
        ["Be brief.", "one", "answer 1", "two"],
        ["one", "answer 1", "two", "answer 2", "three"],
        ["four"],
    ]
    assert prompts[1][2] == Message("assistant", "answer 1")


def test_when_the_context_is_full_the_oldest_turns_go_and_the_system_message_stays(
    fitted: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = asked(monkeypatch)
    talk = Conversation(fitted, system="Be brief.")
    talk.remembers = True
    room = talk.generator.room()
    for number in range(12):
        talk.say(f"{number} " + "rice " * 60)
        assert len(talk.generator.base().prompt_ids(prompts[-1])) <= room
    assert prompts[-1][0] == Message("system", "Be brief.")
    kept = [turn.content.split()[0] for turn in prompts[-1] if turn.role == "user"]
    assert kept == [str(number) for number in range(talk.left_out, 12)]
    assert 0 < talk.left_out < 12
    assert len(talk.turns) == 12


def test_a_stopped_answer_stays_as_far_as_it_was_said(
    fitted: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["Rinse", " it"]

    def interrupted(_: Any, __: Any, on_text: Callable[[str], None]) -> list[str]:
        for piece in said:
            on_text(piece)
        raise KeyboardInterrupt

    monkeypatch.setattr(Generator, "answer", interrupted)
    talk = Conversation(fitted, log=True)
    for expected in ([Turn("a", "Rinse it", whole=False)],) * 2:
        with pytest.raises(KeyboardInterrupt):
            talk.say("a")
        assert talk.turns == expected
        said.clear()  # stopped before its first word, a turn was none
    assert list(fitted.generations()) == []


def test_whole_turns_are_logged_with_the_conversation_before_them(fitted: Store) -> None:
    talk = Conversation(fitted, "alice", log=True, **SHORT)
    talk.remembers = True
    numbers = [talk.say(text).log_id for text in (PROMPT, "What is tea?")]
    rows = list(fitted.generations())[::-1]
    assert [row.id for row in rows] == numbers
    assert [len(row.prompt) for row in rows] == [1, 3]


def test_the_embedded_base_answers_each_turn_by_itself(fitted: Store) -> None:
    talk = Conversation(fitted, "bob", **SHORT)
    talk.say("What is tea?")
    talk.draw_from(3)
    assert talk.say(PROMPT) == generate(fitted, PROMPT, profile="bob", **SHORT)
    assert len(talk.turns) == 2


def test_a_wrong_profile_leaves_the_conversation_as_it_was(fitted: Store) -> None:
    talk = Conversation(fitted, "alice")
    for name in ("nobody", "alice@9"):
        with pytest.raises(NotFoundError):
            talk.follow(name)
        assert talk.profile is not None
        assert talk.profile.user == "alice"
    talk.follow("none")
    assert talk.profile is None
    with pytest.raises(UsageError, match="--system"):
        talk.instruct(" ")
    with pytest.raises(DataError, match="nothing was said"):
        talk.say(" ")


def test_a_base_without_a_chat_template_says_why_not(
    empty: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = generator.resolve_base(empty, None)
    plain = replace(found, details=found.details | {"chat_template": False})
    monkeypatch.setattr(generator, "resolve_base", lambda *_: plain)
    with pytest.raises(UsageError, match="base tiny continues text and has no chat template"):
        Conversation(empty)
