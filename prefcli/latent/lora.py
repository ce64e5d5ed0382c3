"""The paper's second stage, where the base itself moves: one LoRA, shared by all users.

Low-rank updates (Hu et al. 2021, arXiv 2106.09685) of the attention of every layer above the
encoder's trunk, through PEFT. They are at work only where a prefix stands before the prompt, so
that an answer without a profile is the plain base's, and what the encoder reads never moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from prefcli.errors import DataError, PrefcliError, UsageError

if TYPE_CHECKING:
    from prefcli.base import Base

# What the families call the projections of their attention.
PROJECTIONS = (
    *("q_proj", "k_proj", "v_proj", "o_proj", "out_proj", "dense"),
    *("qkv_proj", "c_attn", "c_proj", "query_key_value", "Wqkv"),
)


@dataclass(frozen=True)
class Lora:
    """A LoRA that was attached to a base.

    Args:
        name: Of the adapter within the model.
        parameters: Its weights, in place, by their paths in the model without that name.
    """

    name: str
    parameters: Mapping[str, torch.nn.Parameter]

    def state(self) -> dict[str, Tensor]:
        """A copy of the weights on the CPU."""
        return {path: weight.detach().cpu().clone() for path, weight in self.parameters.items()}

    def round(self) -> None:
        """Round the weights to what a space's file holds, so that what is measured is saved."""
        with torch.no_grad():
            for weight in self.parameters.values():
                weight.copy_(weight.half())

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over weights.

        Raises:
            DataError: they are those of another base or rank.
        """
        fits = state.keys() == self.parameters.keys() and all(
            weight.shape == state[path].shape for path, weight in self.parameters.items()
        )
        if not fits:
            raise DataError("the LoRA's weights do not fit this base: train the space again")
        with torch.no_grad():
            for path, weight in self.parameters.items():
                weight.copy_(state[path])


def attach(base: Base, rank: int, first_layer: int, name: str = "stage1") -> Lora:
    """Add a LoRA to the layers of a base from `first_layer` on; at first it changes nothing.

    Raises:
        UsageError: no layer is left above the trunk.
        PrefcliError: PEFT is not installed, or the family's attention is not known to it.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise PrefcliError(
            "a LoRA is trained and read through peft, which is not installed: "
            "pip install 'prefcli[train]'"
        ) from error
    from transformers.pytorch_utils import Conv1D

    if first_layer >= base.layer_count:
        raise UsageError(
            f"--lora-rank: the encoder reads all {base.layer_count} layers of the base, and what "
            "it reads must not move: lower --trunk-layers"
        )
    base.fingerprint()  # of the weights as they are named before PEFT wraps them
    attention = [
        path
        for path, _ in base.model.named_modules()
        if path.rpartition(".")[2] in PROJECTIONS
        and "mlp" not in path
        and _layer(path) >= first_layer
    ]
    if not attention:
        raise PrefcliError(
            f"--lora-rank: the attention of {base.config.model_type} is not known here: "
            "train without it"
        )
    transposed = any(isinstance(base.model.get_submodule(path), Conv1D) for path in attention)
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=attention, fan_in_fan_out=transposed
    )
    inject_adapter_in_model(config, base.model, adapter_name=name)
    found = {
        path.replace(f".{name}.", "."): weight
        for path, weight in base.model.named_parameters()
        if f".lora_A.{name}." in path or f".lora_B.{name}." in path
    }
    for weight in base.model.parameters():
        weight.requires_grad_(False)
    for weight in found.values():
        weight.data = weight.data.float()
        weight.requires_grad_(True)
    base.moves_with(name)
    return Lora(name, found)


def _layer(path: str) -> int:
    """The number of the layer in a module's path, -1 where there is none."""
    return next((int(part) for part in path.split(".") if part.isdigit()), -1)
