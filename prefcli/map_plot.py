"""The map of a space as a picture: users as points with their names, what they judged faint.

Of very many users each cell of a fine grid shows one, so that a file of ten thousand opens as
quickly as one of ten and looks the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import numpy.typing as npt

from prefcli.errors import PrefcliError
from prefcli.map_labels import place_labels
from prefcli.plots import BLUE, GREEN, ORANGE, PURPLE
from prefcli.services.user_map import User, UserMap

Array = npt.NDArray[np.float64]

INCHES, DOTS = (10.0, 8.4), 110
PANEL = (0.1, 0.12, 0.87, 0.8)  # left, bottom, width and height within the picture
CELLS = 120  # of the grid that thins points, along each side
MOST_LABELS = 60
LONGEST_NAME = 24  # characters of a label
_POINT = 5.0  # radius, in points of 1/72 inch
GROUPS = (BLUE, ORANGE, GREEN, PURPLE, "#c08a00", "#4a90a4")
# Background, text, faint lines, and the answers: liked, and others.
LIGHT = {
    "paper": "white",
    "ink": "#222222",
    "line": "#d8d8d8",
    "liked": "#8fb8a0",
    "not": "#cfcfcf",
}
DARK = {
    "paper": "#16181d",
    "ink": "#e6e6e6",
    "line": "#3a3f48",
    "liked": "#3f6b55",
    "not": "#454b55",
}
ON_DARK = ("#56a9e8", "#f08a4b", "#3ccf9f", "#d48fd6", "#e6c14a", "#8cc7d6")


def thinned(points: Array, cells: int = CELLS) -> list[int]:
    """Indices of the points that are shown, one in each cell of a grid over all of them."""
    if len(points) <= cells:
        return list(range(len(points)))
    low, high = points.min(0), points.max(0)
    cell = np.floor((points - low) / np.maximum(high - low, 1e-12) * (cells - 1e-9)).astype(int)
    _, first = np.unique(cell, axis=0, return_index=True)
    return [int(each) for each in np.sort(first)]


def window_of(found: UserMap) -> tuple[float, float, float, float]:
    """Left, right, bottom and top: round the users and the middle of the base's answers."""
    at = np.array([user.at for user in found.users] + [(0.0, 0.0)])
    at = np.vstack([at, *(np.array(user.trail) for user in found.users if user.trail)])
    low, high = at.min(0), at.max(0)
    room = 0.14 * np.maximum(high - low, 1.0) + 0.35
    (left, bottom), (right, top) = low - room, high + room
    return float(left), float(right), float(bottom), float(top)


def headline(found: UserMap) -> str:
    """What the picture is of, in a line."""
    users = f"{len(found.users)} users" if len(found.users) != 1 else "1 user"
    kinds = len({user.group for user in found.users})
    in_groups = f" in {kinds} groups" if kinds > 1 else ""
    return f"{users}{in_groups} of space {found.space} (base {found.base})"


def by_turns(users: Sequence[User]) -> list[int]:
    """Indices of users so that each group has its turn: the first get labels first."""
    seen: dict[int, int] = {}
    turns = []
    for index, user in enumerate(users):
        turns.append((seen.get(user.group, 0), user.group, index))
        seen[user.group] = seen.get(user.group, 0) + 1
    return [index for _, _, index in sorted(turns)]


