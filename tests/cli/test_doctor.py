"""`prefcli doctor`: a line for each thing, JSON with the same, and 1 where something is bad."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefcli.services import doctor
from prefcli.store import Store
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing torch takes seconds."""
    monkeypatch.setattr(doctor, "check_device", lambda: iter(()))


def test_what_is_well_is_told_line_by_line_and_the_code_is_zero(run: Run) -> None:
    result = run("doctor")
    assert (result.exit_code, result.stderr) == (0, "")
    assert all(line.startswith("ok       ") for line in result.stdout.splitlines())


def test_what_is_bad_has_its_remedy_below_and_the_code_is_one(run: Run, tmp_path: Path) -> None:
    with Store.open() as store:
        store.add_base("gone", str(tmp_path / "gone"), None, None, "x", {})
    result = run("doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    (number,) = [i for i, line in enumerate(lines) if line.startswith("bad      base gone: ")]
    assert lines[number + 1].startswith("         -> restore it")
    told = json.loads(run("doctor", "--json").stdout)
    assert told["state"] == "bad"
    assert set(told["findings"][0]) == {"state", "topic", "told", "remedy"}
