"""A picture of a space holds what the space records, and is the same every time."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prefcli import plots
from prefcli.errors import PrefcliError

pytest.importorskip("matplotlib", reason="the plot extra brings matplotlib")

MEANS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
ROWS = [
    {"step": step, "reconstruction": 9 + 1 / step, "kl": 0.5, "contrastive": 1 / step}
    for step in range(1, 20)
]
DESCRIPTION: dict[str, Any] = {
    "base": "mine",
    "rho": 2.5,
    "history": ROWS,
    "report": {
        "contrastive_accuracy": 0.9,
        "fluency": {"1.0": 0.99, "2.5": 1.04, "5.0": 1.6},
        "consistency": [0.5, 0.9, 0.8],
        "consistency_interval": [[0.4, 0.6], [0.85, 0.95], [0.7, 0.9]],
        "directions_text": [
            {"direction": 2, "features": [{"name": "words", "low": 12, "high": 30}]},
            {"direction": 3, "features": [], "words_high": ["$x_1$"]},
        ],
    },
}


def drawn(description: dict[str, Any], tmp_path: Path, means: np.ndarray = MEANS) -> str:
    target = tmp_path / "space.svg"
    # As text and not as outlines, to see what is written.
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        plots.plot_space(description, means, target, "everyday")
    return target.read_text(encoding="utf-8")


def test_the_figure_says_what_the_space_records(tmp_path: Path) -> None:
    text = drawn(DESCRIPTION, tmp_path)
    for part in (
        "Space everyday of base mine",
        "reach (rho) 2.5",
        "contrastive",
        "reconstruction, nats per answer",
        "direction 2 → longer",
        "direction 3 → words: &quot;$x_1$&quot;",
    ):
        assert part in text or part.replace("&quot;", '"') in text, part


def test_what_a_space_does_not_record_is_said_to_be_missing(tmp_path: Path) -> None:
    text = drawn({"report": {}}, tmp_path, MEANS[:, :1])
    assert "this space kept no record of its training" in text
    assert text.count("not measured") == 2


def test_the_same_space_gives_the_same_file(tmp_path: Path) -> None:
    assert drawn(DESCRIPTION, tmp_path) == drawn(DESCRIPTION, tmp_path)


def test_without_matplotlib_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return usual(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(PrefcliError, match=r"not installed: pip install 'prefcli\[plot\]'"):
        plots.plot_space(DESCRIPTION, MEANS, tmp_path / "space.png")
