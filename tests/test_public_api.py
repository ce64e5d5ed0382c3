"""`import prefcli` is the API, costs nothing and hides nothing."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import prefcli

ROOT = Path(prefcli.__file__).parents[1]


def test_all_names_what_there_is_in_order() -> None:
    assert prefcli.__all__ == [
        "DataError",
        "Feedback",
        "Message",
        "NotFoundError",
        "PrefcliError",
        "Profile",
        "Store",
        "UsageError",
        "__version__",
        "add_base",
        "blind_scores",
        "blind_test",
        "evaluate",
        "fit",
        "fit_all",
        "generate",
        "generate_batch",
        "ingest",
        "train_space",
    ]


@pytest.mark.parametrize("name", prefcli.__all__)
def test_every_name_can_be_had_and_is_listed(name: str) -> None:
    assert getattr(prefcli, name) is not None
    assert name in dir(prefcli)


def test_what_type_checkers_see_is_what_runs() -> None:
    """The imports under TYPE_CHECKING and the table of lazy names are one list, written twice."""
    tree = ast.parse(Path(prefcli.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module
        for block in ast.walk(tree)
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == prefcli._HOMES
    assert sorted([*seen, "__version__"]) == prefcli.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        prefcli.fitt  # noqa: B018


def test_importing_the_package_imports_nothing_else() -> None:
    program = (
        "import sys; before = set(sys.modules); import prefcli; print(set(sys.modules) - before)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert {name.split(".")[0] for name in ast.literal_eval(result.stdout)} <= {
        "prefcli",
        "typing",
        "__future__",
        *sys.stdlib_module_names,
    }


def test_the_api_finds_its_errors_in_one_tree() -> None:
    for error in (prefcli.UsageError, prefcli.DataError, prefcli.NotFoundError):
        assert issubclass(error, prefcli.PrefcliError)


def test_the_installed_version_is_the_package_s() -> None:
    try:
        installed = importlib.metadata.version("prefcli")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("prefcli runs from a checkout without being installed")
    assert installed == prefcli.__version__
