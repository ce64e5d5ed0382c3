"""A space at a glance: four pictures of one report in one figure.

Training curves, the fluency curve that sets the reach, how faithfully each direction comes back,
and where the base's own answers lie on the two most faithful directions. What a space does not
record is left out, and the place says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from prefcli.errors import PrefcliError, UsageError
from prefcli.latent.surface import BY_NAME
from prefcli.latent.verdict import GOOD, judge

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SUFFIXES = (".png", ".svg")
# Colours that a reader who sees no red or no green tells apart (Okabe & Ito 2008).
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072b2", "#d55e00", "#009e73", "#aa5599", "#767676"
# The terms of the loss that are drawn, and the panel's half that they belong to.
TERMS = {
    "reconstruction": ("reconstruction", BLUE),
    "kl": ("KL", ORANGE),
    "contrastive": ("contrastive", GREEN),
    "decorrelation": ("decorrelation", PURPLE),
}
INCHES, DOTS = (12.0, 9.6), 100  # 1200 by 960 px


def check_plot(path: str) -> None:
    """Refuse what could not be drawn, before anything is computed.

    Raises:
        UsageError: the name is empty or ends in neither .png nor .svg.
        PrefcliError: matplotlib is not there, or neither is the directory.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise UsageError(f"--plot {path!r}: name a file that ends in .png or .svg")
    if not Path(path).parent.is_dir():
        raise PrefcliError(f"cannot write {path}: there is no directory {Path(path).parent}")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise PrefcliError(
            "drawing needs matplotlib, which is not installed: pip install 'prefcli[plot]'"
        ) from error


def plot_space(
    description: Mapping[str, Any],
    prior_mean: npt.NDArray[np.floating[Any]],
    path: str | Path,
    name: str = "",
) -> None:
    """Draw a space.

    Args:
        description: What `space.json` holds: `report`, `history`, `rho`, `base`.
        prior_mean: The stored prior's means, (R, K).
        path: Where to; its suffix says whether PNG or SVG.
        name: What the space is called.

    Raises:
        UsageError, PrefcliError: as `check_plot`, or the file cannot be written.
    """
    check_plot(str(path))
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    report = description.get("report", {})
    look: dict[Any, Any] = {
        "font.size": 10.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 11.5,
        "svg.hashsalt": "prefcli",  # the same report gives the same file
        "text.parse_math": False,
    }
    with rc_context(look):
        layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12)
        figure = Figure(figsize=INCHES, dpi=DOTS, layout=layout, facecolor="white")
        FigureCanvasAgg(figure)
        panels = figure.subplots(2, 2)
        _training(panels[0, 0], description.get("history", []))
        _fluency(panels[0, 1], report, description.get("rho"))
        _consistency(panels[1, 0], report)
        _view(panels[1, 1], report, prior_mean)
        title = " ".join(filter(None, ("Space", name, "of base", description.get("base"))))
        figure.suptitle(
            f"{title}\n{fill(judge(report).summary, 132)}", x=0.01, ha="left", fontsize=11.5
        )
        plain: dict[str, Any] = {"Date": None} if Path(path).suffix.lower() == ".svg" else {}
        try:
            figure.savefig(path, metadata=plain or None)
        except OSError as error:
            raise PrefcliError(
                f"cannot write {path} ({error.strerror or error}): name another file"
            ) from error


def _training(axes: Any, history: list[Mapping[str, float]]) -> None:
    """The likelihood in nats on the left, the small terms on an axis of their own."""
    axes.set_title("Training: terms of the loss")
    if not history:
        _empty(axes, "this space kept no record of its training")
        return
    steps = [row["step"] for row in history]
    other = axes.twinx()
    other.spines["right"].set_visible(True)
    for term, (label, colour) in TERMS.items():
        if all(term in row for row in history):
            panel = axes if term == "reconstruction" else other
            panel.plot(steps, [row[term] for row in history], color=colour, label=label, lw=1.6)
    axes.set_xlabel("step")
    axes.set_ylabel("reconstruction, nats per answer", color=BLUE)
    other.set_ylabel("other terms, nats")
    axes.set_ylim(bottom=0)
    other.set_ylim(bottom=0)
    lines = axes.get_lines() + other.get_lines()
    axes.legend(lines, [line.get_label() for line in lines], frameon=False, loc="upper right")


