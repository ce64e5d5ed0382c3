"""What one z becomes, as an adapter that PEFT loads without prefcli.

A prefix is PEFT's prefix tuning (Li & Liang 2021): a row of its embedding per position, which holds
the key of layer 1, its value, the key of layer 2, ... with the heads side by side. Soft embeddings
are its prompt tuning (Lester et al. 2021): a row per position. Both stand before the prompt, and
the prompt's first token stands at position P, as here.

The two files are written as PEFT writes them, without importing it (4 s, and an extra).

Letters: L layers, H key/value heads, P prefix length, E head size, D hidden size.
"""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor

from prefcli.latent.adapter import AdapterConfig

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def adapter_files(made: Tensor, config: AdapterConfig, source: str) -> dict[str, bytes]:
    """The files of an adapter, by name.

    Args:
        made: What the space's adapter makes of z: (L, 2, H, P, E) for a prefix, (P, D) for soft
            embeddings.
        config: The space's adapter.
        source: Hugging Face id or directory of the base.
    """
    from safetensors.torch import save

    shared = {
        "base_model_name_or_path": source,
        "inference_mode": True,
        "num_layers": config.layers,
        "num_transformer_submodules": 1,
        "num_virtual_tokens": config.prefix_length,
        "task_type": "CAUSAL_LM",
    }
    if config.kind == "soft":
        rows = made
        told = {
            "peft_type": "PROMPT_TUNING",
            "prompt_tuning_init": "RANDOM",
            "token_dim": config.hidden_size,
            "num_attention_heads": 1,  # unused: embeddings have none
        }
    else:
        rows = made.permute(3, 0, 1, 2, 4).flatten(1)  # (P, L 2 H E)
        told = {
            "peft_type": "PREFIX_TUNING",
            "prefix_projection": False,
            # Of keys and values, not of queries: PEFT then takes the sizes as they are.
            "num_attention_heads": config.heads,
            "token_dim": config.heads * config.head_dim,
        }
    description: dict[str, Any] = shared | told
    return {
        CONFIG: (json.dumps(description, indent=2, sort_keys=True) + "\n").encode(),
        WEIGHTS: save({"prompt_embeddings": rows.float().cpu().contiguous()}, {"format": "pt"}),
    }
