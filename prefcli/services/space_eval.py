"""The trust report of a space that exists, measured anew on prompts of one's own."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefcli import tiny
from prefcli.errors import PrefcliError, UsageError
from prefcli.feedback.records import Prompt, text_prompt
from prefcli.latent.files import replace_report
from prefcli.latent.verdict import judge
from prefcli.services.bases import open_base, resolve_base
from prefcli.services.prompts import find_prompts
from prefcli.services.spaces import SpaceReference, open_space, resolve_space
from prefcli.store import Store

if TYPE_CHECKING:
    from prefcli.progress import Progress

FEWEST_PROMPTS, MOST_PROMPTS = 4, 48
NEED = "a report needs at least {least}, and dozens to be sure"
MOST_SAMPLES = 1024
LARGEST_SEED = 2**63 - 1
# Half of what training draws: minutes on a small base, and intervals tell what it costs.
DRAWS, FLUENCY_DRAWS = 256, 48
# What only training can know, and a report on other prompts keeps.
OF_TRAINING = ("spectrum", "aggregate", "directions", "prompts_seen", "steps", "final")


def eval_space(
    store: Store,
    name: str | None = None,
    *,
    prompts: str | None = None,
    samples: int = 8,
    seed: int = 0,
    save: bool = False,
    plot: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a space on prompts, and judge it; the space stays as it is.

    Args:
        store: The open home.
        name: The space; the one in use by default.
        prompts: File of prompts, one per line or JSONL with `prompt`; `-` reads stdin; None takes
            the prompts of the catalog's feedback, and for the embedded space topics that neither
            it nor any feedback has seen.
        samples: The base's own answers to each prompt.
        seed: Everything random; which prompts, where there are more than `MOST_PROMPTS`.
        save: Put the report in the place of the space's own.
        plot: Draw it to this file, PNG or SVG.

    Returns:
        `space`, `base`, `fingerprint`, `prompts` and `answers` (how many), `samples`, `seed`,
        `rho` (the reach that this report would give), `own_bits_per_byte`, `report`, `verdict`,
        `saved` and `plot`.

    Raises:
        UsageError: a number out of its range, or what cannot be saved or drawn.
        NotFoundError: no such space or file.
        DataError: too few prompts, or the space does not belong to its base.
        PrefcliError: the report or the drawing cannot be written.
    """
    if not 2 <= samples <= MOST_SAMPLES:
        raise UsageError(f"--samples {samples}: expected 2 to {MOST_SAMPLES}")
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"--seed {seed}: expected 0 to {LARGEST_SEED}")
    reference = resolve_space(store, name)
    if save and reference.name == tiny.NAME:
        raise UsageError(
            "--save: the built-in space is part of the program; leave --save out, or train a "
            "space of your own"
        )
    if plot is not None:
        from prefcli.plots import check_plot

        check_plot(plot)
    asked = _prompts(store, reference, prompts, seed)

    from prefcli.latent.report import measure
    from prefcli.latent.responses import sample_groups
    from prefcli.latent.train import asked_in_words

    base = open_base(resolve_base(store, reference.base), progress)
    space = open_space(reference)
    space.attach(base)
    # Streams of its own, lest the answers be those that the space was trained on.
    stream = random.Random(f"eval {seed}").getrandbits(40)
    groups = sample_groups(
        base,
        asked,
        samples=samples,
        max_new_tokens=space.config.max_response_tokens,
        seed=stream,
        progress=progress,
    )
    report = measure(
        base,
        space.encoder,
        space.adapter,
        space.prior,
        groups,
        seed=stream,
        draws=DRAWS,
        fluency_draws=FLUENCY_DRAWS,
        asked=asked_in_words(base, asked),
        progress=progress,
    )
    rho, bits = report.pop("rho"), report.pop("bits_per_byte")
    stored = reference.description["report"]
    report |= {key: stored[key] for key in OF_TRAINING if key in stored}
    if save:
        _save(reference.directory, report)
    if plot is not None:
        from prefcli.plots import plot_space

        plot_space(
            {**reference.description, "report": report, "rho": rho},
            space.prior.mean.cpu().numpy(),
            plot,
            reference.name,
        )
    return {
        "space": reference.name,
        "base": reference.base,
        "fingerprint": reference.fingerprint,
        "prompts": report["prompts"],
        "answers": report["answers"],
        "samples": samples,
        "seed": seed,
        "rho": rho,
        "own_bits_per_byte": bits,
        "report": report,
        "verdict": judge(report).as_dict(),
        "saved": save,
        "plot": plot,
    }


def _prompts(
    store: Store, reference: SpaceReference, source: str | None, seed: int
) -> list[Prompt]:
    """At most `MOST_PROMPTS` different prompts, drawn where there are more."""
    if source is None and reference.name == tiny.NAME:
        found = unseen_topics(seed)
    else:
        found = find_prompts(store, source, FEWEST_PROMPTS, NEED).prompts
    random.Random(seed).shuffle(found)
    return found[:MOST_PROMPTS]


def unseen_topics(seed: int) -> list[Prompt]:
    """One wording of each kind of question about each topic that the embedded space never saw."""
    from prefcli.tiny import corpus

    rng = random.Random(seed)
    return [
        text_prompt(rng.choice(corpus.prompts(topic, kind)))
        for topic in corpus.held_out_topics()
        for kind in corpus.PROMPT_KINDS
    ]


def _save(directory: Path, report: dict[str, Any]) -> None:
    try:
        replace_report(directory, report)
    except OSError as error:
        raise PrefcliError(
            f"cannot write to {directory} ({error.strerror or error}): check the permissions and "
            "the free space, or leave --save out"
        ) from error
