"""The map as files: pictures whose labels are apart, and a page that needs nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefcli.errors import PrefcliError, UsageError
from prefcli.map_files import check_map, write_map
from prefcli.map_labels import place_labels
from prefcli.map_page import page
from prefcli.map_plot import CELLS, plot_map, thinned
from prefcli.services.user_map import Axis, User, UserMap

NASTY = "</script><b onclick=x>$x^2$@DATA@"


def made(count: int, name: str = "user") -> UserMap:
    rng = np.random.default_rng(0)
    users = tuple(
        User(f"{name}{i}", 1, (float(x), float(y)), i % 3, (), (("other", 0.5),))
        for i, (x, y) in enumerate(rng.normal(size=(count, 2)))
    )
    axes = (Axis('shorter; "tea"', 'longer <3; "you"', 0.6), Axis("", "", 0.2))
    return UserMap("tiny", "tiny", users, axes, rng.normal(size=(30, 2)), rng.normal(size=(9, 2)))


def test_labels_cover_neither_each_other_nor_any_point() -> None:
    rng = np.random.default_rng(1)
    points = [(float(x), float(y)) for x, y in rng.uniform(0, 600, size=(300, 2))]
    sizes = [(50.0, 12.0)] * 200
    window = (0.0, 0.0, 600.0, 600.0)
    found = place_labels(points, sizes, window, 4.0, 60)
    assert 20 < len(found) <= 60
    boxes = [(each.left, each.bottom, each.left + 50, each.bottom + 12) for each in found]
    for i, a in enumerate(boxes):
        assert min(a[:2]) >= 0
        assert max(a[2:]) <= 600
        for b in boxes[:i]:
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
        for x, y in points:
            assert not (a[0] < x < a[2] and a[1] < y < a[3])


def test_thinning_keeps_few_and_leaves_no_part_of_the_picture_empty() -> None:
    points = np.random.default_rng(2).normal(size=(20_000, 2))
    kept = thinned(points, 40)
    assert len(kept) <= 1600
    # Nobody who is left out is further from one who is shown than a cell is wide.
    wide = float(np.linalg.norm(np.ptp(points, axis=0) / 40))
    left = np.setdiff1d(np.arange(0, len(points), 40), kept)
    apart = np.linalg.norm(points[left][:, None] - points[kept], axis=2).min(1)
    assert apart.max() <= wide
    assert thinned(points[:CELLS]) == list(range(CELLS))


@pytest.mark.parametrize("count", [1, 3, 1000])
@pytest.mark.parametrize("dark", [False, True])
def test_a_picture_of_any_number_of_users_is_drawn(tmp_path: Path, count: int, dark: bool) -> None:
    path = tmp_path / "map.png"
    plot_map(made(count), path, dark=dark)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_same_map_gives_the_same_drawing_with_names_as_they_are(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        plot_map(made(4, "$a_1$<"), tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("one.svg", "two.svg"))
    assert first == second


def test_a_page_loads_nothing_and_holds_any_name_as_text() -> None:
    text = page(replace(made(3, NASTY), space="<i>"))
    assert re.findall(r"(?:src|href)\s*=|https?://|@import|url\(", text) == []
    (data,) = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL
    )
    assert [user["n"] for user in json.loads(data)["users"]] == [f"{NASTY}{i}" for i in range(3)]
    assert "<i>" not in text
    assert "<b onclick" not in text
    assert text.count("</script>") == 2


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to parse it")
def test_the_script_of_the_page_is_javascript(tmp_path: Path) -> None:
    script = re.findall(r"<script>(.*?)</script>", page(made(3)), re.DOTALL)[0]
    (tmp_path / "page.js").write_text(script)
    subprocess.run(["node", "--check", str(tmp_path / "page.js")], check=True)


def test_a_name_that_no_map_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ends in"):
        check_map(str(tmp_path / "map.gif"))
    with pytest.raises(PrefcliError, match="no directory"):
        check_map(str(tmp_path / "none" / "map.html"))
    (tmp_path / "dir.html").mkdir()
    with pytest.raises(PrefcliError, match="cannot write"):
        write_map(made(2), str(tmp_path / "dir.html"))
