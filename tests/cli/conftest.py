"""How the tests of the command line run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from prefcli.cli import dialogue
from prefcli.cli.app import app

Run = Callable[..., Result]


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `prefcli WORDS` in this process, in a home of its own."""
    monkeypatch.delenv("PREFCLI_DEBUG", raising=False)

    def invoke(*words: str | Path, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], stdin, prog_name="prefcli")

    return invoke


def press(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    """A terminal in which these keys are pressed, then Ctrl-C."""
    monkeypatch.setattr(dialogue, "somebody_is_there", lambda: True)

    def pressed() -> Iterator[str]:
        yield from keys
        raise KeyboardInterrupt

    stream = pressed()
    monkeypatch.setattr(typer, "getchar", lambda: next(stream))


@pytest.fixture
def feedback_file(tmp_path: Path) -> Path:
    """Three pairs."""
    path = tmp_path / "feedback.jsonl"
    path.write_text(
        '{"prompt": "How do I cook rice?", "chosen": "Rinse it.", "rejected": "It depends."}\n'
        '{"prompt": "How do I boil an egg?", "chosen": "Ten minutes.", "rejected": "Well..."}\n'
        '{"prompt": "What is a kettle?", "chosen": "A pot.", "rejected": "A pot, but louder."}\n'
    )
    return path
