"""Loading a base: what is read, what is refused, and how either is told."""

from __future__ import annotations

import importlib.util
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.loading import load_base
from tests.tiny_bases import save_tiny, tiny_base


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("llama", tmp_path_factory.mktemp("saved"))


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    for file in saved.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_a_base_is_the_same_in_every_precision(saved: Path) -> None:
    bases = {dtype: load_base(saved, "cpu", dtype) for dtype in ("float32", "bfloat16", "float16")}
    assert {dtype: str(base.dtype) for dtype, base in bases.items()} == {
        dtype: f"torch.{dtype}" for dtype in bases
    }
    assert len({base.fingerprint() for base in bases.values()}) == 1
    assert bases["float32"].fingerprint() == tiny_base("llama").fingerprint()
    assert bases["float32"].fingerprint() != tiny_base("llama", seed=1).fingerprint()


def one_line(error: pytest.ExceptionInfo[PrefcliError]) -> str:
    message = error.value.message
    assert "\n" not in message
    assert "Traceback" not in message
    return message


def test_a_directory_that_is_not_there_is_missing_input(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        load_base(tmp_path / "absent", "cpu")
    assert f"no base {tmp_path / 'absent'}: no such directory" in one_line(caught)
    assert caught.value.exit_code == 66


def test_unknown_devices_and_precisions_are_usage_errors(saved: Path) -> None:
    for device, dtype, words in (
        ("abacus", None, "unknown device 'abacus': use cuda, cuda:N, mps or cpu"),
        ("meta", None, "device 'meta' is not available here"),
        ("cuda:63", None, "device 'cuda:63' is not available here"),
        ("al\udcff", None, "unknown device"),
        ("cpu", "int3", "unknown dtype 'int3': use one of float32, bfloat16, float16"),
    ):
        with pytest.raises(UsageError) as caught:
            load_base(saved, device, dtype)
        assert words in one_line(caught)


def cut_weights(directory: Path) -> None:
    file = directory / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def lose_a_weight(directory: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(directory / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})


def shrink_a_weight(directory: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(directory / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"][:5].clone()
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})


def lose_tokenizer(directory: Path) -> None:
    for file in directory.glob("tokenizer*"):
        file.unlink()


def set_config(**values: object) -> Callable[[Path], None]:
    def change(directory: Path) -> None:
        config = json.loads((directory / "config.json").read_text())
        (directory / "config.json").write_text(json.dumps({**config, **values}))

    return change


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda d: (d / "config.json").unlink(), "holds no config.json"),
        (lambda d: (d / "config.json").write_text("{"), "config.json"),
        (lambda d: (d / "model.safetensors").write_bytes(b"garbage" * 9), "cannot load a base"),
        (lambda d: (d / "model.safetensors").unlink(), "model.safetensors"),
        (lambda d: (d / "tokenizer.json").write_text("{}"), "cannot load a base"),
        (cut_weights, "cannot load a base"),
        (lose_a_weight, "lacks 1 weights (model.layers.1.mlp.up_proj.weight)"),
        (shrink_a_weight, "its weights cannot be read; copy or download"),
        (lose_tokenizer, "its tokenizer cannot be read"),
        (set_config(model_type="abacus"), "abacus"),
        (set_config(model_type="vit"), "cannot load a base"),
    ],
)
def test_a_damaged_directory_is_bad_data(
    copy: Path, damage: Callable[[Path], object], words: str
) -> None:
    damage(copy)
    with pytest.raises(DataError) as caught:
        load_base(copy, "cpu")
    assert words in one_line(caught)
    assert str(copy) in caught.value.message
    assert re.search("again|give a|update", caught.value.message), "it says what to do"


class Bomb:
    """What a hostile pickle could do: run something while it is read."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[[Path], object], tuple[Path]]:
        return Path.touch, (self.target,)


def test_pickled_weights_are_neither_read_nor_run(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    torch.save({"lm_head.weight": Bomb(copy / "ran")}, copy / "pytorch_model.bin")
    with pytest.raises(DataError, match="read from safetensors only, so download") as caught:
        load_base(copy, "cpu")
    assert "pytorch_model.bin" in one_line(caught)
    assert not (copy / "ran").exists()


def test_code_beside_the_weights_is_not_run(copy: Path) -> None:
    set_config(model_type="own", auto_map={"AutoConfig": "own.Config"})(copy)
    (copy / "own.py").write_text(f"open({str(copy / 'ran')!r}, 'w')\nclass Config: pass\n")
    with pytest.raises(DataError, match=r"cannot load a base .* add --trust-remote-code") as caught:
        load_base(copy, "cpu")
    one_line(caught)
    assert not (copy / "ran").exists()


class Heard(logging.Handler):
    """Keeps what a library says."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def test_an_id_out_of_reach_is_told_once_and_the_libraries_are_quiet_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import transformers

    library = logging.getLogger("huggingface_hub")
    level, heard = library.level, Heard()

    def unreachable(where: str, **_: Any) -> None:
        logging.getLogger("huggingface_hub.utils._http").warning("Retrying in 1s [Retry 1/5].")
        raise OSError("We couldn't connect to 'https://huggingface.co'\nor so.")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", unreachable)
    library.addHandler(heard)
    try:
        with pytest.raises(NotFoundError) as caught:
            load_base("noorg/does-not-exist", "cpu")
        logging.getLogger("huggingface_hub.utils._http").warning("afterwards")
    finally:
        library.removeHandler(heard)
    assert one_line(caught) == (
        "no base noorg/does-not-exist: no such directory, and not to be had from the Hugging Face "
        "Hub (We couldn't connect to 'https://huggingface.co' or so.); check the name and the "
        "network, or give a directory"
    )
    assert (heard.messages, library.level) == (["afterwards"], level)


