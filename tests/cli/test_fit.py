"""`prefcli fit`: words in, one service call, a table or JSON out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from prefcli.services import fit as service
from prefcli.services.fit import FitReport
from tests.cli.conftest import Run


def report(user: str, **changes: Any) -> FitReport:
    fields: dict[str, Any] = {
        "user": user,
        "profile": f"{user}@1",
        "version": 1,
        "space": "tiny",
        "method": "linear",
        "pairs": 12,
        "thumbs": 3,
        "kinds": {"pair": 12, "thumb": 3},
        "prompts": 10,
        "train_accuracy": 0.98,
        "heldout_accuracy": None,
        "others_share": 0.0,
        "half_life": None,
        "encode_seconds": 1.234,
        "solve_seconds": 0.0021,
        "validate_seconds": 0.01,
        "bytes": 3210,
        "bits_per_byte": 1.5,
        "learned": {"verdict": "yes", "accuracy": 0.825, "interval": [0.7, 0.9]},
        "warnings": [],
    }
    return FitReport(**(fields | changes))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the command asked of the service, which answers without fitting."""
    asked: list[tuple[Any, ...]] = []

    def fit(store: Any, user: str, *, space: str | None, progress: Any, **more: Any) -> FitReport:
        asked.append((user, space, *more.values()))
        progress("encoding answers", 1, 2)
        return report(user, warnings=["this feedback is outside the world of base tiny"])

    def fit_all(
        store: Any, *, space: str | None, progress: Any, **more: Any
    ) -> Iterator[FitReport]:
        asked.append((None, space, *more.values()))
        yield from map(report, ("alice", "bob"))

    monkeypatch.setattr(service, "fit", fit)
    monkeypatch.setattr(service, "fit_all", fit_all)
    return asked


def test_one_user_is_a_row_and_warnings_go_to_stderr(run: Run, calls: list[Any]) -> None:
    result = run("fit", "--user", "alice", "--space", "everyday")
    assert calls == [("alice", "everyday", "bradley-terry", None)]
    head, row, learned = result.stdout.splitlines()
    assert head.split()[:3] == ["PROFILE", "PAIRS", "THUMBS"]
    assert " ".join(row.split()) == "alice@1 12 3 10 0.98 - 1.23 s 2.1 ms 3.21 KB"
    assert learned == (
        "learned something: right 82 % of the time on prompts kept out of the fit (70 to 90 %; a "
        "guess: 50 %)"
    )
    assert result.stderr == (
        "prefcli: warning: alice: this feedback is outside the world of base tiny\n"
    )


def test_json_has_the_documented_fields(run: Run, calls: list[Any]) -> None:
    fitted = json.loads(run("fit", "--user", "alice", "--json").stdout)
    assert fitted["heldout_accuracy"] is None
    assert fitted.keys() >= {
        "user",
        "profile",
        "version",
        "space",
        "method",
        "pairs",
        "prompts",
        "train_accuracy",
        "heldout_accuracy",
        "encode_seconds",
        "solve_seconds",
        "bytes",
    }


def test_all_is_a_line_per_user(run: Run, calls: list[Any]) -> None:
    lines = run("fit", "--all", "--jsonl").stdout.splitlines()
    assert [json.loads(line)["user"] for line in lines] == ["alice", "bob"]
    *table, learned = run("fit", "--all").stdout.splitlines()
    assert len(table) == 3
    assert learned == "something learned: alice, bob"
    assert calls == [(None, None, None, None, False)] * 2


def test_the_method_is_passed_on(run: Run, calls: list[Any]) -> None:
    run("fit", "--user", "alice", "--method", "latent-dpo", "--json")
    run("fit", "--all", "--method", "latent-dpo")
    assert [call[:3] for call in calls] == [
        ("alice", None, "latent-dpo"),
        (None, None, "latent-dpo"),
    ]


@pytest.mark.parametrize(
    "words", [[], ["--user", "a", "--all"], ["--all", "--json"], ["-u", "a", "--json", "--jsonl"]]
)
def test_words_that_do_not_fit_together_are_a_usage_error(
    run: Run, calls: list[Any], words: list[str]
) -> None:
    result = run("fit", *words)
    assert (result.exit_code, result.stdout, calls) == (2, "", [])
    assert result.stderr.count("\n") == 1


def test_a_half_life_and_force_reach_the_service(run: Run, calls: list[Any]) -> None:
    run("fit", "--user", "alice", "--half-life", "90")
    run("fit", "--all", "--force")
    assert calls == [
        ("alice", None, "bradley-terry", 90.0),
        (None, None, None, None, True),
    ]
    refused = run("fit", "--user", "alice", "--force")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == "prefcli: error: --force is for --all: --user fits in any case\n"
