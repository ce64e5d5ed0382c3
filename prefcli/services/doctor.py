"""Doctor: is everything here as it should be, and what to do where it is not.

Only looks: it makes no home, migrates no catalog and repairs nothing. The quick look reads the
catalog's pages, the newest profiles and the headers of models and spaces; the deep one reads every
profile, every encoding's size and every weight, and compares fingerprints.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefcli import tiny
from prefcli.config import CATALOG_NAME, PSEUDONYM_KEY_NAME, SPACES_NAME, home_directory
from prefcli.errors import PrefcliError
from prefcli.latent.files import read_description, read_weights
from prefcli.profile import Profile
from prefcli.services.bases import BaseReference, open_base
from prefcli.services.findings import Finding, bad, ok, warning
from prefcli.services.machine import check_device, check_versions
from prefcli.store.checkup import CatalogReader
from prefcli.wording import size, some

if TYPE_CHECKING:
    from prefcli.progress import Progress

QUICK = 1000  # profiles that the quick look opens
LITTLE, TOO_LITTLE = 2e9, 1e8  # bytes of free disk space: a base of half a billion; one catalog


def examine(
    home: Path | None = None, *, deep: bool = False, progress: Progress | None = None
) -> Iterator[Finding]:
    """Look at everything, one finding after the other.

    Args:
        home: The directory; default `prefcli.config.home_directory()`.
        deep: Read all there is: every profile, every weight, every base.
        progress: Told what is being read.
    """
    home = home_directory() if home is None else home
    yield from check_versions()
    yield from check_device()
    yield from _disk(home)
    yield from _built_in(deep, progress)
    catalog = home / CATALOG_NAME
    if not catalog.is_file():
        yield ok("home", f"nothing in {home} yet: the first command that keeps something makes it")
        return
    yield from _permissions(home)
    try:
        with CatalogReader.open(catalog) as reader:
            yield from _catalog(reader, home, deep, progress)
    except PrefcliError as error:
        yield bad("catalog", error.message, "`prefcli restore FILE` puts a backup in its place")


def _disk(home: Path) -> Iterator[Finding]:
    there = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(there).free
    spaces = home / SPACES_NAME
    parts = {
        "catalog": sum(_size(home / (CATALOG_NAME + end)) for end in ("", "-wal")),
        "spaces": sum(_size(path) for path in spaces.rglob("*")) if spaces.is_dir() else 0,
    }
    told = ", ".join(f"{name} {size(amount)}" for name, amount in parts.items())
    told = f"{size(free)} free in {home}; {told}"
    room = "free some space, or point PREFCLI_HOME to a larger disk"
    if free < TOO_LITTLE:
        yield bad("disk", told, room)
    elif free < max(LITTLE, 2 * parts["catalog"]):
        yield warning("disk", told, room)
    else:
        yield ok("disk", told)


def _permissions(home: Path) -> Iterator[Finding]:
    if os.name != "posix":
        return
    spaces = home / SPACES_NAME
    wanted = {home: 0o700, home / CATALOG_NAME: 0o600, home / PSEUDONYM_KEY_NAME: 0o600}
    open_to_others = [
        (path, mode)
        for path, mode in wanted.items()
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    for path, mode in open_to_others:
        found = stat.S_IMODE(path.stat().st_mode)
        yield warning(
            "permissions", f"{path} is {found:04o}, open to others", f"chmod {mode:o} '{path}'"
        )
    for path in (home, home / CATALOG_NAME, *([spaces] if spaces.exists() else [])):
        if not os.access(path, os.W_OK):
            yield bad("permissions", f"{path} cannot be written to", f"chmod u+w '{path}'")
    if not open_to_others:
        yield ok("permissions", f"{home} is yours alone")


def _catalog(
    catalog: CatalogReader, home: Path, deep: bool, progress: Progress | None
) -> Iterator[Finding]:
    if progress:
        progress("reading the catalog", 0, None)
    if not catalog.is_ours():
        yield bad(
            "catalog",
            f"{catalog.path} is no catalog of prefcli",
            "move it away, or set PREFCLI_HOME to another directory",
        )
        return
    if damage := catalog.damage():
        yield bad(
            "catalog",
            f"damaged: {some(damage, 1)}",
            "`prefcli restore FILE` puts a backup in its place",
        )
        return
    if unknown := catalog.unknown():
        yield bad("catalog", f"written by a newer prefcli (it has {unknown[0]})", "upgrade prefcli")
        return
    counts = ", ".join(f"{count} {name}" for name, count in catalog.counts().items())
    yield ok("catalog", f"whole; {counts}")
    if pending := catalog.pending():
        yield warning(
            "catalog",
            f"of an older prefcli: lacks {', '.join(pending)}",
            "any command brings it up to date, such as `prefcli profile list`",
        )
        return
    built_in = _built_in_description()
    bases = {tiny.NAME: str(built_in["base_fingerprint"])}
    here = {str(built_in["fingerprint"])}
    for row in catalog.bases():
        bases[row.name] = row.fingerprint
        reference = BaseReference(
            row.name, row.source, row.device, row.dtype, row.fingerprint, row.details
        )
        yield _base(reference, deep, progress)
    for name, base, fingerprint in catalog.spaces():
        finding = _space(home / SPACES_NAME / name, name, base, fingerprint, bases, deep)
        if finding.state != "bad":
            here.add(fingerprint)
        yield finding
    yield from _in_use(catalog)
    yield from _profiles(catalog, here, deep)
    if deep and (uneven := catalog.uneven_encodings()):
        yield bad(
            "encodings",
            f"{uneven} cannot be what was written",
            "`prefcli restore FILE` puts a backup in its place",
        )


def _in_use(catalog: CatalogReader) -> Iterator[Finding]:
    known = {
        "base": {tiny.NAME, *(row.name for row in catalog.bases())},
        "space": {tiny.NAME, *(name for name, _, _ in catalog.spaces())},
    }
    for what, names in known.items():
        chosen = catalog.setting(what) or tiny.NAME
        if chosen not in names:
            yield bad(
                f"{what}s",
                f"the {what} in use, {chosen}, is not here",
                f"`prefcli {what} use {tiny.NAME}`, or another of `prefcli {what} list`",
            )


def _profiles(catalog: CatalogReader, here: set[str], deep: bool) -> Iterator[Finding]:
    latest = catalog.latest_profiles()
    homeless = [f"{user}@{version}" for user, version, space in latest if space not in here]
    if homeless:
        yield warning(
            "profiles",
            f"their space is not here or no good: {some(homeless)}",
            "`prefcli space import` it, or `prefcli refit --space NAME` moves them to another",
        )
    if gone := catalog.without_artifact():
        yield bad(
            "profiles", f"contents are gone: {some(gone)}", "`prefcli profile rm` them, fit again"
        )
    unreadable, opened = [], 0
    for user, version, artifact in catalog.artifacts(None if deep else QUICK):
        opened += 1
        try:
            Profile.from_bytes(artifact)
        except PrefcliError:
            unreadable.append(f"{user}@{version}")
    if unreadable:
        yield bad(
            "profiles",
            f"cannot be opened: {some(unreadable)}",
            "`prefcli profile rm` them, then fit the users again",
        )
    elif opened:
        yield ok("profiles", f"{opened} opened, of {len(latest)} users")


def _space(
    directory: Path, name: str, base: str, fingerprint: str, bases: dict[str, str], deep: bool
) -> Finding:
    topic = f"space {name}"
    try:
        description = read_description(directory)
        if deep:
            read_weights(directory, str(description["fingerprint"]))
    except PrefcliError as error:
        return bad(topic, *_told(error))
    if description["fingerprint"] != fingerprint:
        return bad(
            topic,
            "its files are those of another space",
            f"restore {directory}, or `prefcli space remove {name}` and import or train it again",
        )
    if base not in bases:
        return warning(
            topic,
            f"its base {base} is not here",
            f"`prefcli base add SOURCE --name {base}`",
        )
    if bases[base] != description["base_fingerprint"]:
        return warning(
            topic,
            f"base {base} has other weights than the space was trained on",
            "add the model that it was trained on under that name, or train another space",
        )
    weights = ", every weight as its fingerprint says" if deep else ""
    return ok(topic, f"{description['latent_size']} directions of base {base}{weights}")


def _base(base: BaseReference, deep: bool, progress: Progress | None) -> Finding:
    name, source = base.name, base.source
    topic = f"base {name}"
    directory = Path(source)
    remedy = f"restore it, or add the model from elsewhere: `prefcli base add SOURCE --name {name}`"
    if directory.is_absolute():
        if not directory.is_dir():
            return bad(topic, f"its directory is gone: {source}", remedy)
        missing = [
            what
            for what, pattern in (("config.json", "config.json"), ("weights", "*.safetensors"))
            if not any(directory.glob(pattern))
        ]
        if missing:
            return bad(topic, f"{source} lacks its {' and '.join(missing)}", remedy)
    elif not _downloaded(source):
        return warning(
            topic,
            f"{source} is not on this machine",
            "the next command that uses it downloads it: be on line then",
        )
    if not deep:
        return ok(topic, source)
    try:
        found = open_base(base, progress, None if base.quantize else "cpu").fingerprint()
    except PrefcliError as error:
        return bad(topic, *_told(error))
    if found != base.fingerprint:
        return warning(
            topic,
            f"its weights changed since it was added ({base.fingerprint} then, {found} now)",
            f"restore them, or `prefcli base add {source} --name OTHER` and train a space for it",
        )
    return ok(topic, f"{source}, loads, and its weights are those of its fingerprint")


def _built_in(deep: bool, progress: Progress | None) -> Iterator[Finding]:
    description = _built_in_description()
    if description["fingerprint"] == "":
        yield bad("space tiny", "what is built in cannot be read", "install prefcli again")
        return
    source, fingerprint = str(tiny.base_directory()), str(description["base_fingerprint"])
    reference = BaseReference(tiny.NAME, source, "cpu", "float32", fingerprint, {})
    yield _base(reference, deep, progress)
    bases = {tiny.NAME: fingerprint}
    of = str(description["fingerprint"])
    yield _space(tiny.space_directory(), tiny.NAME, tiny.NAME, of, bases, deep)


def _built_in_description() -> dict[str, Any]:
    """What the built-in space says of itself; empty fingerprints where it cannot be read."""
    try:
        return read_description(tiny.space_directory())
    except PrefcliError:
        return {"fingerprint": "", "base_fingerprint": ""}


def _downloaded(source: str) -> bool:
    """Whether a model of the Hugging Face Hub is in the library's cache."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(source, "config.json"), str)
    except HFValidationError:
        return False


def _told(error: PrefcliError) -> tuple[str, str]:
    """An error's message in two parts: what is wrong, and what to do."""
    what, _, remedy = error.message.rpartition(": ")
    return (what, remedy) if what else (error.message, "restore it, or add it again")


def _size(path: Path) -> int:
    try:
        found = path.lstat()
    except OSError:  # gone meanwhile
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def worst(findings: list[dict[str, Any]]) -> str:
    """`bad` if anything is, else `warning`, else `ok`."""
    states = {each["state"] for each in findings}
    return next((state for state in ("bad", "warning") if state in states), "ok")
