"""Load a base from a directory or from the Hugging Face Hub, on the device that is there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from prefcli.base import Base, fingerprint
from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.families import check_config

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_base(
    source: str | Path,
    device: str | None = None,
    dtype: str | None = None,
    trust_remote_code: bool = False,
) -> Base:
    """Load a base from a directory or by its Hugging Face id; weights from safetensors only.

    Raises:
        UsageError: unknown device or dtype.
        NotFoundError: no such directory, and no such model within reach.
        DataError: what is there is damaged, incomplete or not a causal language model.
        PrefcliError: prefixes cannot be given to it, or it does not fit into memory.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    chosen = pick_device(device)
    precision = pick_dtype(dtype, chosen)
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    directory = Path(source).expanduser()
    if directory.exists() and not (directory / "config.json").is_file():
        raise DataError(f"{source} holds no config.json: expected a Hugging Face model directory")
    where = str(directory) if directory.exists() else str(source)

    def load(weights: torch.dtype | str) -> tuple[Any, dict[str, Any]]:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            where,
            dtype=weights,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
        )
        return loaded[0], loaded[1]

    try:
        config = AutoConfig.from_pretrained(where, trust_remote_code=trust_remote_code)
        check_config(config)
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=trust_remote_code)
        # By way of float16 the fingerprint's bfloat16 would be rounded twice.
        exact = fingerprint(load("auto")[0]) if precision is torch.float16 else None
        model, found = load(precision)
    except PrefcliError:
        raise
    except Exception as error:  # a damaged directory makes the loaders raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        if directory.exists():
            raise DataError(f"cannot load a base from {where}: {reason[:300]}") from error
        raise NotFoundError(
            f"no base {where}: not a directory, and not to be had from the Hugging Face Hub "
            f"({reason[:160]})"
        ) from error
    if found["missing_keys"]:
        some = ", ".join(sorted(found["missing_keys"])[:3])
        raise DataError(
            f"base {where} lacks {len(found['missing_keys'])} weights ({some}): download it again"
        )
    try:
        return Base(model.to(chosen), tokenizer, where, exact)
    except torch.OutOfMemoryError as error:
        raise PrefcliError(
            f"base {where} does not fit into the memory of {chosen}: "
            "use --dtype bfloat16, --device cpu or a smaller base"
        ) from error


def pick_device(device: str | None) -> torch.device:
    """The device asked for, else CUDA, else Apple's MPS, else the CPU."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device is None:
        return torch.device(next((name for name, there in available.items() if there), "cpu"))
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"unknown device {device!r}: use cuda, cuda:N, mps or cpu") from error
    beyond = chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count()
    if beyond or not available.get(chosen.type, chosen.type == "cpu"):
        raise UsageError(f"device {device!r} is not available here: use cpu")
    return chosen


def pick_dtype(dtype: str | None, device: torch.device) -> torch.dtype:
    """The precision asked for, else bfloat16 on CUDA, float16 on MPS, float32 on the CPU."""
    if dtype is None:
        return {"cuda": torch.bfloat16, "mps": torch.float16}.get(device.type, torch.float32)
    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}: use one of {', '.join(DTYPES)}")
    return DTYPES[dtype]
