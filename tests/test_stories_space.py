"""A base nobody here trained, all the way: add, space train, fit two opposed users, generate."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prefcli.services.bases import add_base
from prefcli.services.batch import generate_batch
from prefcli.services.fit import fit
from prefcli.services.ingest import ingest
from prefcli.services.space_training import train_space
from prefcli.services.spaces import use_space
from prefcli.store import Store
from tests.stories260k import stories_base  # noqa: F401 (a fixture)

pytestmark = pytest.mark.slow

LENGTH = 64  # tokens of each continuation
OPENINGS = (
    "Once upon a time",
    "One day, a little girl",
    "One day, a little boy",
    "There was a big dog",
    "Lily and Tom",
    "The sun was",
    "A small bird",
    "Tim went to the park",
    "Mom and Sue",
    "In the garden",
    "Ben had a red ball",
    "The old cat",
)


def sentence_length(text: str) -> float:
    """Mean words per complete sentence."""
    sentences = [s.split() for s in re.findall(r"[^.!?]+[.!?]", text)]
    return sum(map(len, sentences)) / len(sentences) if sentences else 0.0


def dialogue(text: str) -> float:
    """Number of quotation marks."""
    return float(text.count('"'))


TASTES: dict[str, Callable[[str], float]] = {
    "long": sentence_length,
    "short": lambda text: -sentence_length(text),
    "talk": dialogue,
    "quiet": lambda text: -dialogue(text),
}


def continuations(store: Store, prompts: list[str], seed: int, **more: str) -> list[str]:
    lines = [json.dumps({"prompt": p, "seed": seed + i}) for i, p in enumerate(prompts)]
    found = generate_batch(store, lines, max_new_tokens=LENGTH, batch_size=64, **more)
    return [record["response"] for record in found]


def test_two_pairs_of_opposed_users_get_what_they_like(
    stories_base: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Store.open(tmp_path / "home") as store:
        add_base(store, str(stories_base), name="stories", device="cpu", dtype="float32")
        # Prompts are the first words of stories that the base tells itself.
        told = continuations(store, list(OPENINGS) * 20, 0, base="stories")
        prompts = sorted(
            {
                " ".join((opening + text).split()[: 8 + i % 12])
                for i, (opening, text) in enumerate(zip(list(OPENINGS) * 20, told, strict=True))
            }
        )
        fresh, seen = prompts[::5], [p for i, p in enumerate(prompts) if i % 5]
        (tmp_path / "prompts.txt").write_text("\n".join(seen), encoding="utf-8")
        space = train_space(
            store,
            name="stories",
            base="stories",
            prompts=str(tmp_path / "prompts.txt"),
            samples=12,
            steps=600,
            max_new_tokens=LENGTH,
        )
        use_space(store, "stories")

        first, second = (continuations(store, seen, seed) for seed in (1000, 5000))
        plain = continuations(store, fresh * 3, 20_000)
        rates = {}
        for user, utility in TASTES.items():
            rows = [
                {
                    "prompt": prompt,
                    "chosen": max(pair, key=utility),
                    "rejected": min(pair, key=utility),
                }
                for prompt, *pair in zip(seen, first, second, strict=True)
                if utility(pair[0]) != utility(pair[1])
            ]
            path = tmp_path / f"{user}.jsonl"
            path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
            ingest(store, [str(path)], user=user)
            assert not any("outside" in warning for warning in fit(store, user).warnings)
            liked = continuations(store, fresh * 3, 30_000, profile=user)
            wins = [
                (utility(a) > utility(b)) + 0.5 * (utility(a) == utility(b))
                for a, b in zip(liked, plain, strict=True)
            ]
            rates[user] = sum(wins) / len(wins)
    with capsys.disabled():
        sys.stdout.write(f"\nstories: {space['directions']} directions, win rates {rates}\n")
    assert rates["long"] > 0.6
    assert rates["short"] > 0.6
    assert rates["talk"] > 0.6
    assert rates["quiet"] > 0.55
