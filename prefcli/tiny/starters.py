"""Making the starter profiles: feedback, then a fit, then a file that travels.

Everybody in `styles` judges pairs out of one pool of the embedded base's own answers; where a pair
leaves them indifferent it is passed over. The fit is `prefcli fit`'s and the file is `prefcli
profile export`'s, made in a home that is thrown away.
"""

from __future__ import annotations

import dataclasses
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prefcli import pref_file
from prefcli.errors import DataError
from prefcli.feedback.records import text_prompt
from prefcli.latent.responses import sample_groups
from prefcli.profile import Profile
from prefcli.tiny import corpus
from prefcli.tiny.styles import STYLES, Starter

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.progress import Progress

PAIRS = 40
TOLERANCE = 1e-3  # standard deviations; what another machine's arithmetic may move
BEFORE = "1970-01-01T00:00:00+00:00"  # in place of times, so that the same numbers are one file


@dataclass(frozen=True)
class Pair:
    """Two answers of the base to one prompt."""

    prompt: str
    first: str
    second: str


def pool(base: Base, seed: int, progress: Progress | None = None) -> list[Pair]:
    """A pair of answers about each stage-1 topic, in a random order; made as `generate` samples."""
    topics = random.Random(seed).sample(corpus.stage_one_topics(), len(corpus.stage_one_topics()))
    prompts = [
        corpus.prompts(topic, corpus.PROMPT_KINDS[i % 3])[0] for i, topic in enumerate(topics)
    ]
    groups = sample_groups(
        base,
        [text_prompt(prompt) for prompt in prompts],
        samples=2,
        temperature=0.8,
        top_p=0.95,
        seed=seed,
        progress=progress,
    )
    found = {
        group.prompt: [base.tokenizer.decode(r, skip_special_tokens=True) for r in group.responses]
        for group in groups
    }
    pairs = []
    for prompt in prompts:
        answers = found.get(tuple(base.prompt_ids(text_prompt(prompt))))
        if answers is not None:
            pairs.append(Pair(prompt, *answers))
    return pairs


def judgements(name: str, starter: Starter, pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """The first `PAIRS` of the pool, in an order of the starter's own, that it tells apart.

    Raises:
        DataError: there are too few.
    """
    found: list[dict[str, str]] = []
    for pair in random.Random(name).sample(pairs, len(pairs)):
        if starter.utility(pair.first) == starter.utility(pair.second):
            continue
        rejected, chosen = sorted((pair.first, pair.second), key=starter.utility)
        row = {"id": f"{len(found) + 1:03d}", "prompt": pair.prompt}
        found.append(row | {"chosen": chosen, "rejected": rejected})
        if len(found) == PAIRS:
            return found
    raise DataError(
        f"starter {name} tells {len(found)} of {len(pairs)} pairs apart: {PAIRS} needed"
    )


def fitted(
    feedback: Path, likes: Mapping[str, str], progress: Progress | None = None
) -> dict[str, bytes]:
    """The profile file of each starter, from `NAME.jsonl` in a directory.

    Args:
        feedback: The directory.
        likes: What each starter likes, by name; becomes the profile's note.
    """
    from prefcli.services.fit import fit
    from prefcli.services.ingest import ingest
    from prefcli.services.profile_files import export_profile
    from prefcli.services.profile_versions import note
    from prefcli.store import Store

    files = {}
    with (
        tempfile.TemporaryDirectory(prefix="prefcli-starters-") as home,
        Store.open(Path(home)) as store,
    ):
        for name, words in likes.items():
            ingest(store, [str(feedback / f"{name}.jsonl")], user=name)
            note(store, fit(store, name, progress=progress).profile, f"likes {words}")
            files[name] = _timeless(export_profile(store, name)[0], name)
    return files


def same(first: bytes, second: bytes) -> bool:
    """Whether two profile files say the same, but for the last digits of what was fitted."""
    (one, about), (other, about_other) = (pref_file.unpack(each, "it") for each in (first, second))
    mine, theirs = Profile.from_bytes(one), Profile.from_bytes(other)
    arrays = [
        (p.reward.weight, p.reward.curvature, p.reward.covariance, p.latent(1.0))
        for p in (mine, theirs)
    ]
    return (
        about == about_other
        and (mine.user, mine.space, mine.rho) == (theirs.user, theirs.space, theirs.rho)
        and all(
            a is not None
            and b is not None
            and a.shape == b.shape
            and bool(np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE))
            for a, b in zip(*arrays, strict=True)
        )
    )


def build(base: Base, folder: Path, seed: int, progress: Progress | None = None) -> list[str]:
    """Write `NAME.jsonl` and `NAME.pref` for every style.

    Returns:
        The names whose profile is another than the one that was there; the rest stay untouched.
    """
    pairs = pool(base, seed, progress)
    for name, starter in STYLES.items():
        lines = [json.dumps(row, ensure_ascii=False) for row in judgements(name, starter, pairs)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    changed = []
    likes = {name: starter.likes for name, starter in STYLES.items()}
    for name, content in fitted(folder, likes, progress).items():
        path = folder / f"{name}.pref"
        if not path.exists() or not same(path.read_bytes(), content):
            path.write_bytes(content)
            changed.append(name)
    return changed


def _timeless(content: bytes, name: str) -> bytes:
    """The file with no time of its making in it."""
    artifact, about = pref_file.unpack(content, name)
    blob = Profile.from_bytes(artifact)
    return pref_file.pack(
        dataclasses.replace(blob, created=BEFORE).to_bytes(), about | {"created": BEFORE}
    )
