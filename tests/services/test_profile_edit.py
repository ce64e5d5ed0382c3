"""Editing by examples: the point moves toward what is shown, and back when sides are swapped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from prefcli.errors import DataError, NotFoundError, UsageError
from prefcli.services.generate import generate
from prefcli.services.profile_edit import edit
from prefcli.services.profile_report import report_profile
from prefcli.services.profiles import open_profile, stored_profile
from prefcli.store import Store
from tests.made_profiles import add_profile

QUESTIONS = ("How do I cook rice?", "What is a kettle?", "How do I boil an egg?")


@pytest.fixture
def sides(fitted: Store, tmp_path: Path) -> tuple[str, str]:
    """Files of what bob gets, and of what alice gets."""
    files = []
    for user in ("bob", "alice"):
        path = tmp_path / f"{user}.jsonl"
        rows = [
            {"prompt": q, "response": generate(fitted, q, profile=user, seed=s).response}
            for q in QUESTIONS
            for s in range(2)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        files.append(str(path))
    return files[0], files[1]


def point(store: Store, name: str) -> np.ndarray:
    z = open_profile(stored_profile(store, name)).z
    assert z is not None
    return z


def test_a_profile_moves_toward_the_examples_the_more_the_stronger(
    fitted: Store, sides: tuple[str, str]
) -> None:
    bob, alice = sides
    add_profile(fitted, "carol", 0.0, 0.0, 1.0)
    start = point(fitted, "carol@1")
    aim = point(fitted, "bob") - point(fitted, "alice")
    reached = [float(start @ aim)]
    for strength in (0.2, 1.0, 5.0):
        made = edit(fitted, "carol@1", [bob], [alice], strength=strength)
        reached.append(float(point(fitted, made["profile"]) @ aim))
        assert (made["origin"], made["parents"], made["warnings"]) == ("edit", ["carol@1"], [])
    assert reached == sorted(reached)
    assert reached[-1] > 0


def test_swapping_the_sides_turns_the_direction_round(
    fitted: Store, sides: tuple[str, str]
) -> None:
    add_profile(fitted, "carol", 0.0)  # prefers nothing, so the examples decide alone
    there = point(fitted, edit(fitted, "carol@1", [sides[0]], [sides[1]])["profile"])
    back = point(fitted, edit(fitted, "carol@1", [sides[1]], [sides[0]])["profile"])
    assert back == pytest.approx(-there, abs=1e-5)


def test_plain_texts_are_read_after_the_users_own_prompts(fitted: Store, tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("Rinse it.\n")
    made = edit(fitted, "alice", [str(path)])
    assert made["version"] == 2
    add_profile(fitted, "carol", 1.0)
    with pytest.raises(UsageError, match="--prompt"):
        edit(fitted, "carol", [str(path)])
    assert edit(fitted, "carol", [str(path)], prompt="How do I cook rice?")["version"] == 2


def test_what_cannot_be_gone_by_is_refused_and_adds_no_version(
    fitted: Store, sides: tuple[str, str], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "fine"}\n{"text": 3}\n')
    with pytest.raises(DataError, match=r"bad\.jsonl:2"):
        edit(fitted, "alice", [str(bad)])
    with pytest.raises(DataError, match="the same"):
        edit(fitted, "alice", [sides[0]], [sides[0]])
    with pytest.raises(NotFoundError, match="no such file"):
        edit(fitted, "alice", ["nowhere"])
    with pytest.raises(UsageError, match="--strength"):
        edit(fitted, "alice", [sides[0]], strength=0)
    with pytest.raises(UsageError, match="nothing to go by"):
        edit(fitted, "alice")
    assert stored_profile(fitted, "alice").version == 1


def test_what_the_judgements_say_is_not_told_of_an_edited_profile(
    fitted: Store, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("What a lovely question! Keep the heat low while the rice cooks.")
    edit(fitted, "alice", [str(text)])
    found = report_profile(fitted, "alice")
    assert (found["origin"], found["parents"]) == ("edit", ["alice@1"])
    assert found["certainty"] is found["influence"] is found["contradictions"] is None
    assert report_profile(fitted, "alice@1")["influence"] is not None
