"""The rows of one fit: judged encodings as arrays, checked once at the door.

Letters: n pairs, m thumbs, r reference answers, d latent dimensions. Encodings are posterior
means in whitened coordinates: over the base's own answers they have mean 0 and covariance I.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from prefcli.errors import DataError

FloatArray = npt.NDArray[np.float64]

_OMITTED: FloatArray = np.empty(0)

# Whitened encodings are a few units long. Far beyond this, products of coordinates lose all
# digits, and the likely cause is an encoding that was never whitened.
LARGEST_COORDINATE = 1e6


@dataclass(frozen=True, eq=False)
class Rows:
    """Judgements of one user over encodings.

    Args:
        chosen: (n, d) encodings of the preferred answers; (0, d) when there are only thumbs.
        rejected: (n, d) encodings of the answers they were preferred to.
        target: (n,) probability that chosen is better: 1 for a pick, 1/2 for a tie. Default 1.
        weight: (n,) how many judgements a row counts for, >= 0. Default 1.
        thumbs: (m, d) encodings of answers judged alone. Default none.
        label: (m,) 1 for up, 0 for down. Default 1.
        thumb_weight: (m,) as `weight`. Default 1.
        reference: (r, d) encodings of the base's own answers, the background against which thumbs
            that all agree are read. Default none.

    Raises:
        DataError: shapes do not agree, a value is not finite or is out of its range.
    """

    chosen: FloatArray
    rejected: FloatArray
    target: FloatArray = field(default_factory=lambda: _OMITTED)
    weight: FloatArray = field(default_factory=lambda: _OMITTED)
    thumbs: FloatArray = field(default_factory=lambda: _OMITTED)
    label: FloatArray = field(default_factory=lambda: _OMITTED)
    thumb_weight: FloatArray = field(default_factory=lambda: _OMITTED)
    reference: FloatArray = field(default_factory=lambda: _OMITTED)

    def __post_init__(self) -> None:
        chosen = np.asarray(self.chosen, dtype=np.float64)
        if chosen.ndim != 2 or chosen.shape[1] == 0:
            raise DataError(f"chosen has shape {chosen.shape}, expected (pairs, dimensions)")
        pairs, size = chosen.shape
        points = {"chosen": chosen}
        for name in ("rejected", "thumbs", "reference"):
            points[name] = self._points(name, size)
        if len(points["rejected"]) != pairs:
            raise DataError(f"rejected has {len(points['rejected'])} rows, chosen has {pairs}")
        numbers = {name: self._numbers(name, pairs) for name in ("target", "weight")}
        for name in ("label", "thumb_weight"):
            numbers[name] = self._numbers(name, len(points["thumbs"]))
        for name, array in (points | numbers).items():
            if not np.isfinite(array).all():
                raise DataError(f"{name} holds a value that is not finite, encode the answers anew")
            object.__setattr__(self, name, array)
        for name, array in points.items():
            if (np.abs(array) > LARGEST_COORDINATE).any():
                raise DataError(
                    f"{name} holds a coordinate beyond 1e6, expected whitened encodings"
                )
        for name in ("target", "label"):
            if ((numbers[name] < 0) | (numbers[name] > 1)).any():
                raise DataError(f"{name} holds a value outside [0, 1]")
        for name in ("weight", "thumb_weight"):
            if (numbers[name] < 0).any():
                raise DataError(f"{name} holds a negative value")

    def _points(self, name: str, size: int) -> FloatArray:
        given = getattr(self, name)
        if given is _OMITTED:
            return np.zeros((0, size))
        array = np.asarray(given, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != size:
            raise DataError(f"{name} has shape {array.shape}, expected (rows, {size})")
        return array

    def _numbers(self, name: str, count: int) -> FloatArray:
        given = getattr(self, name)
        if given is _OMITTED:
            return np.ones(count)
        array = np.asarray(given, dtype=np.float64)
        if array.shape != (count,):
            raise DataError(f"{name} has shape {array.shape}, expected ({count},)")
        return array

    @property
    def size(self) -> int:
        """Number of latent dimensions d."""
        return int(self.chosen.shape[1])

    def take(self, pairs: npt.NDArray[np.bool_], thumbs: npt.NDArray[np.bool_]) -> Rows:
        """The rows under these masks, (n,) and (m,), with the same references."""
        return Rows(
            chosen=self.chosen[pairs],
            rejected=self.rejected[pairs],
            target=self.target[pairs],
            weight=self.weight[pairs],
            thumbs=self.thumbs[thumbs],
            label=self.label[thumbs],
            thumb_weight=self.thumb_weight[thumbs],
            reference=self.reference,
        )


@dataclass(frozen=True, eq=False)
class Comparisons:
    """All rows in one form: logistic on r(first) - r(second) + offset * intercept.

    A thumb is a comparison with the origin, where r is 0, plus the user's intercept.

    Args:
        first: (n, d).
        second: (n, d).
        offset: (n,) 1 for thumbs and references, 0 for pairs.
        target: (n,) in [0, 1].
        weight: (n,) > 0.
    """

    first: FloatArray
    second: FloatArray
    offset: FloatArray
    target: FloatArray
    weight: FloatArray


def compare(
    rows: Rows,
    pairs: npt.NDArray[np.bool_] | None = None,
    thumbs: npt.NDArray[np.bool_] | None = None,
) -> Comparisons:
    """The rows that count for something, with references where the thumbs need them.

    Thumbs that all agree only say that r + intercept is high (or low) there, which the intercept
    alone explains. What distinguishes those answers shows against the base's other answers, so
    the references enter as thumbs of the opposite label, with the thumbs' total weight. They
    enter beside pairs too: the pairs know nothing of the intercept, so without references such
    thumbs would add next to nothing however many they are.

    References are centred first. The base's answers have mean 0 in these coordinates; the mean of
    a few of them is noise, against which every thumb would be read.

    Args:
        rows: The judgements.
        pairs, thumbs: Masks (n,) and (m,) of those that are to be there; default all.
    """
    pair = rows.weight > 0 if pairs is None else pairs & (rows.weight > 0)
    thumb = rows.thumb_weight > 0 if thumbs is None else thumbs & (rows.thumb_weight > 0)
    count = int(np.count_nonzero(pair))
    label, weight = rows.label[thumb], rows.thumb_weight[thumb]
    background = rows.reference[:0]
    opposite = share = 0.0
    if len(rows.reference) and len(label) and (label != 0.5).any() and _agree(label):
        background = rows.reference - rows.reference.mean(axis=0)
        opposite = float(label.min() < 0.5)
        share = float(weight.sum()) / len(background)
    first = np.concatenate([rows.chosen[pair], rows.thumbs[thumb], background])
    second = np.zeros_like(first)
    second[:count] = rows.rejected[pair]
    offset = np.ones(len(first))
    offset[:count] = 0.0
    return Comparisons(
        first=first,
        second=second,
        offset=offset,
        target=np.concatenate([rows.target[pair], label, np.full(len(background), opposite)]),
        weight=np.concatenate([rows.weight[pair], weight, np.full(len(background), share)]),
    )


def _agree(label: FloatArray) -> bool:
    return bool((label >= 0.5).all() or (label <= 0.5).all())
