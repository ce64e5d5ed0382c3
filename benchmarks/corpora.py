"""Real text to train bases on: dialogue, reviews, and fiction with dialogue.

Each corpus gives texts to learn from and prompts to answer. Prompts come from documents that the
base was not trained on. Where the data lies is for `--data` to say; nothing of it is copied.

Everyday dialogue (Li et al. 2017, DailyDialog), film reviews (Maas et al. 2011), classic fiction,
children's stories (African Storybook) and science fiction (Wang et al. 2022, SQuALITY).
"""

from __future__ import annotations

import io
import itertools
import json
import random
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prefcli.feedback.records import Message, Prompt, text_prompt

KEPT_OUT = 20  # every 20th document is for prompts alone
PASSES = 10  # over the documents, at most, in search of different prompts
TURN_WORDS = 14  # of a conversation's turn that is a prompt: a step costs what it reads
ROLES = ("user", "assistant")


@dataclass(frozen=True)
class Corpus:
    """Where texts and prompts come from.

    Args:
        name: What the benchmark calls it.
        documents: Reads the documents below a data directory: conversations, or single turns
            where the text is no conversation.
        chat: Whether documents are conversations.
        answer_tokens: The longest answer to a prompt of this corpus.
    """

    name: str
    documents: Callable[[Path], Iterator[list[str]]]
    chat: bool
    answer_tokens: int

    def split(self, data: Path, seed: int) -> tuple[list[list[str]], list[list[str]]]:
        """Documents to learn from and documents to take prompts from, each in random order."""
        documents = list(self.documents(data))
        random.Random(seed).shuffle(documents)
        kept = documents[::KEPT_OUT]
        return [d for i, d in enumerate(documents) if i % KEPT_OUT], kept

    def prompts(self, documents: list[list[str]], count: int, seed: int) -> list[Prompt]:
        """At most `count` prompts: short turns of conversations, or opening words of texts."""
        rng = random.Random(seed)
        found: dict[Prompt, None] = {}
        for document in itertools.islice(itertools.cycle(documents), PASSES * len(documents)):
            if len(found) == count:
                break
            if prompt := self._prompt(document, rng):
                found[prompt] = None
        return list(found)

    def _prompt(self, document: list[str], rng: random.Random) -> Prompt | None:
        if not self.chat:
            words = document[0].split(" ")
            start = rng.randrange(max(1, len(words) - 40)) if self.name == "fiction" else 0
            return text_prompt(" ".join(words[start : start + rng.randint(8, 20)]))
        turn = rng.choice(document[:-1])
        return speakers([turn]) if len(turn.split()) <= TURN_WORDS else None


def speakers(turns: list[str]) -> Prompt:
    """Turns of two speakers; the last one is the user's."""
    last = len(turns) - 1
    return tuple(Message(ROLES[(last - i) % 2], turn) for i, turn in enumerate(turns))


def dialogues(data: Path) -> Iterator[list[str]]:
    """Everyday conversations, one list of turns each."""
    with zipfile.ZipFile(data / "dailydialog" / "train.zip") as archive:
        text = archive.read("train/dialogues_train.txt").decode()
    for line in text.splitlines():
        turns = [tidy(turn) for turn in line.split("__eou__") if turn.strip()]
        if len(turns) > 1:
            yield turns


def reviews(data: Path) -> Iterator[list[str]]:
    """Film reviews, half of them labelled; the labels are not read."""
    for part in ("train", "unsup"):
        for _, text in members(data / "imdb" / f"aclImdb_{part}.tar.xz"):
            yield [" ".join(text.replace("<br />", "\n").split())]


def fiction(data: Path) -> Iterator[list[str]]:
    """Books, stories and everyday dialogue, in pieces of about a page."""
    for _, text in members(data / "classic_books" / "classic_books.tar.xz"):
        yield from _pages(text.partition("-------")[2] or text)
    for _, text in members(data / "african_storybook_en" / "en.cc-by.tar.xz"):
        story = re.sub(r"(?m)^(#.*|\* .*)$", "", text)
        yield [" ".join(story.split())]
    for part in ("train", "dev"):
        path = data / "squality" / "v1-3" / "txt" / f"{part}.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines():
            yield from _pages(json.loads(line)["document"])
    for turns in dialogues(data):
        yield [" ".join(f'"{turn}"' for turn in turns)]


CORPORA = {
    corpus.name: corpus
    for corpus in (
        Corpus("dialogue", dialogues, chat=True, answer_tokens=32),
        Corpus("reviews", reviews, chat=False, answer_tokens=64),
        Corpus("fiction", fiction, chat=False, answer_tokens=64),
    )
}


def members(path: Path) -> Iterator[tuple[str, str]]:
    """Name and text of every file of an archive."""
    with tarfile.open(path, "r:xz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, io.TextIOWrapper(file, "utf-8", errors="replace").read()


def _pages(text: str, words: int = 300) -> Iterator[list[str]]:
    """A long text in pieces of whole paragraphs, headings left out."""
    page: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        if not paragraph.lstrip().startswith("#"):
            page += paragraph.split()
        if len(page) >= words:
            yield [" ".join(page)]
            page = []
    if len(page) > 40:
        yield [" ".join(page)]


def tidy(turn: str) -> str:
    """A turn without the spaces that its tokenizer put before punctuation."""
    text = re.sub(r"\s+([.,!?;:%)])", r"\1", " ".join(turn.replace("’", "'").split()))
    text = re.sub(r"\s*'\s*(s|t|m|re|ve|ll|d)\b", r"'\1", text)
    return re.sub(r"([.!?])([A-Z])", r"\1 \2", text)
