"""A conversation: every answer is given to all that was said before it.

When a conversation no longer fits what the base reads of a prompt, its oldest turns (a question
and the answer to it) are left out, one by one, until it does; the system message stays. An answer
that was stopped stays as far as it was said.

The embedded base is a demonstration, trained on single questions, and talks nonsense where others
stand before one. It answers each turn by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack

from prefcli import tiny
from prefcli.errors import DataError, UsageError
from prefcli.feedback.records import Message, Prompt
from prefcli.services.generator import NOBODY, Chosen, Generation, Generator, Job
from prefcli.services.sampling import Asked, Choice, check_system, check_text, pick_seed
from prefcli.store import Store


@dataclass(frozen=True)
class Turn:
    """A question and the answer to it.

    Args:
        asked, answered: Their texts.
        whole: False where the answer was stopped.
    """

    asked: str
    answered: str
    whole: bool = True


class Conversation:
    """One base, and a profile that may change between the turns.

    `turns` is what was said, `left_out` how many of the oldest no longer fit, and `remembers`
    whether the base is given any but the newest.

    Args:
        store: The open home.
        profile: As in `generate`; `none` is the plain base.
        asked: As in `generate`; `seed` is for the first answer, one more for each that follows.

    Raises:
        UsageError: the base has no chat template, or the arguments are out of range.
        NotFoundError: no such profile or base.
    """

    def __init__(self, store: Store, profile: str | None = None, **asked: Unpack[Asked]) -> None:
        choice = Choice.of(**asked)
        named = None if profile == NOBODY else profile
        self.generator = Generator(store, choice, named)
        reference = self.generator.reference
        if not reference.details.get("chat_template"):
            raise UsageError(
                f"base {reference.name} continues text and has no chat template, so it takes no "
                "turns: use `prefcli generate`, or a base that was trained to chat (--base NAME)"
            )
        self.profile: Chosen | None = self.generator.profile(named)
        self.system = choice.system
        self.turns: list[Turn] = []
        self.left_out = 0
        self.remembers = reference.name != tiny.NAME
        self._seed = choice.seed

    def follow(self, profile: str) -> None:
        """Answer under another profile from now on; `none` is the plain base.

        Raises:
            UsageError: it belongs to another base.
            NotFoundError: there is none.
        """
        self.profile = self.generator.profile(None if profile == NOBODY else profile)

    def instruct(self, system: str | None) -> None:
        """Put another system message before the conversation, or none.

        Raises:
            UsageError: it says nothing.
        """
        check_system(system)
        self.system = system

    def draw_from(self, seed: int | None) -> None:
        """Seed the next answer, those that follow counting up; None draws each.

        Raises:
            UsageError: out of range.
        """
        self._seed = None if seed is None else pick_seed(seed)

    def clear(self) -> None:
        """Forget what was said; profile, system message and seed stay."""
        self.turns, self.left_out = [], 0

    def say(self, text: str, on_text: Callable[[str], None] | None = None) -> Generation:
        """The next answer.

        Args:
            text: What is said to the base.
            on_text: Called with each piece of the answer as it comes.

        Raises:
            DataError: the text is empty or half a character, or does not fit the base.
            KeyboardInterrupt: the answer was stopped; what came of it stays in the conversation.
        """
        if not text.strip():
            raise DataError("nothing was said: an empty line is no turn")
        check_text((Message("user", text),))
        pieces: list[str] = []

        def keep(piece: str) -> None:
            pieces.append(piece)
            if on_text:
                on_text(piece)

        prompt = self._fitting(text)
        seed = pick_seed(self._seed)
        job = Job(prompt, self.profile, seed)
        try:
            [response] = self.generator.answer([job], keep)
        except KeyboardInterrupt:
            if said := "".join(pieces):
                self._add(Turn(text, said, whole=False))
            raise
        self._add(Turn(text, response))
        [found] = self.generator.results([job], [response])
        return found

    def _add(self, turn: Turn) -> None:
        self.turns.append(turn)
        if self._seed is not None:
            self._seed = (self._seed + 1) % 2**63

    def _fitting(self, text: str) -> Prompt:
        """The conversation with `text` at its end, and the oldest turns left out if they must be.

        Raises:
            DataError: the base's chat template refuses it.
        """
        room = self.generator.room()
        while self.left_out < len(self.turns):
            prompt = self._prompt(text)
            if len(self.generator.base().prompt_ids(prompt, room + 1)) <= room:
                return prompt
            self.left_out += 1
        return self._prompt(text)

    def _prompt(self, text: str) -> Prompt:
        said = [Message("system", self.system)] if self.system else []
        for turn in self.turns[self.left_out :] if self.remembers else ():
            said += [Message("user", turn.asked), Message("assistant", turn.answered)]
        return (*said, Message("user", text))
