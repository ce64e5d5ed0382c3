"""Which cells there are, and in which order they are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.peers.all import PEERS
from benchmarks.tables import SIZES
from benchmarks.tasks.base import Arena

PAIRS_PER_PROMPT = 4


@dataclass(frozen=True)
class Plan:
    """What to run.

    Args:
        sizes: Pairs that methods learn from.
        slow_sizes: The same for those whose fit takes seconds to minutes.
        seeds: Runs; each has pairs, prompts and random streams of its own.
        slow_seeds: The same for slow methods.
        methods: Names.
        users: At most so many of a task's users; None for all.
        prompts, neutral: How many of each a run is measured on.
        tuning_users: At most so many other users take part in searches; None for all.
        every: 1 to search the whole grid, 2 for every other setting of it.
        pool: Prompts of which a run's pairs are made.
        mixed: Paired runs of mixed-profile generation; 0 for none.
        command: Whether to time `prefcli ingest` and `prefcli fit` as processes; where the base is
            the built-in one.
    """

    sizes: tuple[int, ...] = SIZES
    slow_sizes: tuple[int, ...] = SIZES
    seeds: int = 3
    slow_seeds: int = 3
    methods: tuple[str, ...] = tuple(PEERS)
    users: int | None = None
    prompts: int = 24
    neutral: int = 8
    tuning_users: int | None = None
    every: int = 1
    pool: int = max(SIZES) // PAIRS_PER_PROMPT
    mixed: int = 30
    command: bool = False


QUICK = Plan(
    sizes=(1, 5),
    slow_sizes=(5,),
    seeds=1,
    slow_seeds=1,
    methods=("base", "prefcli", "steering_z", "steering_hidden", "lora_dpo", "best_of_16"),
    users=1,
    prompts=6,
    neutral=3,
    tuning_users=1,
    every=3,
    pool=6,
    mixed=2,
)


@dataclass(frozen=True)
class Place:
    """Where a cell lies in the grid."""

    task: str
    method: str
    user: str
    size: int
    seed: int


def grid(arena: Arena, plan: Plan) -> Iterator[Place]:
    """All places, the cheap ones first."""
    users = list(arena.users)[: plan.users]
    peers = [PEERS[name] for name in plan.methods]
    for slow in (False, True):
        for seed in range(plan.slow_seeds if slow else plan.seeds):
            for size in _middle_first(plan.slow_sizes) if slow else plan.sizes:
                for peer in peers:
                    if peer.slow == slow and not peer.reference and size <= (peer.largest or size):
                        yield from (Place(arena.name, peer.name, u, size, seed) for u in users)
            if not slow:
                for peer in peers:
                    if peer.reference:
                        yield from (Place(arena.name, peer.name, u, 0, seed) for u in users)


def _middle_first(sizes: Sequence[int]) -> list[int]:
    """Slow methods start with the size that people most likely have."""
    return sorted(sizes, key=lambda size: (abs(size - 50), size))
