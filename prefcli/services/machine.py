"""What prefcli runs on: the device that bases take by default, and the libraries that are here."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterator
from importlib import metadata

from prefcli import __version__
from prefcli.services.findings import Finding, bad, ok, warning

REQUIRED = (
    "torch",
    "transformers",
    "safetensors",
    "huggingface-hub",
    "numpy",
    "sqlite-utils",
    "typer",
    "rich",
)
# What an extra adds, and the extra that adds it.
OPTIONAL = {
    "accelerate": "train",
    "peft": "train",
    "bitsandbytes": "quantized",
    "matplotlib": "plot",
    "pyarrow": "tables",
    "openpyxl": "tables",
}
LEAST_TORCH = (2, 9)


def check_versions() -> Iterator[Finding]:
    """Versions of everything, and what is missing."""
    yield ok(
        "versions",
        f"prefcli {__version__}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}",
    )
    found = {name: _version(name) for name in (*REQUIRED, *OPTIONAL)}
    here = [f"{name} {version}" for name, version in found.items() if version]
    yield ok("libraries", ", ".join(here))
    for name in REQUIRED:
        if found[name] is None:
            yield bad("libraries", f"{name} is not installed", f"pip install {name}")
    numbers = tuple(int(part) for part in (found["torch"] or "").split(".")[:2] if part.isdigit())
    if numbers and numbers < LEAST_TORCH:
        yield bad("libraries", f"torch {found['torch']} is too old", "pip install -U torch")
    missing: dict[str, list[str]] = {}
    for name, extra in OPTIONAL.items():
        if found[name] is None:
            missing.setdefault(extra, []).append(name)
    if missing:
        told = "; ".join(
            f"{', '.join(names)} (pip install 'prefcli[{extra}]')"
            for extra, names in missing.items()
        )
        yield ok("extras", f"not installed, and needed only for what their extras do: {told}")


def check_device() -> Iterator[Finding]:
    """What a base that names no device and no dtype runs on, and what pays there."""
    try:
        import torch

        from prefcli.loading import pick_device, pick_dtype
        from prefcli.precision import bfloat16_pays

        device = pick_device(None)
        dtype = str(pick_dtype(None, device)).removeprefix("torch.")
        pays = bfloat16_pays(device)
        threads, cores = torch.get_num_threads(), os.cpu_count() or 1
        if device.type == "cuda":
            card = torch.cuda.get_device_properties(device)
            free, total = torch.cuda.mem_get_info(device)
            what = f"{card.name}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"
        else:
            what = f"{platform.machine()}, {threads} threads on {cores} cores"
    except Exception as error:  # a broken installation fails in any way there is
        yield bad(
            "device",
            f"torch cannot be used ({type(error).__name__}: {' '.join(str(error).split())[:160]})",
            "install it again, in a fresh environment if that fails",
        )
        return
    half = "bfloat16 pays" if pays else "float32 is the fastest, bfloat16 is emulated and slow"
    yield ok("device", f"{device.type} ({what}); bases load in {dtype}, {half}")
    if device.type == "cpu" and torch.version.cuda and _nvidia():
        yield warning(
            "device",
            f"there is an NVIDIA GPU, and torch (CUDA {torch.version.cuda}) cannot use it",
            "update its driver, or install the torch build for the driver that is there",
        )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _nvidia() -> bool:
    return os.path.exists("/dev/nvidia0")  # noqa: PTH110 (a device, and not a path of ours)
