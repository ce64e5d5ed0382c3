"""The processes that share one training: one alone, or several under `accelerate launch`.

Stage 1's statistics (normalisation, DG-KLD, decorrelation) run over the whole step, so what each
worker computed about its own answers is gathered by all of them. Every worker then has the same
numbers, and its gradients are those of the whole loss with respect to its own answers: their sum
over the workers is the gradient that one process alone would have found.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from prefcli.errors import PrefcliError, UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Workers:
    """How many processes train together, and which one this is.

    Args:
        rank: From 0.
        count: Of processes.
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def start(cls) -> Workers:
        """Join the processes that the environment speaks of, as `accelerate launch` sets it.

        Raises:
            PrefcliError: there are several and accelerate is not installed.
        """
        if int(os.environ.get("WORLD_SIZE", "1")) < 2:
            return cls()
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise PrefcliError(
                "several processes train together through accelerate, which is not installed: "
                "pip install 'prefcli[train]'"
            ) from error
        state = PartialState()
        return cls(state.process_index, state.num_processes)

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This worker's contiguous part of `items`; the parts in the order of ranks are the whole.

        Raises:
            UsageError: there are fewer items than workers.
        """
        bounds = self._bounds(items)
        return items[bounds[self.rank] : bounds[self.rank + 1]]

    def sizes(self, items: Sequence[T], rows: Iterable[int]) -> list[int]:
        """How many rows each worker's share of `items` has, given the rows of every item."""
        before = [0, *accumulate(rows)]
        return [before[b] - before[a] for a, b in pairwise(self._bounds(items))]

    def gather(self, own: Tensor, sizes: Sequence[int]) -> Tensor:
        """Every worker's rows in the order of ranks, (sum of sizes, ...); no gradient flows back.

        Args:
            own: (sizes[rank], ...), of this worker.
            sizes: Rows of each worker.
        """
        own = own.detach()
        if self.count == 1:
            return own
        padded = own.new_zeros(max(sizes), *own.shape[1:])
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in range(self.count)]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the workers."""
        if self.count > 1 and tensors:
            flat = torch.cat([tensor.flatten() for tensor in tensors])
            dist.all_reduce(flat)
            for tensor, part in zip(
                tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True
            ):
                tensor.copy_(part.view_as(tensor))

    def agree(self, value: T) -> T:
        """What the first worker has for `value`, on all of them."""
        if self.count == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def first_does(self, act: Callable[[], T]) -> T:
        """What `act` gives on the first worker, on all of them; its failure is everybody's."""
        result: T | None = None
        failure: Exception | None = None
        if self.first:
            try:
                result = act()
            except Exception as error:
                if self.count == 1:
                    raise
                failure = error
        result, failure = self.agree((result, failure))
        if failure is not None:
            raise failure
        return result  # type: ignore[return-value]

    def device(self, usual: str | None) -> str | None:
        """The device of this worker: of several on one machine, each its own GPU."""
        if self.count > 1 and usual in (None, "cuda") and torch.cuda.is_available():
            return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        return usual

    def all(self, value: T) -> list[T]:
        """What each worker has for `value`, in the order of ranks."""
        if self.count == 1:
            return [value]
        found: list[T | None] = [None] * self.count
        dist.all_gather_object(found, value)
        return found  # type: ignore[return-value]

    def _bounds(self, items: Sequence[T]) -> list[int]:
        if len(items) < self.count:
            raise UsageError(
                f"{self.count} processes cannot share the {len(items)} prompts of a step: "
                "raise --prompts-per-step, or launch fewer"
            )
        return [len(items) * rank // self.count for rank in range(self.count + 1)]


ALONE = Workers()
