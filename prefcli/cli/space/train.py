"""`prefcli space train`."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated, Any

import typer

from prefcli.cli import completion
from prefcli.cli.options import Json, examples, finite
from prefcli.cli.space import screen
from prefcli.cli.space.group import Plot, commands
from prefcli.errors import UsageError
from prefcli.output import Output


def setting(option: str, help: str, metavar: str = "N", **words: Any) -> Any:
    """An option whose default is the service's own."""
    return typer.Option(option, metavar=metavar, help=help, show_default=False, **words)


@commands.command(
    help="Learn a space for a base, from answers that the base itself gives.\n\n"
    "Done once per base and shared by all its users: minutes on a small base, longer on a "
    "large one. The prompts are those of the catalog's feedback, or a file with one per line, "
    'or JSONL with "prompt" and perhaps "responses", which are then not sampled.\n\n'
    "What is done is kept as it goes: after Ctrl-C or a crash, --resume goes on.",
    short_help="Learn a space for a base.",
    epilog=examples(
        "prefcli space train everyday --base mine",
        "prefcli space train stories --base mine --prompts prompts.txt --steps 1000",
        "prefcli space train --base Qwen/Qwen2.5-0.5B-Instruct --dry-run",
        "prefcli space train everyday --base mine --plot everyday.png",
        "prefcli space train everyday --base mine --processes 4",
    ),
)
def train(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="What to call the space; otherwise as its base."),
    ] = None,
    name_option: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="NAME, as an option.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The base to learn for, instead of the one in use; a Hugging Face id or "
            "directory is added first.",
            autocompletion=completion.bases,
        ),
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(metavar="FILE", help="Prompts to answer; - is stdin.")
    ] = None,
    samples: Annotated[
        int | None, setting("--samples", "Answers to sample per prompt; 16 if not given.", min=2)
    ] = None,
    temperature: Annotated[
        float | None,
        setting("--temperature", "Temperature of the answers; 1.", "T", callback=finite),
    ] = None,
    top_p: Annotated[
        float | None,
        setting("--top-p", "Nucleus of the answers; 1, all of it.", "P", callback=finite),
    ] = None,
    max_new_tokens: Annotated[
        int | None, setting("--max-new-tokens", "Longest answer, in tokens; 128.", min=1)
    ] = None,
    steps: Annotated[int | None, setting("--steps", "Steps of training; 500.", min=1)] = None,
    learning_rate: Annotated[
        float | None, setting("--learning-rate", "Peak learning rate; 0.002.", "R", callback=finite)
    ] = None,
    encoder_pace: Annotated[
        float | None,
        setting(
            "--encoder-pace",
            "The encoder's learning rate as a share of that; 0.25. On everyday prose 0.05 learns "
            "sooner, with a learning rate of 0.006.",
            "R",
            callback=finite,
        ),
    ] = None,
    principal_axes: Annotated[
        bool | None,
        setting(
            "--principal-axes",
            "Let the encoder start on the axes in which the answers differ most; on everyday "
            "prose it then learns sooner.",
            metavar="",
        ),
    ] = None,
    prompts_per_step: Annotated[
        int | None,
        setting("--prompts-per-step", "Prompts of a step, with up to 8 answers each; 4.", min=1),
    ] = None,
    latent_size: Annotated[
        int | None,
        setting("--latent-size", "Dimensions before inactive ones are dropped; 16.", min=1),
    ] = None,
    trunk_layers: Annotated[
        int | None,
        setting("--trunk-layers", "Layers of the base that are read; a sixth of them.", min=1),
    ] = None,
    adapter: Annotated[
        str | None,
        setting(
            "--adapter",
            "What a taste becomes: prefix (keys and values for every layer; the default), or "
            "soft (input embeddings, which serving engines take).",
            "KIND",
        ),
    ] = None,
    prefix_length: Annotated[
        int | None, setting("--prefix-length", "Positions of the prefix; 4.", min=1)
    ] = None,
    lora_rank: Annotated[
        int | None,
        setting(
            "--lora-rank",
            "Let the base move as well, by a LoRA of this rank that all users share; 0, no LoRA.",
            min=0,
        ),
    ] = None,
    gradient_checkpointing: Annotated[
        bool | None,
        setting(
            "--gradient-checkpointing", "Save memory by computing activations twice.", metavar=""
        ),
    ] = None,
    tokens_per_pass: Annotated[
        int | None,
        setting(
            "--tokens-per-pass",
            "Tokens that the base reads at once; 8192. Fewer take less memory.",
            min=1,
        ),
    ] = None,
    seed: Annotated[int | None, setting("--seed", "Everything random; 0.", min=0)] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted training.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Throw an interrupted training away; begin anew.")
    ] = False,
    processes: Annotated[
        int,
        typer.Option(
            "--processes",
            metavar="N",
            min=1,
            max=1024,
            help="Processes on this machine that share the work, each with a GPU of its own.",
        ),
    ] = 1,
    shard_base: Annotated[
        bool,
        typer.Option(
            "--shard-base",
            help="Share out the base's layers among the processes, where it does not fit on one "
            "GPU.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Only tell steps, tokens, memory and time, measured on this machine."
        ),
    ] = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    if name is not None and name_option is not None:
        raise UsageError("the space's name is given twice: as NAME and as --name")
    name = name if name is not None else name_option
    if resume and (restart or dry_run):
        raise UsageError("--resume goes on as it began: leave out --restart and --dry-run")
    if dry_run and (processes > 1 or shard_base):
        raise UsageError("--dry-run measures one process: leave out --processes and --shard-base")
    if dry_run and plot is not None:
        raise UsageError("--dry-run trains nothing to draw: leave out --plot")

    from prefcli.services.processes import joined, launch, launched, sharding_asked

    if processes > 1 and not launched():
        raise typer.Exit(launch(processes))

    from prefcli.services.space_plan import Asked
    from prefcli.services.space_training import train_space
    from prefcli.store import Store

    chosen = {
        "samples": samples,
        "temperature": temperature,
        "top_p": top_p,
        "max_new_tokens": max_new_tokens,
        "steps": steps,
        "learning_rate": learning_rate,
        "encoder_pace": encoder_pace,
        "principal_axes": principal_axes,
        "prompts_per_step": prompts_per_step,
        "latent_size": latent_size,
        "trunk_layers": trunk_layers,
        "adapter": adapter,
        "prefix_length": prefix_length,
        "lora_rank": lora_rank,
        "checkpointing": gradient_checkpointing,
        "tokens_per_pass": tokens_per_pass,
        "seed": seed,
    }
    asked: Any = Asked(**{key: value for key, value in chosen.items() if value is not None})  # type: ignore[typeddict-item]
    with Output() as output:
        if dry_run:
            from prefcli.services.space_estimate import estimate_space

            with Store.open() as store:
                estimate = estimate_space(
                    store, base=base, prompts=prompts, progress=output.progress, **asked
                )
            output.record(estimate, as_json)
            return
        try:
            with joined() as workers, Store.open() if workers.first else nullcontext() as home:
                space = train_space(
                    home,
                    name=name,
                    base=base,
                    prompts=prompts,
                    resume=resume,
                    restart=restart,
                    progress=output.progress,
                    workers=workers,
                    shard_base=shard_base or sharding_asked(),
                    plot=plot,
                    **asked,
                )
        except KeyboardInterrupt:
            words = f"{name or ''} --resume"
            output.note(f"what is done is kept: `prefcli space train {words}` goes on")
            raise
        if space is None:  # another process of this training tells
            return
        screen.show(output, space, as_json)
        if plot is not None:
            output.note(f"drawn in {plot}")
        if not as_json:
            output.hint(f"Next: prefcli space use {space['space']}")