def _fluency(axes: Any, report: Mapping[str, Any], rho: float | None) -> None:
    axes.set_title("Fluency: what text costs the base, against its own")
    curve = sorted((float(radius), value) for radius, value in report.get("fluency", {}).items())
    if not curve:
        _empty(axes, "not measured")
        return
    axes.axhspan(0, GOOD.text, color=GREEN, alpha=0.08, lw=0)
    axes.axhline(1, color=GREY, lw=1)
    axes.plot(*zip(*curve, strict=True), color=BLUE, marker="o", lw=1.8)
    axes.set_xlabel("distance from the middle, standard deviations")
    axes.set_ylabel("NLL per token, times the base's own")
    low = min(value for _, value in curve)
    axes.set_ylim(min(0.9, low - 0.05), max(1.2, *(value for _, value in curve)) + 0.05)
    if rho is not None:
        axes.axvline(rho, color=ORANGE, lw=1.6, ls="--")
        axes.annotate(
            f"reach (rho) {rho:g}",
            (rho, axes.get_ylim()[1]),
            (6, -14),
            textcoords="offset points",
            color=ORANGE,
        )
    axes.annotate(
        f"up to {100 * (GOOD.text - 1):.0f} % more is good",
        (curve[-1][0], GOOD.text),
        (0, 4),
        textcoords="offset points",
        ha="right",
        color=GREEN,
    )


def _consistency(axes: Any, report: Mapping[str, Any]) -> None:
    axes.set_title("Self-consistency: does a direction come back from its text?")
    values = report.get("consistency", [])
    if not values:
        _empty(axes, "not measured")
        return
    numbers = range(1, len(values) + 1)
    colours = [BLUE if value >= GOOD.consistency else ORANGE for value in values]
    axes.bar(numbers, values, color=colours, width=0.7)
    if ends := report.get("consistency_interval"):
        error = [
            [max(0.0, value - low) for value, (low, _) in zip(values, ends, strict=True)],
            [max(0.0, high - value) for value, (_, high) in zip(values, ends, strict=True)],
        ]
        axes.errorbar(numbers, values, error, fmt="none", ecolor="black", capsize=3, lw=1.1)
    axes.axhline(GOOD.consistency, color=GREY, lw=1, ls="--")
    axes.set_ylim(min(0.0, *values), 1)
    if len(values) <= 24:
        axes.set_xticks(list(numbers))
    axes.set_xlabel(f"direction (bars: 90 % intervals; {GOOD.consistency:g} or more is good)")
    axes.set_ylabel("round-trip correlation")


def _view(axes: Any, report: Mapping[str, Any], means: npt.NDArray[np.floating[Any]]) -> None:
    """The reference answers on the two most faithful directions, and what lies at their ends."""
    axes.set_title("The base's answers, on the two most faithful directions")
    values = report.get("consistency", [])
    order = sorted(range(means.shape[1]), key=lambda k: -values[k] if k < len(values) else 0.0)
    first, second = (order * 2)[:2]
    x = means[:, first]
    y = means[:, second] if second != first else 0 * x
    axes.scatter(x, y, s=14, color=BLUE, alpha=0.45, lw=0)
    reach = 1.12 * max(2.0, float(abs(x).max()), float(abs(y).max()))
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    told = {row["direction"]: row for row in report.get("directions_text", [])}
    arrow = {"arrowstyle": "->", "color": "black", "lw": 1.3}
    for k, tip in ((first, (0.97 * reach, 0.0)), (second, (0.0, 0.97 * reach))):
        if k == second and second == first:
            continue
        axes.annotate("", tip, (-tip[0], -tip[1]), arrowprops=arrow)
    axes.set_xlabel(_leads_to(first, told))
    if second != first:
        axes.set_ylabel(_leads_to(second, told))


def _leads_to(index: int, told: Mapping[int, Mapping[str, Any]]) -> str:
    """What lies at the far end, without the figures, for which there is no room."""
    row = told.get(index + 1, {})
    ends = [
        feature.more if each["high"] > each["low"] else feature.less
        for each in row.get("features", [])
        if (feature := BY_NAME.get(each["name"]))
    ]
    words = ", ".join(f'"{word}"' for word in row.get("words_high", []))
    parts = [*ends, f"words: {words}"] if words and not ends else ends
    return fill(f"direction {index + 1} → {', '.join(parts)}".rstrip(), 42)


def _empty(axes: Any, why: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", color=GREY, transform=axes.transAxes)
