"""A base shared out among processes, for one that does not fit on one device.

Each decoder layer's weights are cut up among the processes (FSDP: Zhao et al. 2023, arXiv
2304.11277, in PyTorch's second form), and put together for as long as that layer computes. What
lies outside the layers, the embeddings above all, is whole everywhere, and so are the encoder and
the adapter, which are small.

Every pass through a layer is one for all processes together. So whoever works with such a base
makes as many passes as the others, in the same order: `latent.step` and `latent.responses` see to
it. Each layer is cut up on its own, not as part of the model, and so a pass may end early, as
`Base.hidden_states` does.
"""

from __future__ import annotations

import torch

from prefcli.base import Base
from prefcli.families import layer_stack


def shard(base: Base, device: torch.device) -> Base:
    """Keep this process's part of a base that lies in the computer's own memory.

    Args:
        base: The whole; changed in place.
        device: Where this process computes.
    """
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    base.fingerprint()  # of the whole weights, while they are there
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for layer in layer_stack(base.model, base.layer_count):
        fully_shard(layer, mesh=mesh)
    base.model.to(device)
    base.device = device
    base.sharded = True
    return base
