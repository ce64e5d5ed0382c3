"""`prefcli config`: a flag goes before a setting, and a setting before the default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prefcli.cli import completion
from prefcli.cli import generate as command
from prefcli.services.settings import SETTINGS
from prefcli.store import Store
from tests.cli.conftest import Run


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `generate` would have asked the service for."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(command, "_answer", lambda _, __, ___, sampling: calls.append(sampling))
    return calls


def test_a_flag_goes_before_a_setting_and_a_setting_before_the_default(
    run: Run, asked: list[dict[str, Any]]
) -> None:
    for name, value in (("temperature", "0.3"), ("max-new-tokens", "12"), ("log", "on")):
        assert run("config", "set", name, value).exit_code == 0
    assert run("generate", "Why?").exit_code == 0
    assert run("generate", "Why?", "--temperature", "0.9", "--no-log").exit_code == 0
    run("config", "unset", "temperature")
    assert run("generate", "Why?").exit_code == 0
    names = ("temperature", "max_new_tokens", "log", "top_p")
    assert [tuple(call[name] for name in names) for call in asked] == [
        (0.3, 12, True, 0.95),
        (0.9, 12, False, 0.95),
        (0.8, 12, True, 0.95),
    ]


def test_a_bad_value_in_the_catalog_is_one_line_and_code_two(
    run: Run, asked: list[dict[str, Any]]
) -> None:
    with Store.open() as store:
        store.set_settings(temperature="warm")
    result = run("generate", "Why?")
    assert (result.exit_code, asked, result.stderr.count("\n")) == (2, [], 1)
    assert run("config", "unset", "temperature").exit_code == 0


def test_the_list_says_where_each_value_comes_from(run: Run, home: Path) -> None:
    run("config", "set", "top-p", "0.5")
    rows = [json.loads(line) for line in run("config", "list", "--jsonl").stdout.splitlines()]
    assert {row["setting"]: (row["value"], row["origin"]) for row in rows} == {
        "home": (str(home), "PREFCLI_HOME"),
        "base": ("tiny", "default"),
        "space": ("tiny", "default"),
        "temperature": (0.8, "default"),
        "top-p": (0.5, "catalog"),
        "max-new-tokens": (256, "default"),
        "log": (False, "default"),
    }
    assert run("config", "get", "log").stdout == "off\n"
    run("config", "set", "space", "tiny")
    assert json.loads(run("config", "get", "base", "--json").stdout)["origin"] == "catalog"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("set", "temperature", "hot"), 2),
        (("set", "temperature", "nan"), 2),
        (("set", "top-p", "1.5"), 2),
        (("set", "max-new-tokens", "0"), 2),
        (("set", "log", "perhaps"), 2),
        (("set", "seed", "1"), 2),
        (("set", "home", "/elsewhere"), 2),
        (("get", "nothing"), 2),
        (("set", "base", "nobody"), 66),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    run: Run, words: tuple[str, ...], code: int
) -> None:
    result = run("config", *words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (code, "", 1)


def test_the_defaults_are_those_of_the_command_and_completion_knows_them_all(run: Run) -> None:
    page = run("generate", "--help").stdout
    for name, setting in SETTINGS.items():
        if name not in ("base", "space", "log"):
            assert f"default: {setting.default}" in " ".join(page.split())
    assert completion.settings("") == list(SETTINGS)
