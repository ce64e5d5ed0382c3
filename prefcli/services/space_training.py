"""Stage 1 as a service: from prompts to a space in the catalog."""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from prefcli import tiny
from prefcli.errors import NotFoundError, UsageError
from prefcli.services.bases import BaseReference, add_base, open_base, resolve_base
from prefcli.services.prompts import find_prompts
from prefcli.services.space_files import check_new, keep, workplace
from prefcli.services.space_plan import (
    KEPT,
    PLAN,
    Asked,
    Plan,
    SpaceSettings,
    check_range,
    discard,
    hold,
    option,
    unfinished,
)
from prefcli.services.spaces import show_space
from prefcli.store import Store
from prefcli.store.registry import check_asked

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.pretrain import PretrainConfig
    from prefcli.latent.space import Space
    from prefcli.latent.workers import Workers
    from prefcli.progress import Progress

FEWEST_PROMPTS = 10
HELD_OUT_SHARE, MOST_HELD_OUT = 0.15, 48


def train_space(
    store: Store | None,
    *,
    name: str | None = None,
    base: str | None = None,
    prompts: str | None = None,
    resume: bool = False,
    restart: bool = False,
    progress: Progress | None = None,
    workers: Workers | None = None,
    shard_base: bool = False,
    plot: str | None = None,
    **asked: Unpack[Asked],
) -> dict[str, Any] | None:
    """Stage 1: learn a space for a base, save it, and use it from now on if none was chosen.

    Prompts, sampled answers and a checkpoint are kept beside the spaces until the space is there,
    so that an interrupted training can go on. Several processes share the work; only the first one
    of them reads and writes the home.

    Args:
        store: The open home; None for every process but the first.
        name: What to call the space; default after its base.
        base: A base's name, or a Hugging Face id or directory to add first; default the one in
            use.
        prompts: File of prompts, one per line or JSONL with `prompt` and perhaps `responses`; `-`
            reads stdin; None takes the prompts of the catalog's feedback.
        resume: Go on with an interrupted training, with the prompts and settings that it had.
        restart: Throw an interrupted training away and begin anew.
        progress: Told how far each part is.
        workers: The processes that train together, as `services.processes.joined` gives them; by
            default this one alone.
        shard_base: Share out the base's layers among the processes, for a base that does not fit
            on one device.
        plot: Draw the space to this file when it is there, PNG or SVG.
        asked: See `SpaceSettings`.

    Returns:
        What `show_space` tells of it; None for every process but the first.

    Raises:
        UsageError: the name is taken or cannot name a directory, a number is out of its range,
            a training of that name is unfinished and neither to be resumed nor thrown away, or no
            drawing can be made of `plot`.
        NotFoundError: no such base or file, or nothing to resume.
        DataError: too few prompts, or training failed.
        PrefcliError: the home, or the drawing, cannot be written to.
    """
    from prefcli.latent.workers import Workers

    workers = workers or Workers()
    told = progress if workers.first else None
    if shard_base and workers.count == 1:
        raise UsageError("--shard-base shares out the base among processes: add --processes")
    with ExitStack() as stack:

        def begin() -> _Job:
            assert store is not None, "the first process needs the home"
            if plot is not None:
                from prefcli.plots import check_plot

                check_plot(plot)
            job = _begin(store, stack, name, base, prompts, resume, restart, told, asked)
            if job.plan is not None:
                in_a_step = min(job.plan.settings.prompts_per_step, len(job.plan.prompts))
                workers.check_shares(in_a_step)
            return job

        job = workers.first_does(begin)
        if job.plan is not None:
            directory = unfinished(store.space_directory(job.name)) if store is not None else None
            space = _train(job.base, job.plan, directory, workers, shard_base, told)
            if store is not None and directory is not None and space is not None:
                _keep(store, space, job.name, job.plan.base, directory)
                discard(directory)
    if store is None:
        return None
    if store.setting("space") is None and store.setting("base") == job.base.name:
        store.set_settings(space=job.name)
    return show_space(store, job.name, plot=plot)


def find_base(
    store: Store, base: str | None, resume: bool, progress: Progress | None
) -> BaseReference:
    """The base of that name; one that is not there is added if `base` is an id or a directory."""
    new = base is not None and check_asked(base, "base") != tiny.NAME and not store.base(base)
    if new and base is not None and "/" in base and not resume:
        added = add_base(store, base, progress=progress)
        return resolve_base(store, added["base"])
    return resolve_base(store, base)


def space_name(base: str) -> str:
    """What a space is called after its base; the built-in base's own space has its name."""
    return "everyday" if base == tiny.NAME else base


def make_plan(store: Store, base: str, prompts: str | None, asked: Asked) -> Plan:
    """Prompts and settings of a training, a part of the prompts held out.

    Raises:
        UsageError: a setting is out of its range.
        NotFoundError: no such file.
        DataError: too few prompts.
    """
    settings = SpaceSettings(**asked)
    found = find_prompts(store, prompts, FEWEST_PROMPTS)
    random.Random(settings.seed).shuffle(found.prompts)
    count = min(MOST_HELD_OUT, max(2, round(HELD_OUT_SHARE * len(found.prompts))))
    return Plan(
        base,
        settings,
        found.prompts[count:],
        found.prompts[:count],
        found.given,
        found.provenance,
    )