def plot_map(found: UserMap, path: str | Path, *, dark: bool = False) -> None:
    """Draw a map.

    Args:
        found: What to draw.
        path: Where to; its suffix says whether PNG or SVG.
        dark: Light on a dark background.

    Raises:
        PrefcliError: matplotlib is not there, or the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colours = DARK if dark else LIGHT
    look: dict[Any, Any] = {
        "font.size": 10.5,
        "svg.hashsalt": "prefcli",  # the same map gives the same file
        "text.parse_math": False,
        "text.color": colours["ink"],
        "axes.labelcolor": colours["ink"],
        "xtick.color": colours["ink"],
        "ytick.color": colours["ink"],
        "axes.edgecolor": colours["line"],
    }
    with rc_context(look):
        figure = Figure(figsize=INCHES, dpi=DOTS, facecolor=colours["paper"])
        FigureCanvasAgg(figure)
        axes = figure.add_axes(PANEL, facecolor=colours["paper"])
        axes.set_title(headline(found), loc="left", fontsize=12)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        ratio = PANEL[2] * INCHES[0] / (PANEL[3] * INCHES[1])
        left, right, bottom, top = _as_wide_as(window_of(found), ratio)
        axes.set_xlim(left, right)
        axes.set_ylim(bottom, top)
        axes.axhline(0, color=colours["line"], lw=0.8, zorder=0)
        axes.axvline(0, color=colours["line"], lw=0.8, zorder=0)
        _name_axes(axes, found)
        _draw(axes, figure, found, colours, ON_DARK if dark else GROUPS)
        plain: dict[str, Any] = {"Date": None} if Path(path).suffix.lower() == ".svg" else {}
        try:
            figure.savefig(path, metadata=plain or None, facecolor=colours["paper"])
        except OSError as error:
            raise PrefcliError(
                f"cannot write {path} ({error.strerror or error}): name another file"
            ) from error


def _draw(
    axes: Any, figure: Any, found: UserMap, colours: dict[str, str], groups: Sequence[str]
) -> None:
    for points, colour, label in (
        (found.others, colours["not"], "other judged answers"),
        (found.liked, colours["liked"], "answers judged good or better"),
    ):
        if len(points):
            axes.scatter(*points[thinned(points)].T, s=9, color=colour, lw=0, zorder=1, label=label)
    at = np.array([user.at for user in found.users])
    shown = set(thinned(at))
    order = [index for index in by_turns(found.users) if index in shown]
    small = len(order) > 400
    radius = _POINT * (0.5 if small else 1.0)
    for user in found.users:
        if user.trail:
            line = np.array([*user.trail, user.at])
            colour = groups[user.group % len(groups)]
            axes.plot(*line.T, color=colour, lw=0.9, alpha=0.6, zorder=2)
            axes.scatter(*line[:-1].T, s=12, color=colour, alpha=0.6, lw=0, zorder=2)
    axes.scatter(
        *at[order].T,
        s=(2 * radius) ** 2,
        color=[groups[found.users[i].group % len(groups)] for i in order],
        edgecolors=colours["paper"],
        lw=0.0 if small else 0.8,
        zorder=3,
    )
    base = axes.scatter(
        [0], [0], s=60, marker="+", color=colours["ink"], lw=1.4, zorder=3, label="the plain base"
    )
    base.set_clip_on(True)
    legend = axes.legend(
        loc="upper right",
        bbox_to_anchor=(1.0, 1.065),
        ncols=3,
        frameon=False,
        fontsize=9,
        borderaxespad=0,
        handletextpad=0.2,
    )
    legend.set_in_layout(False)
    figure.canvas.draw()
    pixels = axes.transData.transform(np.vstack([at[order], [[0.0, 0.0]]]))
    scale = figure.dpi / 72
    names = [_short(found.users[i].name) for i in order[: 4 * MOST_LABELS]]
    renderer = figure.canvas.get_renderer()
    sizes = []
    for name in names:
        text = figure.text(0, 0, name, fontsize=9.5)
        box = text.get_window_extent(renderer)
        sizes.append((box.width + 4 * scale, box.height + 2 * scale))
        text.remove()
    frame = axes.get_window_extent(renderer)
    window = (frame.x0, frame.y0, frame.x1, frame.y1)
    most = MOST_LABELS if len(order) <= 400 else MOST_LABELS // 2
    for each in place_labels([tuple(p) for p in pixels], sizes, window, radius * scale, most):
        x, y = axes.transData.inverted().transform((each.left + 2 * scale, each.bottom + scale))
        axes.text(x, y, names[each.index], fontsize=9.5, color=colours["ink"], zorder=4)


def _name_axes(axes: Any, found: UserMap) -> None:
    """What answers are like stands at the end where they lie, the shares of variance below."""
    small = {"transform": axes.transAxes, "fontsize": 10}
    across, up = found.axes
    if across.share or up.share:
        axes.set_xlabel(
            f"of what users differ in, {100 * across.share:.0f} % lies across and "
            f"{100 * up.share:.0f} % up",
            labelpad=24,
            fontsize=9,
        )
    # The blanks beside the arrows are such as lines are not broken at.
    if across.low:
        axes.text(0, -0.055, fill(f"←\xa0{across.low}", 52), va="top", ha="left", **small)
    if across.high:
        axes.text(1, -0.055, fill(f"{across.high}\xa0→", 52), va="top", ha="right", **small)
    turned = small | {"rotation": 90, "ha": "right"}
    if up.low:
        axes.text(-0.055, 0, fill(f"←\xa0{up.low}", 40), va="bottom", **turned)
    if up.high:
        axes.text(-0.055, 1, fill(f"{up.high}\xa0→", 40), va="top", **turned)


def _as_wide_as(
    window: tuple[float, float, float, float], ratio: float
) -> tuple[float, float, float, float]:
    """A window round another one, `ratio` times as wide as high: distances are true on paper."""
    left, right, bottom, top = window
    width = max(right - left, ratio * (top - bottom))
    x, y = (left + right) / 2, (bottom + top) / 2
    return x - width / 2, x + width / 2, y - width / ratio / 2, y + width / ratio / 2


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
