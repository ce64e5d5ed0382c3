"""A wheel, installed where no checkout is near, has everything that the demonstration needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pytest.importorskip("hatchling", reason="the test extra brings hatchling")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", folder, ROOT),
        ],
        check=True,
    )
    (built,) = folder.glob("prefcli-*.whl")
    return built


def test_the_wheel_holds_weights_starter_profiles_and_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder, target in (
        ("prefcli/tiny", "prefcli/tiny"),
        ("profiles", "prefcli/starter_profiles"),
    ):
        data = {
            f"{target}/{path.relative_to(ROOT / folder)}"
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert data
        assert data - names == set()
    assert "prefcli/tiny/base/model.safetensors" in names
    assert "prefcli/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests", "docs", "benchmarks")) for name in names)


def test_the_demo_runs_from_the_wheel_in_an_empty_directory(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet"),
            *("--no-deps", "--no-index", wheel),
        ],
        check=True,
    )
    # The dependencies are those of this environment, behind what was just installed.
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    hidden = {"PYTHONPATH", "PREFCLI_HOME", "VIRTUAL_ENV"}
    result = subprocess.run(
        [environment / "bin" / "prefcli", "demo"],
        cwd=empty,
        env={name: value for name, value in os.environ.items() if name not in hidden}
        | {"HOME": str(empty), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert not re.search("warning|error", result.stderr, re.IGNORECASE)
    assert "alice" in result.stdout
    assert "bob" in result.stdout
    assert list(empty.iterdir()) == []