def stage_one_settings(settings: SpaceSettings, model: Base) -> PretrainConfig:
    """Stage 1's own settings for a base.

    Raises:
        UsageError: the base has fewer layers than the encoder is to read.
    """
    from prefcli.latent.pretrain import PretrainConfig
    from prefcli.precision import bfloat16_pays

    depth = settings.trunk_layers or max(1, round(model.layer_count / 6))
    check_range("trunk_layers", depth, 1, model.layer_count)
    return PretrainConfig(
        latent_size=settings.latent_size,
        depth=depth,
        prefix_length=settings.prefix_length,
        adapter=settings.adapter,
        lora_rank=settings.lora_rank,
        steps=settings.steps,
        prompts_per_step=settings.prompts_per_step,
        learning_rate=settings.learning_rate,
        encoder_pace=settings.encoder_pace,
        principal=settings.principal_axes,
        tokens_per_pass=settings.tokens_per_pass,
        checkpointing=settings.checkpointing,
        autocast=bfloat16_pays(model.device),
        seed=settings.seed,
    )


@dataclass(frozen=True)
class _Job:
    """A training: the space's name, its base, and what to do; no plan if it had ended."""

    name: str
    base: BaseReference
    plan: Plan | None


def _begin(
    store: Store,
    stack: ExitStack,
    name: str | None,
    base: str | None,
    prompts: str | None,
    resume: bool,
    restart: bool,
    progress: Progress | None,
    asked: Asked,
) -> _Job:
    """Find out what to do, and hold the directory to do it in until `stack` ends."""
    reference = find_base(store, base, resume, progress)
    name = name if name is not None else space_name(reference.name)
    directory = unfinished(store.space_directory(name))
    if _had_ended(store, name, directory) and resume:
        return _Job(name, reference, None)
    check_new(store, name)
    stack.enter_context(hold(directory))
    plan = _plan(store, directory, name, reference, prompts, resume, restart, asked)
    if base is not None and reference.name != plan.base:
        raise UsageError(
            f"--resume goes on with the base of that training, {plan.base}: leave out --base, or "
            "begin anew with --restart"
        )
    return _Job(name, resolve_base(store, plan.base), plan)


def _had_ended(store: Store, name: str, directory: Path) -> bool:
    """Whether a training was killed when its space was there already; its traces are removed."""
    space = store.space(name)
    try:
        kept = (directory / KEPT).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    if space is None or space.fingerprint != kept:
        return False
    with hold(directory):
        discard(directory)
    return True


def _plan(
    store: Store,
    directory: Path,
    name: str,
    reference: BaseReference,
    prompts: str | None,
    resume: bool,
    restart: bool,
    asked: Asked,
) -> Plan:
    """The plan to follow, which lies in `directory` from now on."""
    there = (directory / PLAN).exists()
    if resume:
        if not there:
            raise NotFoundError(f"no unfinished training of space {name!r}: leave out --resume")
        plan = Plan.load(directory)
        if prompts is not None:
            raise UsageError(
                "--resume goes on with the prompts of that training: leave out --prompts"
            )
        changed = [key for key, value in asked.items() if getattr(plan.settings, key) != value]
        if changed:
            was = getattr(plan.settings, changed[0])
            raise UsageError(
                f"--resume goes on with the settings of that training, {option(changed[0])} {was}: "
                f"leave out {', '.join(map(option, changed))}, or begin anew with --restart"
            )
        return plan
    if there and not restart:
        raise UsageError(
            f"a training of space {name!r} is unfinished: go on with --resume, or throw away what "
            "there is of it with --restart"
        )
    plan = make_plan(store, reference.name, prompts, asked)
    discard(directory)
    plan.save(directory)
    return plan


def _train(
    reference: BaseReference,
    plan: Plan,
    directory: Path | None,
    workers: Workers,
    shard_base: bool,
    progress: Progress | None,
) -> Space | None:
    from prefcli.latent.train import Questions, Sampling
    from prefcli.latent.train import train_space as train

    device = workers.device(reference.device)
    model = _open_shard(reference, progress, device) if shard_base else None
    model = model or open_base(reference, progress, device)
    settings = plan.settings
    return train(
        model,
        Questions(plan.prompts, plan.held_out, plan.given, plan.provenance),
        stage_one_settings(settings, model),
        Sampling(settings.samples, settings.max_new_tokens, settings.temperature, settings.top_p),
        base_name=plan.base,
        workplace=directory,
        workers=workers,
        progress=progress,
    )


def _open_shard(reference: BaseReference, progress: Progress | None, device: str | None) -> Base:
    """This worker's part of a base; the whole passes through the computer's own memory."""
    from prefcli.loading import pick_device, pick_dtype
    from prefcli.sharding import shard

    where = pick_device(device)
    precision = str(pick_dtype(reference.dtype, where)).removeprefix("torch.")
    return shard(open_base(replace(reference, dtype=precision), progress, "cpu"), where)


def _keep(store: Store, space: Space, name: str, base: str, directory: Path) -> None:
    """Give the space its name, and note that it has it should this process be killed here."""
    with workplace(directory.parent) as scratch:
        (directory / KEPT).write_text(space.fingerprint(), encoding="utf-8")
        keep(store, space, name, base, scratch)
