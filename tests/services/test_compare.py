"""Comparing profiles: each answer is what `generate` gives with the same seed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from prefcli.errors import NotFoundError, UsageError
from prefcli.services.compare import compare
from prefcli.services.generate import generate
from prefcli.store import Store
from tests.cli.conftest import Run, run  # noqa: F401 (a fixture)

PROMPT = "How do I cook rice?"


def test_each_answer_is_what_generate_gives(fitted: Store) -> None:
    names = ["alice", "none", "alice=1,bob=1", "bob"]
    found = compare(fitted, PROMPT, names, seed=4, log=True)
    for name, answer in zip(names, found, strict=True):
        alone = generate(fitted, PROMPT, profile=None if name == "none" else name, seed=4)
        assert replace(answer, log_id=None) == alone
    assert len(list(fitted.generations())) == 4


def test_one_profile_or_nobodys_is_refused(fitted: Store) -> None:
    for names in ([], ["alice"], ["alice"] * 17):
        with pytest.raises(UsageError, match="compare 2 to 16"):
            compare(fitted, PROMPT, names)
    with pytest.raises(NotFoundError):
        compare(fitted, PROMPT, ["alice", "nobody"])


def test_side_by_side_fits_80_columns_and_json_has_all(
    fitted: Store,
    run: Run,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PREFCLI_HOME", str(fitted.home))
    words = ("compare", "-p", "alice", "-p", "bob", "-p", "none", "--seed", "1", PROMPT)
    lines = run(*words).stdout.splitlines()
    assert lines[0].split() == ["alice@1", "bob@1", "tiny", "(no", "profile)"]
    assert max(map(len, lines)) <= 80
    answers = json.loads(run(*words, "--json").stdout)["answers"]
    assert [answer["profile"] for answer in answers] == ["alice", "bob", None]
    assert run("compare", "-p", "alice", PROMPT).exit_code == 2
