"""Where bfloat16 is worth it: on CUDA, and on CPUs whose kernels have it.

On a CPU without AVX-512 a product of matrices in bfloat16 is emulated, two hundred times slower
than the same in float32.
"""

from __future__ import annotations

import torch


def bfloat16_pays(device: torch.device) -> bool:
    """Whether `torch.autocast(device.type, torch.bfloat16)` makes a training faster."""
    if device.type == "cpu":
        return bool(
            torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
