"""The function of docs/how-to/serving.md puts a soft profile where prefcli puts it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from prefcli.decoding import sample
from prefcli.latent.peft_format import adapter_files
from tests.random_spaces import random_taste
from tests.tiny_bases import save_tiny, tiny_base

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "serving.md"
PROMPT = [3, 1, 4, 1, 5, 9, 2, 6]


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen3"])
def test_embeddings_before_the_prompt_give_the_tokens_that_prefcli_gives(
    family: str, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    base = tiny_base(family)
    config, made, prefix = random_taste(base, "soft")
    directory = save_tiny(family, tmp_path / "base")
    for name, content in adapter_files(made, config, str(directory)).items():
        (tmp_path / name).write_bytes(content)

    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), flags=re.S | re.M)
    names: dict[str, Any] = {}
    exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102
    model = AutoModelForCausalLM.from_pretrained(directory, dtype="float32")
    with torch.no_grad():
        embeddings = names["with_profile"](model, torch.tensor([PROMPT]), tmp_path)
    assert embeddings.shape == (1, 4 + len(PROMPT), base.hidden_size)
    output = model.generate(
        inputs_embeds=embeddings,
        attention_mask=torch.ones(embeddings.shape[:2], dtype=torch.long),
        do_sample=False,
        max_new_tokens=24,
        pad_token_id=base.pad_id,
    )[0].tolist()
    end = next((i for i, token in enumerate(output) if token in base.stop_ids), len(output))
    ours = sample(base, [PROMPT], seeds=[0], prefixes=[prefix], max_new_tokens=24, temperature=0)
    without = sample(base, [PROMPT], seeds=[0], max_new_tokens=24, temperature=0)
    assert base.text(output[:end]) == ours[0]
    assert ours != without
