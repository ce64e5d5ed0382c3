"""What the catalog hands out: one frozen type per kind of row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prefcli.feedback.records import Feedback, Prompt


@dataclass(frozen=True, slots=True)
class StoredFeedback:
    """One judgement and where it came from.

    `line` is 1-based in `source`; `ingest` is the number of the ingest that read it, None in
    catalogs from before these were numbered.
    """

    id: int
    feedback: Feedback
    source: str
    line: int
    created: str
    ingest: int | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """What became of judgements that were to be added.

    Args:
        inserted: New ones.
        duplicates: Those whose judgement was known: from before, or from an earlier one of them.
        repeated: Of the duplicates, those of an earlier one that was new.
    """

    inserted: int
    duplicates: int
    repeated: int


@dataclass(frozen=True, slots=True)
class Undone:
    """An ingest that was taken back.

    Of the `inserted` rows that it had added, `removed` were still there.
    """

    ingest: int
    created: str
    sources: list[str]
    users: list[str]
    inserted: int
    removed: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows about a user were removed."""

    user: str
    judgements: int
    encodings: int
    profiles: int
    generations: int
    picks: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether there was nothing about them."""
        kinds = (self.judgements, self.encodings, self.profiles, self.generations, self.picks)
        return not any(kinds)


@dataclass(frozen=True, slots=True)
class Renamed:
    """How many rows of a user were given the new name."""

    old: str
    new: str
    judgements: int
    profiles: int
    generations: int
    picks: int = 0


@dataclass(frozen=True, slots=True)
class Encoding:
    """Posterior of one (prompt, response) in one space.

    Args:
        mean: (d,) float32, little endian.
        log_var: (d,) float32, little endian.
        bits_per_byte: How hard the answer is for the base; None where it was not measured.
        truncated: True if the text was cut to fit the base's window.
    """

    mean: bytes
    log_var: bytes
    bits_per_byte: float | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One version of one user's profile, without the artifact.

    `summary` is the fit's report as it was given; `bytes` is the size of the artifact.
    """

    user: str
    version: int
    space: str
    summary: dict[str, Any]
    bytes: int
    created: str


@dataclass(frozen=True, slots=True)
class StoredProfile(ProfileRow):
    """One version of one user's profile with its artifact (see `prefcli.profile`)."""

    artifact: bytes


@dataclass(frozen=True, slots=True)
class StoredGeneration:
    """One entry of the generation log.

    `user` is the profile or blend as it was named, None for the base alone.
    """

    id: int
    created: str
    user: str | None
    version: int | None
    base: str
    prompt: Prompt
    response: str
    seed: int | None
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredPick:
    """One pick of a blind test: `profile`, `base` or `tie`, between two answers of one seed."""

    id: int
    created: str
    user: str
    version: int
    base: str
    prompt: Prompt
    of_base: str
    of_profile: str
    profile_first: bool
    choice: str
    seed: int
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BaseRow:
    """A registered base; `source` is a Hugging Face id or a directory."""

    name: str
    source: str
    device: str | None
    dtype: str | None
    fingerprint: str
    details: dict[str, Any]
    created: str


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A trained space; `base` is the name of the base it belongs to."""

    name: str
    base: str
    fingerprint: str
    details: dict[str, Any]
    created: str
