"""Every method by name, in the order of the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.peers import latent, references, steering, tuning
from benchmarks.peers.base import Job, Lesson, Peer, Setting
from benchmarks.peers.names import LABELS, REFERENCES, SLOW

TEACH: dict[str, Callable[[Job], Lesson]] = {
    "base": references.the_base,
    "prefcli": latent.prefcli,
    "latent_dpo": latent.latent_dpo,
    "steering_z": latent.steering_z,
    "steering_hidden": steering.steering_hidden,
    "in_context": references.in_context,
    "lora_dpo": tuning.lora_dpo,
    "prefix_dpo": tuning.prefix_dpo,
    "p_tuning_dpo": tuning.p_tuning_dpo,
    "oracle": references.Oracle(),
    "best_of_16": references.BestOf16(),
}
GRIDS: dict[str, Sequence[Setting]] = {
    "steering_hidden": steering.GRID,
    "lora_dpo": tuning.LORA_GRID,
    "prefix_dpo": tuning.PROMPT_GRID,
    "p_tuning_dpo": tuning.PROMPT_GRID,
}
PEERS = {
    name: Peer(
        name,
        TEACH[name],
        grid=GRIDS.get(name, ()),
        reference=name in REFERENCES,
        largest=references.SHOTS if name == "in_context" else None,
        slow=name in SLOW,
    )
    for name in LABELS
}
