"""Where users stand beside each other: two axes, who is near whom, and groups.

The axes are the two of largest variance over the users' points (PCA). Where these do not vary in
two ways, as with one user, the axes of largest variance of the base's own answers fill up.

Letters: U users, d latent dimensions, k groups.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MOST_GROUPS, FEWEST_USERS = 6, 6
APART = 0.45  # simplified silhouette that groups have at least; a single cloud cut in two has 0.3
_ROUNDS = 50
_BLOCK = 512  # users whose distances to all others are in memory at once


def two_axes(points: Array, answers: Array) -> tuple[Array, Array]:
    """The axes to draw on.

    Args:
        points: (U, d).
        answers: (R, d) encodings of the base's own answers.

    Returns:
        The axes (2, d), orthonormal, each pointing to where its largest entry is positive; and the
        share of the users' variance that lies along each (2,).
    """
    centred = points - points.mean(0)
    _, sizes, found = np.linalg.svd(centred, full_matrices=False)
    total = float((sizes**2).sum())
    axes = [v for v, s in zip(found, sizes, strict=True) if s * s > 1e-9 * max(total, 1e-12)][:2]
    if not axes and np.linalg.norm(points[0]) > 1e-9:  # one user: toward them
        axes = [points[0] / np.linalg.norm(points[0])]
    others = np.vstack(
        [np.linalg.svd(answers - answers.mean(0), full_matrices=False)[2], np.eye(points.shape[1])]
    )
    for other in others:
        rest = other - sum((axis @ other) * axis for axis in axes)
        if len(axes) < 2 and np.linalg.norm(rest) > 0.3:
            axes.append(rest / np.linalg.norm(rest))
    while len(axes) < 2:  # a space of one direction
        axes.append(np.zeros(points.shape[1]))
    stacked = np.stack(axes)
    signs = np.sign(stacked[range(2), np.abs(stacked).argmax(1)])
    stacked *= np.where(signs == 0, 1.0, signs)[:, None]
    along = ((centred @ stacked.T) ** 2).sum(0)
    return stacked, along / total if total > 1e-12 else np.zeros(2)


def nearest(points: Array, count: int) -> tuple[npt.NDArray[np.intp], Array]:
    """The nearest others of each user, the nearest first.

    Returns:
        Their numbers and distances (U, count), count no more than U - 1.
    """
    count = min(count, len(points) - 1)
    squares = (points * points).sum(1)
    indices, distances = [], []
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        apart = squares[start : start + _BLOCK, None] + squares - 2 * block @ points.T
        apart[range(len(block)), range(start, start + len(block))] = np.inf
        order = np.argsort(apart, axis=1, kind="stable")[:, :count]
        indices.append(order)
        distances.append(np.sqrt(np.maximum(np.take_along_axis(apart, order, 1), 0)))
    return np.concatenate(indices), np.concatenate(distances)


def groups(points: Array) -> npt.NDArray[np.intp]:
    """Which group each user belongs to (U,), the largest 0; all 0 where there are no groups.

    k-means from far apart starts, for each k; the k whose groups lie farthest apart beside how wide
    they are (the silhouette, by distances to the middles), if they do so at all.
    """
    best, chosen = APART, np.zeros(len(points), dtype=np.intp)
    if len(points) < FEWEST_USERS:
        return chosen
    for k in range(2, min(MOST_GROUPS, len(points) // 2) + 1):
        label, score = _means(points, k)
        if score > best + 0.02:
            best, chosen = score, label
    sizes = np.bincount(chosen)
    rank = np.empty(len(sizes), dtype=np.intp)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[chosen]


def _means(points: Array, k: int) -> tuple[npt.NDArray[np.intp], float]:
    middles = points[[int(np.linalg.norm(points - points.mean(0), axis=1).argmax())]]
    while len(middles) < k:
        apart = np.linalg.norm(points[:, None] - middles, axis=2).min(1)
        middles = np.vstack([middles, points[int(apart.argmax())]])
    label = np.full(len(points), -1)
    for _ in range(_ROUNDS):
        distance = np.linalg.norm(points[:, None] - middles, axis=2)  # (U, k)
        found = distance.argmin(1)
        if (found == label).all():
            break
        label = found
        middles = np.stack(
            [points[label == j].mean(0) if (label == j).any() else middles[j] for j in range(k)]
        )
    if np.bincount(label, minlength=k).min() < 2:  # a group of one is an outlier
        return label, -1.0
    own, other = np.sort(distance, axis=1)[:, :2].T
    return label, float(((other - own) / np.maximum(other, 1e-12)).mean())
