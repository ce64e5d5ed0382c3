"""The whole road through the command line, on the built-in base and the starter feedback."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from prefcli import bar
from prefcli.cli.app import app
from prefcli.feedback.records import text_prompt
from prefcli.store import Store

PROFILES = Path(__file__).parents[2] / "profiles"
FIELDS = (PROFILES.parent / "docs" / "json.md").read_text(encoding="utf-8")
PROMPT = "How do I cook rice?"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home in which alice and bob are fitted."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        # A slow machine must not add lines of progress to what the tests compare.
        patch.setattr(bar, "NOTE_INTERVAL", math.inf)
        for user in ("alice", "bob"):
            prefcli(home, "ingest", PROFILES / f"{user}.jsonl", "--user", user)
        prefcli(home, "fit", "--all")
        with Store.open(home) as store:
            store.add_pick(
                *("alice", 1),
                base="tiny",
                prompt=text_prompt(PROMPT),
                of_base="a",
                of_profile="b",
                profile_first=True,
                choice="profile",
                seed=0,
                settings={"strength": 1.0},
            )
        yield home


def prefcli(home: Path, *words: str | Path, stdin: str | None = None, code: int = 0) -> Result:
    """Run `prefcli WORDS` and insist on its exit code; where it is 0, stderr warns at most."""
    result = CliRunner(env={"PREFCLI_HOME": str(home)}).invoke(
        app, [str(word) for word in words], stdin, prog_name="prefcli"
    )
    assert result.exit_code == code, result.stderr
    if code == 0:
        told = ("prefcli: warning: ", "prefcli: the first ")
        assert all(line.startswith(told) for line in result.stderr.splitlines())
    return result


def answer(home: Path, *words: str) -> str:
    return prefcli(home, "generate", PROMPT, "--seed", "3", "--max-new-tokens", "40", *words).stdout


def test_what_streams_is_what_json_says(home: Path) -> None:
    streamed = answer(home, "--profile", "alice")
    found = json.loads(answer(home, "--profile", "alice", "--json"))
    assert streamed == found["response"] + "\n"
    assert (found["profile"], found["version"], found["seed"]) == ("alice", 1, 3)


def documented(heading: str) -> set[str]:
    """The fields in the tables below a heading of docs/json.md."""
    section = FIELDS.split(f"## {heading}\n")[1].split("\n## ")[0]
    return {
        name
        for row in section.splitlines()
        if row.startswith("| `")
        for name in re.findall("`(.*?)`", row.split("|")[1])
    }


@pytest.mark.parametrize(
    ("headings", "words"),
    [
        (["ingest --json"], ["ingest", PROFILES / "bob.jsonl", "--user", "bob", "--json"]),
        (
            ["ingest --fit --json", "ingest --json"],
            ["ingest", PROFILES / "bob.jsonl", "--user", "bob", "--fit", "--json"],
        ),
        (
            ["ingest --dry-run --json", "ingest --json"],
            ["ingest", PROFILES / "bob.jsonl", "--user", "bob", "--dry-run", "--json"],
        ),
        (["undo --json"], ["undo", "--json"]),
        (["forget --json"], ["forget", "--user", "bob", "--yes", "--json"]),
        (["feedback rm --json"], ["feedback", "rm", "1", "--json"]),
        (["ingest --list-formats --jsonl"], ["ingest", "--list-formats", "--jsonl"]),
        (["fit --json"], ["fit", "--user", "alice", "--json"]),
        (["generate --json"], ["generate", "hi", "--max-new-tokens", "1", "--json"]),
        (
            ["eval --json"],
            ["eval", "-u", "alice", "-n", "1", "--answers", "1", "--max-new-tokens", "1", "--json"],
        ),
        (["ab --score --jsonl"], ["ab", "--score", "--jsonl"]),
        (["profile list --jsonl"], ["profile", "list", "-n", "1", "--jsonl"]),
        (["profile starters --jsonl"], ["profile", "starters", "-n", "1", "--jsonl"]),
        (
            ["profile show --json", "profile list --jsonl", "fit --json"],
            ["profile", "show", "alice", "--json"],
        ),
        (["feedback list --jsonl"], ["feedback", "list", "-n", "1", "--jsonl"]),
        (["base list --jsonl"], ["base", "list", "--jsonl"]),
        (["base list --jsonl"], ["base", "show", "--json"]),
        (["space list --jsonl"], ["space", "list", "--jsonl"]),
        (["space show --json", "space list --jsonl"], ["space", "show", "--json"]),
        (["path --json"], ["path", "--json"]),
    ],
)
def test_json_has_the_fields_that_are_documented(
    home: Path, tmp_path: Path, headings: list[str], words: list[str | Path]
) -> None:
    own = shutil.copytree(home, tmp_path / "home")
    expected = {name for heading in headings for name in documented(heading)}
    if "profile show --json" in headings:  # what was said once is not kept
        expected -= {"warnings"}
    printed = prefcli(own, *words).stdout.splitlines() if "--jsonl" in words else None
    text = printed[0] if printed else prefcli(own, *words).stdout
    assert set(json.loads(text)) == expected


def test_base_alice_and_bob_answer_differently(home: Path) -> None:
    records = [
        {"prompt": PROMPT, "profile": name, "seed": seed}
        for name in (None, "alice", "bob")
        for seed in range(4)
    ]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    words = ("generate", "--batch", "-", "--max-new-tokens", "40")
    answers = [
        json.loads(line)["response"]
        for line in prefcli(home, *words, stdin=lines).stdout.splitlines()
    ]
    assert len({tuple(answers[start : start + 4]) for start in (0, 4, 8)}) == 3


def test_strength_zero_is_exactly_the_base(home: Path) -> None:
    assert answer(home, "--profile", "alice", "--strength", "0") == answer(home)


def test_the_prompt_may_come_through_a_pipe(home: Path) -> None:
    piped = prefcli(
        home, "generate", "--seed", "3", "--max-new-tokens", "40", stdin=PROMPT + "\n"
    ).stdout
    assert piped == answer(home)


def test_a_batch_of_mixed_profiles_is_what_one_at_a_time_gives(home: Path) -> None:
    names = (None, "alice", "bob@1")
    lines = "".join(
        json.dumps({"prompt": PROMPT, "id": number} | ({"profile": name} if name else {})) + "\n"
        for number, name in enumerate(names)
    )
    words = ("generate", "--batch", "-", "--seed", "3", "--max-new-tokens", "40")
    records: list[dict[str, Any]] = [
        json.loads(line) for line in prefcli(home, *words, stdin=lines).stdout.splitlines()
    ]
    assert [record["id"] for record in records] == [0, 1, 2]
    assert [record["seed"] for record in records] == [3, 4, 5]
    for name, record in zip(names, records, strict=True):
        own = ["--seed", str(record["seed"]), *(["--profile", name] if name else [])]
        one = answer(home, *own)  # the later of two seeds counts
        assert record["response"] + "\n" == one


def test_a_bad_record_in_a_batch_does_not_stop_the_others(home: Path) -> None:
    lines = '{"prompt": "How do I cook rice?"}\n{"prompt": 3}\n{"prompt": "x", "profile": "eve"}\n'
    words = ("generate", "--batch", "-", "--max-new-tokens", "4")
    result = prefcli(home, *words, stdin=lines, code=65)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert ["error" in record for record in records] == [False, True, True]
    assert result.stderr.count("\n") == 1


def test_a_bad_record_may_have_any_fields(home: Path) -> None:
    lines = '{"prompt": 3, "warnings": 5}\n{"prompt": "How do I cook rice?"}\n'
    words = ("generate", "--batch", "-", "--batch-size", "1", "--max-new-tokens", "4")
    result = prefcli(home, *words, stdin=lines, code=65)
    bad, good = map(json.loads, result.stdout.splitlines())
    assert (bad["warnings"], good["warnings"]) == (5, [])


def test_what_was_fitted_is_listed_and_shown(home: Path) -> None:
    rows = [
        json.loads(line)
        for line in prefcli(home, "profile", "list", "--jsonl").stdout.split("\n")
        if line
    ]
    assert {row["profile"] for row in rows} == {"alice@1", "bob@1"}
    shown = json.loads(prefcli(home, "profile", "show", "alice@1", "--json").stdout)
    assert (shown["user"], shown["version"]) == ("alice", 1)
    assert prefcli(home, "profile", "show", "alice").stdout.startswith("profile ")


def test_the_demo_shows_three_answers_its_steps_and_what_to_do(home: Path, tmp_path: Path) -> None:
    untouched = tmp_path / "untouched"
    lines = prefcli(untouched, "demo").stdout.splitlines()
    assert lines[0].startswith("alice likes it short")
    assert lines[1].startswith("bob likes it formal")
    assert lines[3] == PROMPT
    assert lines[5].split() == ["base", "alice", "bob"]
    assert any(line.split() == ["STEP", "TIME"] for line in lines)
    assert lines[-1].strip().startswith("prefcli generate --profile alice")
    assert max(map(len, lines)) <= 80
    assert not untouched.exists()
