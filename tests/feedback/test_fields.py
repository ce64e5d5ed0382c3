"""What a row's fields hold, or one line on what was expected."""

from __future__ import annotations

from typing import Any

import pytest

from prefcli.errors import DataError
from prefcli.feedback import fields


@pytest.mark.parametrize(("value", "found"), [(4, 4.0), ("4.5", 4.5), (" -3 ", -3.0), ("1e2", 100)])
def test_a_number_may_be_text(value: Any, found: float) -> None:
    assert fields.number({"score": value}, "score") == found


@pytest.mark.parametrize("value", [None, True, "good", "", float("nan"), "inf", 10**400, [4]])
def test_what_is_no_finite_number_is_named(value: Any) -> None:
    with pytest.raises(DataError, match="field 'score': expected a number, came"):
        fields.number({"score": value}, "score")
