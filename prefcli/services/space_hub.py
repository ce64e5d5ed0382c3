"""Spaces on the Hugging Face Hub: one exported file and a card that says what it is."""

from __future__ import annotations

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from prefcli import hub, tiny
from prefcli.errors import UsageError
from prefcli.latent.portable import Portable, is_hub_id
from prefcli.services.portable import add_portable, portable_space, read_file
from prefcli.store import Store
from prefcli.store.registry import check_name

if TYPE_CHECKING:
    from prefcli.progress import Progress

FILE = "prefcli.space.safetensors"


def push_space(
    store: Store,
    name: str,
    repo_id: str,
    *,
    private: bool = False,
    revision: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Upload a space and a card to a model repository, made if there is none.

    Args:
        store: The open home.
        name: Which space.
        repo_id: `user/name`.
        private: If the repository is made, only its owner can see it.
        revision: The branch, made if there is none; default main.

    Raises:
        UsageError: `repo_id` cannot be a repository.
        NotFoundError: no such space or repository.
        DataError: the space's files are damaged.
        PrefcliError: no token, no network, not allowed.
    """
    _check_repository(repo_id)
    reference, portable = portable_space(store, name)
    content = portable.to_bytes()
    card = model_card(portable, reference.name, reference.base, repo_id, revision)
    if progress:
        progress(f"uploading to {repo_id}", 0, None)
    url = hub.upload(
        repo_id,
        {FILE: content, "README.md": card.encode()},
        private=private,
        revision=revision,
        message=f"Space {portable.fingerprint}",
    )
    return {
        "space": reference.name,
        "base": reference.base,
        "fingerprint": reference.fingerprint,
        "repo": repo_id,
        "revision": revision or "main",
        "url": url,
        "bytes": len(content),
    }


def pull_space(
    store: Store,
    repo_id: str,
    name: str | None = None,
    *,
    base: str | None = None,
    revision: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Download a space that `push_space` uploaded, and import it.

    Args:
        store: The open home.
        repo_id: `user/name`.
        name: What to call the space; default the repository's name.
        base: Name of its base; default the one here of the right fingerprint.
        revision: Branch, tag or commit; default main.

    Raises:
        UsageError: the name is taken by another space.
        NotFoundError: no such repository or revision, or the space's base is not here.
        DataError: what is there is no space, or damaged.
        PrefcliError: no network, not allowed.
    """
    _check_repository(repo_id)
    name = check_name(repo_id.rpartition("/")[2] if name is None else name, "space")
    if progress:
        progress(f"downloading {repo_id}", 0, None)
    with TemporaryDirectory(prefix="prefcli-") as directory:
        path = hub.download(repo_id, FILE, Path(directory), revision)
        content = read_file(str(path), repo_id)
    return add_portable(store, content, name, base, repo_id)


def model_card(
    portable: Portable, name: str, base: str, repo_id: str, revision: str | None = None
) -> str:
    """README.md of a repository: what the space is of, how good it is, how to use it."""
    description, report = portable.description, portable.description["report"]
    built_in = base == tiny.NAME
    source = portable.source or base
    front = ["library_name: prefcli", "tags:", "- prefcli", "- preference-learning"]
    if portable.source:
        front += [f"base_model: {portable.source}"]
    rows = [
        ("base", f"{source} (fingerprint {description['base_fingerprint']})"),
        ("fingerprint of the space", portable.fingerprint),
        ("directions", description["latent_size"]),
        ("reach, in standard deviations", description["rho"]),
        ("contrastive accuracy among 8 answers", report["contrastive_accuracy"]),
    ]
    if faithful := _numbers(report.get("consistency")):
        rows.append(("faithfulness of the directions (1 is perfect)", faithful))
    add = [] if built_in else [f"prefcli base add {shlex.quote(source)}"]
    at = f" --revision {shlex.quote(revision)}" if revision else ""
    lines = [
        "---",
        *front,
        "---",
        f"# {_cell(name)}: a space of tastes for {_cell(source)}",
        "",
        "A latent space for prefcli, which learns from a person's feedback how they like a",
        "language model's answers. It is of use with this base only, and holds weights only:",
        "reading it runs no code.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {what} | {_cell(value)} |" for what, value in rows),
        "",
        "```sh",
        *add,
        f"prefcli space pull {shlex.quote(repo_id)} {shlex.quote(name)}{at}",
        f"prefcli space use {shlex.quote(name)}",
        "prefcli fit --all",
        "```",
    ]
    return "\n".join(lines) + "\n"


def _check_repository(repo_id: str) -> None:
    if not is_hub_id(repo_id):
        raise UsageError(f"{repo_id[:100]!r} is no repository: expected USER/NAME")


def _numbers(values: Any) -> str | None:
    """The numbers of a list, None if it is none: a description is whatever somebody wrote."""
    if not isinstance(values, list) or not all(isinstance(v, int | float) for v in values):
        return None
    return ", ".join(f"{value:.2f}" for value in values)


def _cell(value: Any) -> str:
    """A value as the text of one cell, whatever it holds."""
    text = " ".join(str(value).split())
    return "".join("\\" + c if c in "\\|`*_<>[]#" else c for c in text)
