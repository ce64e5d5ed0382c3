"""Where an answer ends before its end mark: at a stop string, or where its row's room does.

Of several stop strings the one that is complete first ends the answer, whatever tokens it came in:
cutting after every token and cutting the whole text give the same. So a stream may hand on all but
what could still become a stop string, and never has to take anything back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from prefcli.base import Base

BROKEN = "\ufffd"  # a character whose last bytes are still to come ends in it
_MARGIN = 8  # tokens that are read beside a stop string's own, for characters of several tokens


def cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """`text` before the stop string that is complete first, and whether there is one."""
    found = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    return (text[: min(found)[1]], True) if found else (text, False)


def settled(text: str, stops: Sequence[str]) -> int:
    """Characters of an unfinished `text` that no stop string can take away any more."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for start in range(max(0, len(text) - longest), len(text)):
        end = text[start:]
        if any(stop.startswith(end) for stop in stops):
            return start
    return len(text)


class RowEnds:
    """A stopping criterion that ends each row by itself, and knows where.

    Args:
        base: Whose tokens they are.
        width: Tokens of the padded prompts.
        budgets: B numbers of tokens that an answer may have.
        stops: B lists of stop strings.
    """

    def __init__(
        self, base: Base, width: int, budgets: Sequence[int], stops: Sequence[Sequence[str]]
    ) -> None:
        self.base = base
        self.width = width
        self.budgets = torch.tensor(budgets, device=base.device)  # (B,)
        self.ends = list(budgets)
        self.stops = stops
        self.waiting = {row for row, each in enumerate(stops) if each}
        # A token of text has at least one byte.
        sizes = [max((len(stop.encode()) for stop in each), default=0) for each in stops]
        self.window = max(sizes) + _MARGIN

    def __call__(self, ids: Tensor, _: object = None) -> Tensor:
        """Which rows (B,) are over, by ids (B, T) so far."""
        count = ids.shape[1] - self.width
        over = self.budgets <= count
        for row in sorted(self.waiting):
            # Decoding all of it at every token would take longer than a small base's forward pass.
            tail = ids[row, max(self.width, ids.shape[1] - self.window) :].tolist()
            if tail[-1] in self.base.stop_ids or count >= self.ends[row]:
                self.waiting.discard(row)
            elif self._stops(row, tail) and self._stops(row, ids[row, self.width :].tolist()):
                self.waiting.discard(row)
                self.ends[row] = count
                over[row] = True
        return over

    def _stops(self, row: int, tokens: Sequence[int]) -> bool:
        return cut(self.base.text(tokens).rstrip(BROKEN), self.stops[row])[1]
