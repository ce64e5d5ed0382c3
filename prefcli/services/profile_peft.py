"""A profile as an adapter of PEFT, for programs that know PEFT and not prefcli."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefcli.errors import DataError, PrefcliError, UsageError
from prefcli.services.bases import open_base, resolve_base
from prefcli.services.blends import find_taste
from prefcli.services.portable import write_file
from prefcli.services.sampling import Settings
from prefcli.services.spaces import open_space, space_of
from prefcli.store import Store

if TYPE_CHECKING:
    from prefcli.progress import Progress


def export_peft(
    store: Store,
    name: str,
    target: str,
    *,
    strength: float = 1.0,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a profile or a blend as a directory that `PeftModel.from_pretrained` loads.

    Args:
        store: The open home.
        name: `user`, `user@version` or a blend.
        target: The directory; made if it is not there.
        strength: As in `generate`.
        force: Replace an adapter that is there.

    Returns:
        `profile`, `base` (its Hugging Face id or directory), `kind` (`prefix` or `soft`), `file`
        (the directory) and `bytes`.

    Raises:
        UsageError: the strength is out of its range, there is an adapter already, or the space
            moves the base itself, which no one adapter can hold.
        NotFoundError: no such profile, or its space or base is not here.
        DataError: something is damaged, or the profile learned nothing.
        PrefcliError: the directory cannot be written.
    """
    import torch

    from prefcli.latent.peft_format import adapter_files

    Settings(strength=strength)
    taste = find_taste(store, name)
    z = taste.open().latent(strength)
    if z is None:
        raise DataError(f"{name} prefers nothing: its answers are the plain base's, no adapter")
    reference = space_of(store, taste.space)
    if reference.description.get("lora_rank"):
        raise UsageError(
            f"space {reference.name} moves the base itself by a LoRA, which one PEFT adapter "
            "cannot hold beside a prefix: use a space trained without --lora-rank"
        )
    resolved = resolve_base(store, reference.base)
    base = open_base(resolved, progress)
    space = open_space(reference)
    space.attach(base)
    point = torch.as_tensor(z, dtype=torch.float32, device=space.adapter.inner.weight.device)
    with torch.no_grad():
        made = space.adapter(point[None])[0]
    files = adapter_files(made, space.config.adapter, base.source)
    directory = Path(target)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PrefcliError(f"cannot make {target} ({error.strerror}): name another") from error
    for file, content in files.items():
        write_file(directory / file, content, force)
    return {
        "profile": taste.full_name,
        "base": base.source,
        "kind": space.config.adapter.kind,
        "file": target,
        "bytes": sum(map(len, files.values())),
    }
