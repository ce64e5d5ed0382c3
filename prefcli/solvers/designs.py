"""The rows of many users at once, as linear models of their rewards under any prior scales.

A reward is a sum of parts, each linear in its unknowns and with one prior scale: the thumbs'
intercept, w and A (see `features` for what A's features are). Rows of one user are features of each
part (n, k), and their kernel is the sum of the parts' kernels, each times its scale squared:

    k = 2^2 offset offset' + s1^2 k_w + s2^2 k_A,      k_w = z.z',   k_A = (z.z')^2 / 2

for single answers, and for two compared ones k(first, .) - k(second, .). Which of the two is
solved, the features or the kernel, is settled by which is smaller.

Letters: B users, n rows, d latent dimensions, q = d (d + 1) / 2, J parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from prefcli.solvers.features import INTERCEPT_SCALE, quadratic_features
from prefcli.solvers.modes import Judged
from prefcli.solvers.rows import Comparisons
from prefcli.solvers.systems import Dual, Index, Primal

FloatArray = npt.NDArray[np.float64]

# A block of users that are solved together: small enough for a processor's cache.
_BLOCK_NUMBERS = 2**18
_MOST_FILLED = 1.15  # rows of the longest user of a block over those of the shortest


@dataclass(frozen=True, eq=False)
class Designs:
    """B users' rows, all to be solved in the same way, in a metric of each.

    Args:
        first, second: (B, n, d) what is compared, in the coordinates S^1/2 z; 0 in rows that only
            fill up.
        offset: (B, n) 1 for thumbs.
        judged: What was said.
        rows: (B,) the sum of their weights.
        duals: For the parts up to w, and up to A, whether kernels are solved.
    """

    first: FloatArray
    second: FloatArray
    offset: FloatArray
    judged: Judged
    rows: FloatArray
    duals: tuple[bool, bool]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> int:
        """Number of latent dimensions d."""
        return int(self.first.shape[2])

    @cached_property
    def difference(self) -> FloatArray:
        """The features of w (B, n, d)."""
        return self.first - self.second

    def system(self, index: Index, scales: FloatArray) -> Primal | Dual:
        """What is to be solved.

        Args:
            index: Whose.
            scales: (b, J) of their parts; two for a linear reward, three for a curved one.
        """
        everyone = len(index) == len(self)
        if self.duals[scales.shape[1] - 2]:
            parts = self._kernels[:, : scales.shape[1]]
            parts = parts if everyone else parts[index]
            count = self.first.shape[1]
            mixed = np.square(scales)[:, None, :] @ parts  # (b, 1, n n)
            return Dual(mixed.reshape(-1, count, count))
        size = self.size
        columns = 1 + size + (size * (size + 1) // 2 if scales.shape[1] > 2 else 0)
        features = self._features if scales.shape[1] > 2 else self._linear
        features = features if everyone else features[index]
        part = np.repeat(np.arange(3), (1, size, columns - 1 - size))
        return Primal(features * scales[:, None, part])

    def in_metric(self, index: Index, root: FloatArray, mean: FloatArray | None = None) -> Designs:
        """Those of some users in metrics root @ root (b, d, d), around means (b, d), default 0.

        From coordinates that are not in any metric yet; a user may be there several times.
        """
        first, second = self.first[index], self.second[index]
        said, shift = self.judged, self.judged.shift[index]
        if mean is not None:
            shift = ((first - second) @ mean[..., None])[..., 0]
        judged = Judged(said.target[index], said.weight[index], shift)
        return Designs(
            first @ root, second @ root, self.offset[index], judged, self.rows[index], self.duals
        )

    @cached_property
    def _linear(self) -> FloatArray:
        """The features of the intercept and w (B, n, 1 + d)."""
        return np.concatenate([self.offset[..., None], self.difference], axis=2)

    @cached_property
    def _features(self) -> FloatArray:
        """The features of all parts (B, n, 1 + d + q)."""
        users, count, size = self.first.shape
        curved = quadratic_features(self.first.reshape(-1, size))
        curved -= quadratic_features(self.second.reshape(-1, size))
        return np.concatenate([self._linear, curved.reshape(users, count, -1)], axis=2)

    @cached_property
    def _kernels(self) -> FloatArray:
        """The kernel of each part (B, J, n n)."""
        users, count, _ = self.first.shape
        points = np.concatenate([self.first, self.second], axis=1)
        product = points @ points.transpose(0, 2, 1)  # (B, 2 n, 2 n)
        found = np.empty((users, 3, count, count))
        found[:, 0] = self.offset[:, :, None] * self.offset[:, None, :]
        for part in (1, 2):
            across = product[:, :count, count:]
            np.add(product[:, :count, :count], product[:, count:, count:], out=found[:, part])
            found[:, part] -= across
            found[:, part] -= across.transpose(0, 2, 1)
            if part == 1:
                product *= product
                product *= 0.5
        return found.reshape(users, 3, count * count)


def kind_of(rows: int, size: int) -> tuple[bool, bool]:
    """How `rows` rows in `size` dimensions are solved, as `Designs.duals`."""
    return rows < 1 + size, rows < 1 + size + size * (size + 1) // 2


def gather(users: Sequence[Comparisons], size: int) -> Designs:
    """The rows of users that are all solved in the same way, filled up to those of the longest."""
    shape = len(users), max(1, *(len(each.target) for each in users))
    first, second = np.zeros((*shape, size)), np.zeros((*shape, size))
    offset, target, weight = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for number, each in enumerate(users):
        count = len(each.target)
        first[number, :count], second[number, :count] = each.first, each.second
        offset[number, :count] = each.offset
        target[number, :count], weight[number, :count] = each.target, each.weight
    judged = Judged(target, weight, np.zeros(shape))
    return Designs(
        first, second, offset, judged, weight.sum(axis=1), kind_of(len(users[0].target), size)
    )


def blocks(rows: Sequence[int], size: int) -> Iterator[list[int]]:
    """Users who are solved together: in the same way, with about as many rows."""
    block: list[int] = []
    for number in sorted(range(len(rows)), key=rows.__getitem__):
        count = rows[number]
        if block:
            first = rows[block[0]]
            width = min(count, 1 + size + size * (size + 1) // 2)
            full = (len(block) + 1) * max(count, 1) * max(width, 1) > _BLOCK_NUMBERS
            differ = kind_of(count, size) != kind_of(first, size)
            if full or differ or count > max(_MOST_FILLED * first, first + 1):
                yield block
                block = []
        block.append(number)
    if block:
        yield block


def part_scales(weight_scale: FloatArray, curvature_scale: FloatArray | None) -> FloatArray:
    """The prior scales (b, J) of intercept, w and, unless that is None, A."""
    columns = [np.full(len(weight_scale), INTERCEPT_SCALE), weight_scale]
    if curvature_scale is not None:
        columns.append(curvature_scale)
    return np.stack(columns, axis=1)
