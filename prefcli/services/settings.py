"""Settings: what a command takes where nobody says otherwise.

They live in the catalog, so that a home that moves keeps them. A flag goes before a setting, and a
setting before the default; where the home is, only the environment can say.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefcli import tiny
from prefcli.config import home_directory
from prefcli.errors import UsageError
from prefcli.services.bases import use_base
from prefcli.services.spaces import use_space
from prefcli.store import Store

ON, OFF = ("on", "yes", "true", "1"), ("off", "no", "false", "0")


@dataclass(frozen=True)
class Setting:
    """Something that can be set.

    Args:
        default: Its value where it is not set.
        expected: What may be said, for people.
        read: Reads what was said; raises `ValueError` where it makes no sense.
    """

    default: Any
    expected: str
    read: Callable[[str], Any]


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError
        return value

    return read


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value < 2**31:
        raise ValueError
    return value


def _switch(text: str) -> bool:
    if text.lower() not in ON + OFF:
        raise ValueError
    return text.lower() in ON


SETTINGS = {
    "base": Setting(tiny.NAME, "a base of `prefcli base list`", str),
    "space": Setting(tiny.NAME, "a space of `prefcli space list`", str),
    "temperature": Setting(0.8, "a number from 0 to 100", _number(0, 100)),
    "top-p": Setting(0.95, "a number from 0 to 1", _number(0, 1)),
    "max-new-tokens": Setting(256, "a whole number of 1 or more", _count),
    "log": Setting(False, "on or off", _switch),
}


def list_settings(store: Store) -> list[dict[str, Any]]:
    """Every setting: `setting`, `value`, and its `origin`.

    The origin is the variable's name for the home, `catalog` for what was set, else `default`.
    """
    home = {"setting": "home", "value": str(store.home), "origin": _home_origin(store.home)}
    return [home, *(show_setting(store, name) for name in SETTINGS)]


def show_setting(store: Store, name: str) -> dict[str, Any]:
    """One setting, with the fields of `list_settings`.

    Raises:
        UsageError: there is no such setting.
    """
    if name == "home":
        return list_settings(store)[0]
    setting = _known(name)
    text = store.setting(_key(name))
    if text is None:
        return {"setting": name, "value": setting.default, "origin": "default"}
    return {"setting": name, "value": _read(name, text), "origin": "catalog"}


def change_setting(store: Store, name: str, text: str) -> dict[str, Any]:
    """Set one; a space brings its base along, as `prefcli space use` does.

    Raises:
        UsageError: there is no such setting, or it cannot be that.
        NotFoundError: no such base or space.
    """
    _known(name)
    if name == "base":
        use_base(store, text)
    elif name == "space":
        use_space(store, text)
    else:
        value = _read(name, text)
        kept = ("on" if value else "off") if isinstance(value, bool) else f"{value}"
        store.set_settings(**{_key(name): kept})
    return show_setting(store, name)


def unset(store: Store, name: str) -> dict[str, Any]:
    """Let a setting be what it is by default again.

    Raises:
        UsageError: there is no such setting.
    """
    _known(name)
    store.remove_setting(_key(name))
    return show_setting(store, name)


def _known(name: str) -> Setting:
    if name == "home":
        raise UsageError("the home is where PREFCLI_HOME says: set that variable")
    if name not in SETTINGS:
        raise UsageError(f"no setting {name!r}: expected one of {', '.join(SETTINGS)}")
    return SETTINGS[name]


def _read(name: str, text: str) -> Any:
    try:
        return SETTINGS[name].read(text)
    except ValueError:
        raise UsageError(f"{name} {text!r}: expected {SETTINGS[name].expected}") from None


def _key(name: str) -> str:
    """As the option's name in the command, and as in the catalog."""
    return name.replace("-", "_")


def _home_origin(home: Path) -> str:
    if home != home_directory():
        return "argument"
    if os.environ.get("PREFCLI_HOME"):
        return "PREFCLI_HOME"
    shared = os.environ.get("XDG_DATA_HOME", "")
    return "XDG_DATA_HOME" if shared and Path(shared).is_absolute() else "default"
