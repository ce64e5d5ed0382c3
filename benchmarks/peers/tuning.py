"""Peers that train weights by DPO: TRL's `DPOTrainer` over PEFT's LoRA, prefix tuning and P-tuning.

The tools are used as they come. What they learned then speaks through prefcli's own sampling: a
LoRA moves the weights of a copy of the base, a prefix is the keys and values that PEFT makes of it,
a soft prompt the keys and values of its embeddings.
"""

from __future__ import annotations

import copy
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from benchmarks.judges import Pair
from benchmarks.peers.base import Clock, Job, Lesson, Setting, Speaker, Voice
from benchmarks.tasks.base import Arena
from prefcli.base import Base
from prefcli.errors import PrefcliError
from prefcli.feedback.records import text_prompt

BATCH = 8
BETA = 0.1
MOST_EPOCHS = 10
PATIENCE = 2  # passes without a better loss on held-out pairs
VIRTUAL_TOKENS = 8
RANK = 8
LORA_GRID: tuple[Setting, ...] = tuple({"rate": r} for r in (1e-5, 1e-4, 1e-3, 3e-3, 1e-2))
PROMPT_GRID: tuple[Setting, ...] = tuple({"rate": r} for r in (1e-4, 1e-3, 1e-2, 3e-2))


def lora_dpo(job: Job) -> Lesson:
    """LoRA of rank 8 on every linear map, the scale twice the rank."""
    from peft import LoraConfig

    config = LoraConfig(
        r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    return _teach(job, config, "lora_dpo")


def prefix_dpo(job: Job) -> Lesson:
    """Keys and values of 8 virtual tokens in every layer, trained directly."""
    from peft import PrefixTuningConfig

    config = PrefixTuningConfig(num_virtual_tokens=VIRTUAL_TOKENS, task_type="CAUSAL_LM")
    return _teach(job, config, "prefix_dpo")


def p_tuning_dpo(job: Job) -> Lesson:
    """8 virtual tokens whose embeddings a small network makes (Liu et al. 2021)."""
    from peft import PromptEncoderConfig

    config = PromptEncoderConfig(
        num_virtual_tokens=VIRTUAL_TOKENS,
        encoder_hidden_size=job.arena.model.base.hidden_size,
        task_type="CAUSAL_LM",
    )
    return _teach(job, config, "p_tuning_dpo")


def speaking(arena: Arena, tuned: Any, method: str) -> Voice:
    """How what PEFT wraps speaks by now, through prefcli's own sampling.

    Args:
        arena: The task.
        tuned: A PEFT model; for LoRA over a copy of the base.
        method: Which of the three it is.
    """
    model = arena.model
    base = model.base
    if method == "lora_dpo":
        return Voice(as_base(tuned.get_base_model(), base), model.max_new_tokens)
    with torch.no_grad():
        made = tuned.get_prompt(batch_size=1)
        if method == "p_tuning_dpo":
            prefix = base.read(made)[0]
        else:
            prefix = torch.stack([torch.stack([x.keys[0], x.values[0]]) for x in made.layers])
    prefix = prefix.detach().clone()
    return Voice(base, model.max_new_tokens, lambda _: prefix)


def as_base(tuned: Any, base: Base) -> Base:
    """The changed model as a base, its weights as trainable as they were."""
    trainable = [weight for weight in tuned.parameters() if weight.requires_grad]
    found = Base(tuned, base.tokenizer, base.source, base.fingerprint())
    for weight in trainable:
        weight.requires_grad_(True)
    return found


def _teach(job: Job, config: Any, method: str) -> Lesson:
    try:
        from datasets import Dataset, disable_progress_bars, load_from_disk
        from transformers import PrinterCallback
        from trl import DPOConfig, DPOTrainer
    except ImportError as error:
        raise PrefcliError(
            "training peers needs TRL, which is not installed: pip install 'prefcli[bench]'"
        ) from error
    disable_progress_bars()
    base = job.arena.model.base
    epochs = int(job.setting.get("epochs", MOST_EPOCHS))
    with _quiet(), tempfile.TemporaryDirectory() as scratch:
        clock = Clock()
        arguments = DPOConfig(
            output_dir=scratch,
            beta=BETA,
            learning_rate=job.setting["rate"],
            num_train_epochs=epochs,
            lr_scheduler_type="constant",  # so that stopping early is a shorter training
            per_device_train_batch_size=BATCH,
            precompute_ref_log_probs=True,
            max_length=None,
            eval_strategy="epoch" if job.held_out else "no",
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=base.device.type == "cpu",
            bf16=False,
            gradient_checkpointing=False,
            seed=job.seed,
        )
        # On disk and below `scratch`, so that nothing of an earlier fit is reused.
        for name, pairs in (("train", job.pairs), ("held-out", job.held_out)):
            if pairs:
                Dataset.from_list(_rows(base, pairs)).save_to_disk(f"{scratch}/{name}")
        trainer = DPOTrainer(
            copy.deepcopy(base.model),
            args=arguments,
            train_dataset=load_from_disk(f"{scratch}/train"),
            eval_dataset=load_from_disk(f"{scratch}/held-out") if job.held_out else None,
            processing_class=base.tokenizer,
            peft_config=config,
        )

        trainer.remove_callback(PrinterCallback)  # what it prints goes to stdout
        trainer.model.register_forward_hook(_answers_alone, with_kwargs=True)

        def speaker() -> Speaker:
            trainer.model.eval()
            return speaking(job.arena, trainer.model, method)

        if job.watch or job.held_out:
            trainer.add_callback(_watching(job, clock, speaker, trainer))
        with clock.part("train"):
            trainer.train()
        trained = speaker()
        seconds = clock.whole()
        kept = _size(trainer.model)
        passes = round(trainer.state.epoch or 0)
    return Lesson(trained, seconds, kept, notes={"passes": passes})


def _watching(job: Job, clock: Clock, speaker: Callable[[], Speaker], trainer: Any) -> Any:
    """Hands the method on after every pass, and stops where held-out pairs say so."""
    from transformers import TrainerCallback

    class Watching(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.losses: list[float] = []

        def on_epoch_end(self, *_: Any, **__: Any) -> None:
            if job.watch:
                seconds = clock.so_far()
                with clock.aside(), torch.no_grad():
                    job.watch(round(trainer.state.epoch), seconds, speaker())
                trainer.model.train()

        def on_evaluate(self, _: Any, __: Any, control: Any, **given: Any) -> Any:
            self.losses.append(float(given["metrics"]["eval_loss"]))
            best = self.losses.index(min(self.losses))
            if len(self.losses) - 1 - best >= PATIENCE:
                control.should_training_stop = True
            return control

    return Watching()


def _answers_alone(_: Any, __: Any, given: Mapping[str, Any], output: Any) -> Any:
    """Logits of the tokens that were given: PEFT puts those of soft prompts before them.

    TRL takes them for what they are from 1.16 on, whose loss is half as fast on a CPU.
    """
    if output.logits is not None:
        output.logits = output.logits[:, -given["input_ids"].shape[1] :]
    return output


def _rows(base: Base, pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """The pairs as the trainer takes them: the prompt as the base is asked it, then text."""
    return [
        {
            "prompt": base.tokenizer.decode(base.prompt_ids(text_prompt(pair.prompt))),
            "chosen": pair.better,
            "rejected": pair.worse,
        }
        for pair in pairs
    ]


def _size(model: Any) -> int:
    """Bytes of what PEFT would save."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save

    kept = io.BytesIO(
        save({k: v.contiguous() for k, v in get_peft_model_state_dict(model).items()})
    )
    return kept.getbuffer().nbytes


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' warnings about settings that are theirs to choose to themselves."""
    names = ("trl", "transformers", "peft", "accelerate", "datasets")
    levels = {name: logging.getLogger(name).level for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
