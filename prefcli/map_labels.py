"""Labels beside points so that none covers another: each takes the first free place round its own.

Whoever finds none goes without; the first in the list choose first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

GAP = 4.0  # between a point's middle and its label, beside the point's radius
# Right, left, above, below, then the corners: how much of the label lies left of and below it.
_PLACES = ((0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1), (0, 0), (1, 0), (0, 1), (1, 1))
_CELL = 60.0


@dataclass(frozen=True)
class Label:
    """Where a label stands.

    Args:
        index: Of its point.
        left, bottom: Its lower left corner, in the units of the points.
    """

    index: int
    left: float
    bottom: float


def place_labels(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    window: tuple[float, float, float, float],
    radius: float,
    most: int,
    taken: Sequence[tuple[float, float, float, float]] = (),
) -> list[Label]:
    """Find places.

    Args:
        points: All points, in pixels; those that have no label of `sizes` are still kept clear of.
        sizes: Width and height of the labels of the first points.
        window: Left, bottom, right and top, which no label leaves.
        radius: Of a point.
        most: Labels.
        taken: Rectangles that are no label's to cover, as `window`.
    """
    dots: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    for x, y in points:
        dots[int(x // _CELL), int(y // _CELL)].append((x, y))
    placed: list[tuple[float, float, float, float]] = list(taken)
    found: list[Label] = []
    for index, (width, height) in enumerate(sizes):
        x, y = points[index]
        for right, up in _PLACES:
            left = x - right * width + (0.5 - right) * 2 * (radius + GAP) * (right != 0.5)
            bottom = y - up * height + (0.5 - up) * 2 * (radius + GAP) * (right == 0.5 or up != 0.5)
            box = (left, bottom, left + width, bottom + height)
            inside = box[0] >= window[0] and box[1] >= window[1]
            inside = inside and box[2] <= window[2] and box[3] <= window[3]
            if inside and not _hits(box, placed) and not _covers(box, dots, radius):
                placed.append(box)
                found.append(Label(index, left, bottom))
                break
        if len(found) == most:
            break
    return found


def _hits(
    box: tuple[float, float, float, float], placed: Sequence[tuple[float, float, float, float]]
) -> bool:
    return any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
        for other in placed
    )


def _covers(
    box: tuple[float, float, float, float],
    dots: dict[tuple[int, int], list[tuple[float, float]]],
    radius: float,
) -> bool:
    low_x, low_y = box[0] - radius, box[1] - radius
    high_x, high_y = box[2] + radius, box[3] + radius
    return any(
        low_x < x < high_x and low_y < y < high_y
        for i in range(int(low_x // _CELL), int(high_x // _CELL) + 1)
        for j in range(int(low_y // _CELL), int(high_y // _CELL) + 1)
        for x, y in dots.get((i, j), ())
    )
