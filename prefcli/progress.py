"""How a long piece of work tells whoever watches how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]
"""Called as (what is being done, how much is done, how much there is or None if unknown)."""
