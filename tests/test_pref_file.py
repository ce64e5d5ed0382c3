"""Files of profiles: the artifact comes out as it went in, and nothing else comes out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from prefcli import pref_file
from prefcli.errors import DataError
from prefcli.profile import Profile
from tests.made_profiles import reward_of

ARTIFACT = Profile.from_reward(
    "alice", "0123456789abcdef", reward_of(1.0, -2.0), 3.0, created="2026-11-24T00:00:00+00:00"
).to_bytes()
ABOUT = {"user": "alice", "pairs": 12, "space": {"name": "tiny"}}
PACKED = pref_file.pack(ARTIFACT, ABOUT)


def test_packing_and_unpacking_gives_the_artifacts_very_bytes() -> None:
    assert pref_file.unpack(PACKED, "f") == (ARTIFACT, ABOUT)
    assert pref_file.pack(ARTIFACT, ABOUT) == PACKED


def test_the_file_is_itself_a_readable_profile_with_readable_metadata(tmp_path: Path) -> None:
    assert Profile.from_bytes(PACKED).to_bytes() == ARTIFACT
    path = tmp_path / "alice.pref"
    path.write_bytes(PACKED)
    with safe_open(path, framework="numpy") as file:
        told = json.loads(file.metadata()["prefcli"])["file"]
    assert told["user"] == "alice"
    assert told["pairs"] == 12
    assert len(PACKED) < 4000


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
def test_a_byte_that_changed_on_the_way_is_noticed(position: int, change: int) -> None:
    changed = bytearray(PACKED)
    changed[position] ^= change
    try:
        found = pref_file.unpack(bytes(changed), "f")
    except DataError:
        return
    # Blanks that pad the header, say: nothing that is read has changed.
    assert found == (ARTIFACT, ABOUT)


@pytest.mark.parametrize(
    "content", [b"", b"x", PACKED[:-1], PACKED[:300], ARTIFACT, b"x" * 2_000_000]
)
def test_what_is_no_whole_file_of_a_profile_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^f is"):
        pref_file.unpack(content, "f")
