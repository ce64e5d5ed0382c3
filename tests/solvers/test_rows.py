"""What may enter a fit, and how thumbs meet the background."""

from __future__ import annotations

import numpy as np
import pytest

from prefcli.errors import DataError
from prefcli.solvers.bradley_terry import Rows
from prefcli.solvers.rows import compare

NONE = np.zeros((0, 2))
POINTS = np.arange(6.0).reshape(3, 2)


def test_what_is_left_out_means_plain_picks_of_weight_one():
    rows = Rows(POINTS, -POINTS)
    assert rows.size == 2
    np.testing.assert_array_equal(rows.target, np.ones(3))
    np.testing.assert_array_equal(rows.weight, np.ones(3))
    assert rows.thumbs.shape == rows.reference.shape == (0, 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"chosen": np.zeros(3)}, "chosen has shape"),
        ({"chosen": np.zeros((3, 0))}, "chosen has shape"),
        ({"rejected": POINTS[:2]}, "rejected has 2 rows, chosen has 3"),
        ({"rejected": np.zeros((3, 5))}, "rejected has shape"),
        ({"target": np.ones(2)}, "target has shape"),
        ({"target": np.array([0.0, 1.0, 1.5])}, "target holds a value outside"),
        ({"weight": -np.ones(3)}, "weight holds a negative"),
        ({"weight": np.array([1.0, 1.0, np.inf])}, "weight holds a value that is not finite"),
        ({"chosen": np.full((3, 2), np.nan)}, "chosen holds a value that is not finite"),
        ({"chosen": np.full((3, 2), 1e7)}, "chosen holds a coordinate beyond"),
        ({"thumbs": POINTS, "label": np.full(3, -1.0)}, "label holds a value outside"),
        ({"thumbs": POINTS, "label": np.ones(2)}, "label has shape"),
        ({"thumbs": np.full((1, 2), np.inf)}, "thumbs holds a value that is not finite"),
        ({"thumbs": POINTS, "thumb_weight": -np.ones(3)}, "thumb_weight holds a negative"),
        ({"reference": np.full((1, 2), np.nan)}, "reference holds a value that is not finite"),
    ],
)
def test_malformed_rows_are_refused_in_one_line(fields, message):
    with pytest.raises(DataError, match=message) as caught:
        Rows(**({"chosen": POINTS, "rejected": -POINTS} | fields))
    assert "\n" not in caught.value.message


def test_a_row_of_no_weight_is_as_if_it_were_not_there():
    rows = Rows(POINTS, -POINTS, weight=np.array([1.0, 0.0, 1.0]))
    np.testing.assert_array_equal(compare(rows).first, POINTS[[0, 2]])


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_thumbs_that_agree_face_centred_references_of_equal_weight(label):
    thumbs = Rows(
        NONE,
        NONE,
        thumbs=POINTS,
        label=np.full(3, label),
        thumb_weight=np.array([1.0, 2.0, 3.0]),
        reference=np.array([[1.0, 0.0], [3.0, 4.0]]),
    )
    found = compare(thumbs)
    np.testing.assert_array_equal(found.target, [label] * 3 + [1 - label] * 2)
    np.testing.assert_allclose(found.weight[3:], [3.0, 3.0])
    np.testing.assert_allclose(found.first[3:], [[-1.0, -2.0], [1.0, 2.0]])
    np.testing.assert_array_equal(found.offset, np.ones(5))


@pytest.mark.parametrize("label", [[1.0, 0.0, 1.0], [0.5, 0.5, 0.5]])
def test_thumbs_that_disagree_or_do_not_care_need_no_references(label):
    rows = Rows(NONE, NONE, thumbs=POINTS, label=np.array(label), reference=POINTS)
    assert len(compare(rows).target) == 3


def test_pairs_alone_need_no_references():
    assert len(compare(Rows(POINTS, -POINTS, reference=POINTS)).target) == 3
