"""The two pictures of docs/benchmarks.md: win rate by answers given, quality by seconds spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import statistics
from benchmarks.peers.names import LABELS, LEARNERS
from benchmarks.tables import SIZES, cells_of, references
from prefcli.plots import BLUE, GREEN, GREY, ORANGE, PURPLE

LOOK: dict[str, Any] = {
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.5,
    "svg.hashsalt": "prefcli",  # the same results give the same file
}
STYLES = {
    "prefcli": (BLUE, "o", 2.4),
    "latent_dpo": (GREEN, "s", 1.4),
    "steering_z": ("#56b4e9", "v", 1.4),
    "steering_hidden": (PURPLE, "^", 1.4),
    "in_context": ("#b0a030", "P", 1.4),
    "lora_dpo": (ORANGE, "D", 2.0),
    "prefix_dpo": ("#cc79a7", "X", 1.4),
    "p_tuning_dpo": (GREY, "*", 1.4),
}
LEAST_SECONDS = 1e-3


def by_answers(results: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Win rate over the number of answers, a panel per task."""

    def draw(axes: Any, found: Mapping[str, Any]) -> None:
        for name in LEARNERS:
            points = [(s, statistics.win_rate(cells_of(found, name, s))) for s in SIZES]
            kept = [(s, e) for s, e in points if e is not None]
            if not kept:
                continue
            colour, marker, width = STYLES[name]
            axes.plot(
                [s for s, _ in kept],
                [e.mean for _, e in kept],
                color=colour,
                marker=marker,
                linewidth=width,
                label=LABELS[name],
                zorder=3 if name == "prefcli" else 2,
            )
            axes.fill_between(
                [s for s, _ in kept],
                [e.low for _, e in kept],
                [e.high for _, e in kept],
                color=colour,
                alpha=0.12,
                linewidth=0,
            )
        axes.set_xscale("log")
        ticks = sorted({c["size"] for c in found["cells"] if c["size"]})
        axes.set_xticks(ticks, [str(t) for t in ticks])
        axes.minorticks_off()
        axes.set_xlabel("answers given (pairs)")

    _figure(results, path, draw)


def by_seconds(results: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Win rate over the seconds that a user costs; a point per number of pairs, lines join them."""

    def draw(axes: Any, found: Mapping[str, Any]) -> None:
        for name in LEARNERS:
            points = []
            for size in SIZES:
                own = cells_of(found, name, size)
                spent, rate = statistics.seconds(own, "whole"), statistics.win_rate(own)
                if spent is not None and rate is not None:
                    points.append((max(spent, LEAST_SECONDS), rate.mean, size))
            if not points:
                continue
            colour, marker, width = STYLES[name]
            axes.plot(
                [p[0] for p in points],
                [p[1] for p in points],
                color=colour,
                marker=marker,
                linewidth=width,
                alpha=0.9,
                label=LABELS[name],
            )
            if name in ("prefcli", "lora_dpo"):
                for spent, rate, size in points:
                    axes.annotate(
                        str(size), (spent, rate), (0, 6), textcoords="offset points",
                        fontsize=8.5, color=colour, ha="center",
                    )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda *_: "")
        axes.set_xlabel("CPU seconds per user, encoding included")

    _figure(results, path, draw)


def _figure(results: Mapping[str, Mapping[str, Any]], path: Path, draw: Any) -> None:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with rc_context(LOOK):
        figure = Figure(
            figsize=(1.5 + 4.6 * len(results), 5.0),
            layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1),
            facecolor="white",
        )
        FigureCanvasAgg(figure)
        panels: Sequence[Any] = figure.subplots(1, len(results), sharey=True, squeeze=False)[0]
        for axes, (task, found) in zip(panels, results.items(), strict=True):
            for name, style in (("best_of_16", ":"), ("oracle", "--")):
                rate = statistics.win_rate(references(found, name))
                if rate is not None:
                    axes.axhline(
                        rate.mean, color="#444444", linestyle=style, linewidth=1, label=LABELS[name]
                    )
            axes.axhline(0.5, color="#bbbbbb", linewidth=1)
            draw(axes, found)
            axes.set_title(task)
        panels[0].set_ylabel("win rate against the base")
        handles: dict[str, Any] = {}
        for axes in panels:
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False
        )
        plain: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, metadata=plain or None, dpi=110)
