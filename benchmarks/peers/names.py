"""What the methods are called; importing this imports nothing else."""

from __future__ import annotations

LABELS = {
    "base": "the base",
    "prefcli": "prefcli",
    "latent_dpo": "Latent DPO",
    "steering_z": "mean difference in z",
    "steering_hidden": "steering of hidden states",
    "in_context": "examples in the prompt",
    "lora_dpo": "LoRA-DPO",
    "prefix_dpo": "prefix-tuning DPO",
    "p_tuning_dpo": "P-tuning DPO",
    "oracle": "oracle z",
    "best_of_16": "best of 16",
}
REFERENCES = ("base", "oracle", "best_of_16")
LEARNERS = tuple(name for name in LABELS if name not in REFERENCES)
SLOW = ("lora_dpo", "prefix_dpo", "p_tuning_dpo")
