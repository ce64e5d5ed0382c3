"""Fixtures that every part of the tests may use."""

from __future__ import annotations

import os
from pathlib import Path

# Small models gain nothing from threads, and threads that wait for each other cost a busy machine
# five times the time. Set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The directory of real files that lies beside the repository on a developer's machine."""
    if not _SHARED_DATA.is_dir():
        pytest.skip("the real data files are not beside this checkout (../shared/data)")
    return _SHARED_DATA


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh catalog directory for this test alone."""
    directory = tmp_path / "home"
    monkeypatch.setenv("PREFCLI_HOME", str(directory))
    return directory
