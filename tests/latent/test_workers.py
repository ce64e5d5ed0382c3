"""Two processes together find what one alone finds, with the base whole in each or shared out.

Processes are started once, and everything that they are asked is asked then.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from prefcli.base import Base
from prefcli.errors import DataError, UsageError
from prefcli.feedback.records import text_prompt
from prefcli.latent.journal import Journal
from prefcli.latent.pretrain import PretrainConfig, _State, draw, pretrain
from prefcli.latent.responses import Group, sample_groups
from prefcli.latent.step import Weights, backward
from prefcli.latent.workers import ALONE, Workers
from prefcli.sharding import shard
from tests.latent.test_pretrain import two_styles
from tests.tiny_bases import tiny_base

CONFIG = PretrainConfig(
    latent_size=4, prompts_per_step=3, responses_per_prompt=6, steps=3, tokens_per_pass=60, seed=3
)
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "prefix": ({}, 1),
    "soft": ({"adapter": "soft"}, 1),
    "lora": ({"lora_rank": 2}, 1),
    "three rivals": ({}, 3),
    "checkpointing": ({"checkpointing": True}, 1),
}
KINDS = ("whole", "shared out")
# What changes nothing (a shift that normalisation takes away; one score added to all of a softmax)
# has a gradient of nothing but rounding, which AdamW magnifies to whole steps.
WITHOUT_GRADIENT = {"mean.bias", "attend.in_proj_bias"}


def a_base(workers: Workers, kind: str) -> Base:
    base = tiny_base("llama", scale=0.1)
    alone = workers.count == 1 or kind == "whole"
    return base if alone else shard(base, torch.device("cpu"))


def groups() -> list[Group]:
    """As many prompts as a step has, with 4, 6 and 5 answers of different lengths."""
    whole = two_styles(prompts=3)
    return [
        replace(g, responses=tuple(r[: 3 + i] for i, r in enumerate(found)))
        for g, count in zip(whole, (4, 6, 5), strict=True)
        for found in [g.responses[:count]]
    ]


def gradient(workers: Workers, kind: str, case: str) -> tuple[dict[str, float], list[Tensor]]:
    """The terms of a step, and the gradients of encoder, adapter and LoRA, summed over workers."""
    words, negatives = CASES[case]
    config = replace(CONFIG, **words)
    base = a_base(workers, kind)
    state = _State(base, groups(), config, workers)
    batch = draw(groups(), config, 0)
    noise = torch.randn(len(batch.responses), 4, generator=torch.Generator().manual_seed(1))
    trained = state.trained
    with base.checkpointing() if config.checkpointing else nullcontext():
        terms = backward(
            base,
            trained.encoder,
            trained.adapter,
            batch,
            Weights(negatives=negatives),
            noise,
            tokens_per_pass=60,
            workers=workers,
        )
    weights = [*trained.encoder.parameters(), *trained.adapter.parameters()]
    weights += trained.lora.parameters.values() if trained.lora else []
    found = [weight.grad for weight in weights if weight.grad is not None]
    workers.add_up(found)
    assert sum(float(g.abs().sum()) for g in found) > 0
    return terms, found


def training(workers: Workers, kind: str, file: Path) -> tuple[list[dict[str, float]], Any]:
    """A few steps, with a checkpoint after the second that the rest begins from."""
    checkpoint = file if workers.first else None

    class Stop(Exception):  # noqa: N818
        pass

    def stop(_: str, done: int, __: int | None) -> None:
        if done == 2:
            raise Stop

    patch = pytest.MonkeyPatch()
    patch.setattr("prefcli.latent.pretrain.CHECKPOINT_SECONDS", 0.0)
    with suppress(Stop):
        pretrain(a_base(workers, kind), groups(), CONFIG, stop, checkpoint=file, workers=workers)
    trained = pretrain(
        a_base(workers, kind), groups(), CONFIG, checkpoint=checkpoint, workers=workers
    )
    patch.undo()
    return trained.history, [trained.encoder.state_dict(), trained.adapter.state_dict()]


def answers(workers: Workers, kind: str, directory: Path | None = None) -> list[Group]:
    """Five batches of answers, of which each worker samples some."""
    prompts = [text_prompt(text) for text in ("one", "another", "a third, longer")]
    journal = Journal(directory, "answers") if directory else None
    return sample_groups(
        a_base(workers, kind),
        prompts,
        samples=6,
        max_new_tokens=8,
        batch_size=4,
        journal=journal,
        workers=workers,
    )


def failure(act: Callable[[], object]) -> str:
    try:
        act()
    except (DataError, UsageError) as error:
        return f"{type(error).__name__}: {error.message}"
    return "none"


def fail() -> None:
    raise DataError("the first cannot")


def asked(workers: Workers, directory: Path) -> dict[Any, Any]:
    """What each worker is asked, in the order that all of them keep."""
    found: dict[Any, Any] = {
        (kind, case): gradient(workers, kind, case) for kind in KINDS for case in CASES
    }
    for kind in KINDS:
        found[kind, "training"] = training(workers, kind, directory / f"{kind}.pt")
        found[kind, "answers"] = answers(workers, kind)
    found["again"] = answers(workers, "whole", directory)
    found["failure"] = failure(lambda: workers.first_does(fail))
    found["few"] = failure(
        lambda: pretrain(
            a_base(workers, "whole"),
            groups(),
            replace(CONFIG, prompts_per_step=1),
            workers=workers,
        )
    )
    return found


def work(rank: int, port: int, directory: Path) -> None:
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "RANK": str(rank),
    }
    torch.set_num_threads(1)
    workers = Workers.start()
    assert (workers.rank, workers.count) == (rank, 2)
    found = asked(workers, directory)
    found["tells"] = workers.tells()
    torch.save(found, directory / f"worker-{rank}")
    workers.end()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[Any, Any], list[dict[Any, Any]]]:
    """What one process finds, and what each of two does."""
    two, one = tmp_path_factory.mktemp("two"), tmp_path_factory.mktemp("one")
    journal = Journal(two, "answers")
    journal.write(8, ["of another size"])  # nothing to go on with
    with journal.path.open("a") as file:
        file.write('[0, ["cut o')
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    context: Any = torch.multiprocessing.spawn(work, (port, two), nprocs=2, join=False)
    alone = _alone(one)
    until = time.monotonic() + 600
    while not context.join(timeout=10):
        if time.monotonic() > until:
            for process in context.processes:
                process.kill()
            pytest.fail("two workers wait for each other")
    both = [torch.load(two / f"worker-{rank}", weights_only=False) for rank in range(2)]
    both[0]["journal"] = journal.read()
    return alone, both


def _alone(directory: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = {case: gradient(ALONE, "whole", case) for case in CASES}
    found["training"] = training(ALONE, "whole", directory / "whole.pt")
    start = _State(a_base(ALONE, "whole"), groups(), CONFIG, ALONE).trained
    found["start"] = [start.encoder.state_dict(), start.adapter.state_dict()]
    found["answers"] = answers(ALONE, "whole", directory)
    found["journal"] = Journal(directory, "answers").read()
    return found


Found = tuple[dict[Any, Any], list[dict[Any, Any]]]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradients_of_two_workers_sum_up_to_those_of_one(
    found: Found, kind: str, case: str
) -> None:
    alone, both = found
    for each in both:
        assert each[kind, case][0] == pytest.approx(alone[case][0], rel=1e-4)
        torch.testing.assert_close(each[kind, case][1], alone[case][1], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_two_workers_train_what_one_trains(found: Found, kind: str) -> None:
    alone, both = found
    history, weights = alone["training"]
    for each in both:
        assert len(each[kind, "training"][0]) == 3
        for row, expected in zip(each[kind, "training"][0], history, strict=True):
            assert row == pytest.approx(expected, rel=1e-3, abs=2e-4)
        found_weights, expected, start = map(
            flat, (each[kind, "training"][1], weights, alone["start"])
        )
        # Single weights with next to no gradient may go another way by AdamW.
        assert (found_weights - expected).norm() < 0.02 * (expected - start).norm()


def flat(parts: list[dict[str, Tensor]]) -> Tensor:
    """All weights that have a gradient, in one row."""
    return torch.cat(
        [part[name].flatten() for part in parts for name in sorted(part.keys() - WITHOUT_GRADIENT)]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_two_workers_sample_the_answers_of_one(found: Found, kind: str) -> None:
    alone, both = found
    assert both[0][kind, "answers"] == both[1][kind, "answers"] == alone["answers"]


def test_what_is_on_disk_already_is_not_sampled_again_and_the_first_writes_the_rest(
    found: Found,
) -> None:
    alone, both = found
    assert both[0]["again"] == both[1]["again"] == alone["answers"]
    assert both[0]["journal"] == alone["journal"]
    assert len(alone["journal"]) == 5


def test_a_failure_of_the_first_ends_all_and_one_of_them_tells(found: Found) -> None:
    _, both = found
    assert [each["failure"] for each in both] == ["DataError: the first cannot"] * 2
    assert sorted(each["tells"] for each in both) == [False, True]


def test_fewer_prompts_than_workers_is_one_line(found: Found) -> None:
    _, both = found
    told = (
        "UsageError: 2 processes cannot share the 1 prompts of a step: raise --prompts-per-step, "
        "or launch fewer"
    )
    assert [each["few"] for each in both] == [told] * 2


def test_one_process_alone_needs_no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert Workers.start() == ALONE
    assert ALONE.tells()
    assert ALONE.device("cuda:1") == "cuda:1"
