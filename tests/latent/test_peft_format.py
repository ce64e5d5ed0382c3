"""PEFT generates with an exported adapter the very tokens that are generated here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from prefcli.decoding import sample
from prefcli.latent.peft_format import adapter_files
from tests.random_spaces import random_taste
from tests.tiny_bases import save_tiny, tiny_base

peft = pytest.importorskip("peft")

PROMPT = [3, 1, 4, 1, 5, 9, 2, 6]


@pytest.mark.parametrize("kind", ["prefix", "soft"])
@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen2", "qwen3"])
def test_peft_generates_the_same_tokens(family: str, kind: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    base = tiny_base(family)
    config, made, prefix = random_taste(base, kind)
    directory = save_tiny(family, tmp_path / "base")
    (tmp_path / "adapter").mkdir()
    for name, content in adapter_files(made, config, str(directory)).items():
        (tmp_path / "adapter" / name).write_bytes(content)

    plain = AutoModelForCausalLM.from_pretrained(directory, dtype="float32")
    model = peft.PeftModel.from_pretrained(plain, tmp_path / "adapter")
    ids = torch.tensor([PROMPT])
    output = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=24,
        pad_token_id=base.pad_id,
    )
    tokens = output[0].tolist()
    answer = tokens[len(PROMPT) :] if tokens[: len(PROMPT)] == PROMPT else tokens
    ours = sample(base, [PROMPT], seeds=[0], prefixes=[prefix], max_new_tokens=24, temperature=0)
    without = sample(base, [PROMPT], seeds=[0], max_new_tokens=24, temperature=0)
    end = next((i for i, token in enumerate(answer) if token in base.stop_ids), len(answer))
    assert base.text(answer[:end]) == ours[0]
    assert ours != without
