"""Load a base from a directory or from the Hugging Face Hub, on the device that is there.

A damaged directory makes the libraries raise nearly anything, so loading goes in three steps, and
whatever fails in one of them is told as what that step needs, with the next thing to do.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from prefcli.base import Base, fingerprint
from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.families import check_config

QUANTIZATIONS = ("4bit", "8bit")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
LONGEST_CLASSIFIED = 4096  # tokens that a classifier reads, if it can
LONGEST_REASON = 160  # characters of a library's own words
REMEDIES = {
    "config.json": "copy it again, or update transformers if it is of a newer model",
    "tokenizer": "copy the tokenizer's files again, and install what it needs to be read",
    "weights": "copy or download the model again; weights are read from safetensors only",
}


def load_base(
    source: str | Path,
    device: str | None = None,
    dtype: str | None = None,
    trust_remote_code: bool = False,
    quantize: str | None = None,
) -> Base:
    """Load a base from a directory or by its Hugging Face id; weights from safetensors only.

    Args:
        source: Directory or Hugging Face id.
        device: As in `pick_device`.
        dtype: As in `pick_dtype`; of a quantized base, what it computes in.
        trust_remote_code: Run code that comes with the model.
        quantize: One of `QUANTIZATIONS`, through bitsandbytes; the fingerprint is then that of
            the quantized weights, and a space trained on them is for them alone.

    Raises:
        UsageError: unknown device, dtype or quantization.
        NotFoundError: no such directory, and no such model within reach.
        DataError: what is there is damaged, incomplete or not a causal language model.
        PrefcliError: prefixes cannot be given to it, it does not fit into memory, or what
            quantizes it is not installed.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    chosen = pick_device(device)
    precision = pick_dtype(dtype, chosen)
    quantization = _quantization(quantize, precision)
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    directory, where = _locate(source)

    def load(weights: torch.dtype | str, **how: Any) -> tuple[Any, dict[str, Any]]:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            where,
            dtype=weights,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
            **how,
        )
        return loaded[0], loaded[1]

    with _quiet():
        with _step(where, "config.json", hub=not directory):
            config = AutoConfig.from_pretrained(where, trust_remote_code=trust_remote_code)
        check_config(config)
        with _step(where, "tokenizer"):
            tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=trust_remote_code)
        with _step(where, "weights"):
            if quantization:  # where it will stay, and named before it is packed anew for use
                model, found = load(precision, device_map={"": chosen}, **quantization)
                exact: str | None = fingerprint(model)
            else:
                # By way of float16 the fingerprint's bfloat16 would be rounded twice.
                exact = fingerprint(load("auto")[0]) if precision is torch.float16 else None
                model, found = load(precision)
    if found["missing_keys"]:
        some = ", ".join(sorted(found["missing_keys"])[:3])
        raise DataError(
            f"base {where} lacks {len(found['missing_keys'])} weights ({some}): download it again"
        )
    try:
        return Base(model if quantization else model.to(chosen), tokenizer, where, exact)
    except torch.OutOfMemoryError as error:
        raise PrefcliError(
            f"base {where} does not fit into the memory of {chosen}: "
            "use --dtype bfloat16, --device cpu or a smaller base"
        ) from error


def _locate(source: str | Path) -> tuple[Path | None, str]:
    """The local directory, if it is one, and what to give to the library, which is silenced.

    Raises:
        DataError: the directory is no model's.
    """
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    directory = local_path(source)
    if directory:
        _check_files(directory)
    return directory, str(directory or source)


