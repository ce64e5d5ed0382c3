"""What a measurement was taken on, and of what: seconds mean nothing without it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

import prefcli


def machine() -> dict[str, Any]:
    """What the seconds were measured on."""
    name = platform.processor()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for row in information.read_text(encoding="utf-8").splitlines():
            if row.startswith("model name"):
                name = row.partition(":")[2].strip()
                break
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def versions() -> dict[str, str]:
    """What was measured."""
    import transformers

    return {
        "prefcli": prefcli.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "numpy": np.__version__,
    }
