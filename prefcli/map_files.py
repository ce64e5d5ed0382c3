"""Which file a map becomes, by its name: PNG, SVG, or one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefcli.errors import PrefcliError, UsageError

if TYPE_CHECKING:
    from prefcli.services.user_map import UserMap

SUFFIXES = (".png", ".svg", ".html")


def check_map(path: str) -> None:
    """Refuse what could not be drawn, before anything is computed.

    Raises:
        UsageError: the name ends otherwise.
        PrefcliError: matplotlib is not there and needed, or neither is the directory.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"-o {path!r}: name a file that ends in .png, .svg or .html")
    if not Path(path).parent.is_dir():
        raise PrefcliError(f"cannot write {path}: there is no directory {Path(path).parent}")
    if suffix != ".html":
        from prefcli.plots import check_plot

        check_plot(path)


def write_map(found: UserMap, path: str, *, dark: bool = False) -> None:
    """Draw a map.

    Args:
        found: The map.
        path: Where to; see `SUFFIXES`.
        dark: Of a picture: light on dark.

    Raises:
        PrefcliError: it cannot be written.
    """
    if Path(path).suffix.lower() != ".html":
        from prefcli.map_plot import plot_map

        plot_map(found, path, dark=dark)
        return
    from prefcli.map_page import page

    try:
        Path(path).write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise PrefcliError(
            f"cannot write {path} ({error.strerror or error}): name another file"
        ) from error