def load_classifier(source: str | Path, device: str | None = None) -> tuple[Any, Any, int]:
    """Load a sequence classifier or a reward model; weights from safetensors only.

    Args:
        source: Directory or Hugging Face id.
        device: As in `pick_device`; it computes in float32.

    Returns:
        Model, tokenizer, and how many tokens it reads.

    Raises:
        UsageError: unknown device.
        NotFoundError: no such directory, and no such model within reach.
        DataError: what is there is damaged, incomplete or no classifier.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    chosen = pick_device(device)
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    directory, where = _locate(source)
    with _quiet():
        with _step(where, "config.json", hub=not directory, kind="classifier"):
            config = AutoConfig.from_pretrained(where)
        with _step(where, "tokenizer", kind="classifier"):
            tokenizer: Any = AutoTokenizer.from_pretrained(where)
        with _step(where, "weights", kind="classifier"):
            loaded: Any = AutoModelForSequenceClassification.from_pretrained(
                where, dtype=torch.float32, use_safetensors=True, output_loading_info=True
            )
    model, found = loaded
    if found["missing_keys"]:
        # A language model without a head would be given one of random weights.
        some = ", ".join(sorted(found["missing_keys"])[:3])
        raise DataError(f"{where} is no trained classifier: it lacks the weights {some}")
    if config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    positions = getattr(config, "max_position_embeddings", None) or LONGEST_CLASSIFIED
    # Some families give two of their positions to what stands outside the text.
    limit = min(int(tokenizer.model_max_length), int(positions) - 2, LONGEST_CLASSIFIED)
    return model.eval().to(chosen), tokenizer, limit


def _quantization(quantize: str | None, precision: torch.dtype) -> dict[str, Any]:
    """What transformers is told about quantizing the weights, nothing to leave them as they are.

    Raises:
        UsageError: an unknown kind.
        PrefcliError: bitsandbytes is not installed.
    """
    if quantize is None:
        return {}
    if quantize not in QUANTIZATIONS:
        raise UsageError(f"--quantize {quantize!r}: use one of {', '.join(QUANTIZATIONS)}")
    missing = [name for name in ("bitsandbytes", "accelerate") if find_spec(name) is None]
    if missing:
        raise PrefcliError(
            f"--quantize needs {' and '.join(missing)}, not installed here: "
            "pip install 'prefcli[quantized]', or add the base without --quantize"
        )
    from transformers import BitsAndBytesConfig

    # It tells each multiplication that it computes in another precision than the model.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    config: Any = BitsAndBytesConfig(
        load_in_4bit=quantize == "4bit",
        load_in_8bit=quantize == "8bit",
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=precision,
    )
    return {"quantization_config": config}


def local_path(source: str | Path) -> Path | None:
    """The path that `source` names, None if nothing is there: it may be a Hugging Face id."""
    try:
        path = Path(source).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):  # too long, ~ of nobody, a NUL
        return None


def _check_files(directory: Path) -> None:
    """Refuse what is no model directory, and one whose weights are pickles.

    Raises:
        DataError: see above.
    """
    if not (directory / "config.json").is_file():
        raise DataError(
            f"{directory} holds no config.json: give a Hugging Face model directory, with "
            "config.json, the tokenizer's files and weights in safetensors"
        )
    pickles = sorted(path.name for end in PICKLES for path in directory.glob(f"*{end}"))
    if pickles and not any(directory.glob("*.safetensors")):
        raise DataError(
            f"{directory} holds pickled weights only ({pickles[0]}), which may run code when they "
            "are read: weights are read from safetensors only, so download the model's "
            "safetensors, or convert it with transformers' save_pretrained where you trust it"
        )


@contextmanager
def _step(where: str, what: str, *, hub: bool = False, kind: str = "base") -> Iterator[None]:
    """Tell any failure of one step of loading as one line.

    Args:
        where: Directory or Hugging Face id.
        what: What the step reads, a key of `REMEDIES`.
        hub: Nothing of the model was found yet, so it may not exist.
        kind: What the model is to be.
    """
    try:
        yield
    except Exception as error:
        reason = _reason(error)
        if hub and Path(where).is_absolute():
            raise NotFoundError(f"no {kind} {where}: no such directory, check the path") from error
        if hub and "trust_remote_code" not in reason:
            raise NotFoundError(
                f"no {kind} {where}: no such directory, and not to be had from the Hugging Face Hub"
                f"{_bracketed(reason)}; check the name and the network, or give a directory"
            ) from error
        remedy = REMEDIES[what]
        if "trust_remote_code" in reason:
            reason = "it needs code that comes with the model"
            remedy = "add --trust-remote-code if you trust its source"
        raise DataError(
            f"cannot load a {kind} from {where}: its {what} cannot be read{_bracketed(reason)}; "
            f"{remedy}"
        ) from error


def _reason(error: Exception) -> str:
    """The library's words where they are meant for people, and nothing where they are not."""
    told = isinstance(error, (OSError, ValueError, ImportError))
    return " ".join(str(error).split()) if told else ""


def _bracketed(reason: str) -> str:
    if not reason:
        return ""
    return f" ({reason if len(reason) <= LONGEST_REASON else reason[:LONGEST_REASON] + '...'})"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries from telling each retry of a connection; a failure is told once, by us."""
    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "httpx", "transformers")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def pick_device(device: str | None) -> torch.device:
    """The device asked for, else CUDA, else Apple's MPS, else the CPU."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device is None:
        return torch.device(next((name for name, there in available.items() if there), "cpu"))
    try:
        chosen = torch.device(device)
    except (RuntimeError, UnicodeError) as error:
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
