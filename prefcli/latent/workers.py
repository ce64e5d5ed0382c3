"""The processes that share one training: one alone, or several that were launched together.

They find each other through the environment that `prefcli space train --processes`, `torchrun` and
`accelerate launch` set: `RANK` of `WORLD_SIZE` processes, at `MASTER_ADDR`.

Stage 1's statistics (normalisation, DG-KLD, decorrelation) run over the whole step, so what each
worker computed about its own answers is gathered by all of them. Every worker then has the same
numbers, and its gradients are those of the whole loss with respect to its own answers: their sum
over the workers is the gradient that one process alone would have found.

When one of them ends early the others cannot go on. The first that fails tells why, and the others
end without a word.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from prefcli.errors import PrefcliError, UsageError

T = TypeVar("T")
# How long they wait for the slowest: the first may have a base to download meanwhile.
PATIENCE = timedelta(hours=2)


class PeerLostError(PrefcliError):
    """Another process has ended, and this one cannot go on alone."""


@dataclass(frozen=True)
class Workers:
    """How many processes train together, and which one this is.

    Args:
        rank: From 0.
        count: Of processes.
    """

    rank: int = 0
    count: int = 1
    _notes: Any = field(default=None, repr=False, compare=False)  # a store that all can reach

    @classmethod
    def start(cls) -> Workers:
        """Join the processes that the environment speaks of.

        Raises:
            PrefcliError: it speaks of several, and they cannot be reached.
        """
        if int(os.environ.get("WORLD_SIZE", "1")) < 2:
            return cls()
        cuda = _uses_cuda()
        try:
            if cuda:
                torch.cuda.set_device(_local_rank())
            store, rank, count = next(rendezvous("env://", timeout=PATIENCE))
            store.set_timeout(PATIENCE)
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if cuda else "gloo",
                store=PrefixStore("work", store),
                rank=rank,
                world_size=count,
                timeout=PATIENCE,
            )
        except (RuntimeError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())
            raise PrefcliError(
                f"cannot reach the other processes of this training ({reason}): launch all of them "
                "together, or unset WORLD_SIZE to train in one"
            ) from error
        return cls(rank, count, PrefixStore("notes", store))

    def end(self) -> None:
        """Leave the others, once all is done."""
        if self.count > 1:
            dist.destroy_process_group()

    def tells(self) -> bool:
        """Whether this process is the one that tells of a failure: of all, the first to ask."""
        if self.count == 1:
            return True
        try:
            return bool(self._notes.add("failures", 1) == 1)
        except RuntimeError:  # the first process, which keeps the notes, has failed and told
            return False

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.rank == 0

    def check_shares(self, prompts: int) -> None:
        """Refuse steps of fewer prompts than workers.

        Raises:
            UsageError: see above.
        """
        if prompts < self.count:
            raise UsageError(
                f"{self.count} processes cannot share the {prompts} prompts of a step: "
                "raise --prompts-per-step, or launch fewer"
            )

    def sizes(self, items: Sequence[T], rows: Iterable[int]) -> list[int]:
        """How many rows each worker has, given the rows of every item.

        Each has a contiguous part of `items`; the parts in the order of ranks are the whole.

        Raises:
            UsageError: there are fewer items than workers.
        """
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
        with _in_touch():
            dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the workers."""
        if self.count > 1 and tensors:
            flat = torch.cat([tensor.flatten() for tensor in tensors])
            with _in_touch():
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
        with _in_touch():
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
        if self.count == 1 or (usual is not None and not usual.startswith("cuda")):
            return usual
        return f"cuda:{_local_rank()}" if _uses_cuda() else "cpu"

    def all(self, value: T) -> list[T]:
        """What each worker has for `value`, in the order of ranks."""
        if self.count == 1:
            return [value]
        found: list[T | None] = [None] * self.count
        with _in_touch():
            dist.all_gather_object(found, value)
        return found  # type: ignore[return-value]

    def _bounds(self, items: Sequence[T]) -> list[int]:
        self.check_shares(len(items))
        return [len(items) * rank // self.count for rank in range(self.count + 1)]


@contextmanager
def _in_touch() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise PeerLostError(
            "another process of this training has ended, so this one ends as well: what is done "
            "is kept, go on with --resume"
        ) from error


def _uses_cuda() -> bool:
    asked_for_cpu = os.environ.get("ACCELERATE_USE_CPU", "false").lower() in ("true", "1")
    return torch.cuda.is_available() and not asked_for_cpu


def _local_rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))


ALONE = Workers()