@pytest.mark.parametrize("source", ["a" * 5000, "~nobody-of-that-name/x", "a\0b"])
def test_a_source_that_no_file_system_has_is_missing_input(source: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        load_base(source, "cpu")
    one_line(caught)


# -- fewer bits ---------------------------------------------------------------------------------


def test_an_unknown_quantization_is_a_usage_error(saved: Path) -> None:
    with pytest.raises(UsageError, match="--quantize '3bit': use one of 4bit, 8bit") as caught:
        load_base(saved, "cpu", quantize="3bit")
    one_line(caught)


def test_without_what_quantizes_one_line_says_what_to_install(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> object:
        return None if name == "bitsandbytes" else there(name, package)

    monkeypatch.setattr("prefcli.loading.find_spec", find_spec)
    with pytest.raises(PrefcliError) as caught:
        load_base(saved, "cpu", quantize="4bit")
    assert one_line(caught) == (
        "--quantize needs bitsandbytes, not installed here: pip install 'prefcli[quantized]', or "
        "add the base without --quantize"
    )


@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["4bit", "8bit"])
def test_a_quantized_base_is_another_and_each_time_the_same(saved: Path, quantize: str) -> None:
    pytest.importorskip("bitsandbytes")
    exact = load_base(saved, "cpu", "float32")
    base, again = (load_base(saved, "cpu", "float32", quantize=quantize) for _ in range(2))
    ids = [[3, 1, 4, 1, 5]], [[9, 2, 6, 5, 35, 89, 79]]
    scores = [b.negative_log_likelihood(*ids).item() for b in (base, again, exact)]
    assert scores[0] == scores[1]
    assert scores[0] == pytest.approx(scores[2], rel=0.2)
    assert scores[0] != scores[2]
    # Whatever was packed for use meanwhile.
    assert base.fingerprint() == again.fingerprint() != exact.fingerprint()
    third = load_base(saved, "cpu", "float32", quantize=quantize)
    assert third.fingerprint() == base.fingerprint()
    shape = base.prefix_shape
    prefix = torch.randn(
        (1, shape.layers, 2, shape.heads, 4, shape.head_dim),
        generator=torch.Generator().manual_seed(0),
    ).requires_grad_()
    base.negative_log_likelihood(*ids, prefix).sum().backward()
    assert prefix.grad is not None
    assert prefix.grad.isfinite().all()
    assert (prefix.grad.abs().sum(dim=(0, 3, 4, 5)) > 0).all()


# -- what is refused ----------------------------------------------------------------------------

RUNNING = "keeps a running state instead of keys and values"
LATENT = "compresses its keys and values (multi-head latent attention)"
SIZES = "keeps keys and values of different sizes"
SLOTS = "measures distance in slots of memory, where padding counts"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "mamba"}, RUNNING),
        ({"model_type": "mamba2"}, RUNNING),
        ({"model_type": "rwkv"}, RUNNING),
        ({"model_type": "recurrent_gemma"}, RUNNING),
        ({"model_type": "jamba"}, RUNNING),
        ({"model_type": "qwen3_next"}, RUNNING),
        ({"model_type": "qwen3_5_text"}, RUNNING),
        ({"model_type": "nemotron_h"}, RUNNING),
        ({"model_type": "deepseek_v2"}, LATENT),
        ({"model_type": "deepseek_v3"}, LATENT),
        ({"model_type": "minicpm3"}, LATENT),
        ({"model_type": "mimo_v2_flash"}, SIZES),
        ({"model_type": "gemma4_text"}, SIZES),
        ({"model_type": "gemma3n_text"}, "has layers that use the keys and values of other layers"),
        ({"model_type": "gemma3n"}, "has layers that use the keys and values of other layers"),
        ({"model_type": "deepseek_v4"}, "has a memory of its own kind"),
        ({"model_type": "mpt"}, f"{SLOTS} (ALiBi)"),
        ({"model_type": "gpt_neo"}, f"{SLOTS}, in its local layers"),
        ({"model_type": "trocr"}, SLOTS),
        ({"model_type": "bart"}, "bart is an encoder-decoder"),
        ({"model_type": "t5"}, "t5 is an encoder-decoder"),
    ],
    ids=lambda value: value["model_type"] if isinstance(value, dict) else "",
)
def test_a_memory_that_no_prefix_can_be_added_to_is_refused_before_loading(
    tmp_path: Path, config: dict[str, object], words: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(PrefcliError) as caught:
        load_base(tmp_path, "cpu")
    assert f"{config['model_type']} " in one_line(caught)
    assert words in caught.value.message
    assert "use a" in caught.value.message, "it says what to do"
    assert caught.value.exit_code == 1
