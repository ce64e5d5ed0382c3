"""The profile artifact: the same bytes in and out, and nothing but a profile gets in."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from prefcli.errors import DataError
from prefcli.profile import Profile
from prefcli.solvers.bradley_terry import Rows, fit_reward, point_at_strength
from prefcli.solvers.policy import Policy


def make_profile(size=8, pairs=60, curved=True, user="alice"):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((pairs, size)), rng.standard_normal((pairs, size))
    liked = -((a[:, 0] - 0.5) ** 2) + (b[:, 0] - 0.5) ** 2 if curved else a[:, 0] - b[:, 0]
    first = (liked > 0)[:, None]
    rows = Rows(np.where(first, a, b), np.where(first, b, a))
    return Profile.from_reward(user, "space-fingerprint", fit_reward(rows), 3.0)


def make_policy_profile(size=8, features=30, scale=1.0):
    rng = np.random.default_rng(0)
    policy = Policy.from_linear(
        scale * rng.standard_normal((2 * size, features)) / features**0.5,
        scale * rng.standard_normal(2 * size),
        rng.standard_normal((40, features)),
    )
    return Profile.from_policy("alice", "space", policy, 3.0, method="latent-dpo", beta=0.1)


PROFILE = make_profile()
BLOB = PROFILE.to_bytes()


@pytest.mark.parametrize(
    "profile",
    [
        PROFILE,
        make_profile(24, 300),
        make_profile(1, 3),
        make_profile(pairs=0),
        make_profile(curved=False, user='Zoë "the\\user" 李'),
        make_policy_profile(),
        make_policy_profile(24, 192),
        make_policy_profile(scale=0.0),
    ],
    ids=[
        "usual",
        "large",
        "one dimension",
        "no feedback",
        "odd name",
        "policy",
        "large policy",
        "policy at the prior",
    ],
)
def test_reading_and_writing_again_gives_the_same_bytes(profile):
    blob = profile.to_bytes()
    again = Profile.from_bytes(blob)
    assert again.to_bytes() == blob == profile.to_bytes()
    for name in ("user", "space", "method", "rho", "created"):
        assert getattr(again, name) == getattr(profile, name)
    for name in ("intercept", "log_evidence", "curvature_scale", "curved", "converged"):
        assert getattr(again.reward, name) == getattr(profile.reward, name)
    for name in ("weight", "curvature", "covariance"):
        np.testing.assert_array_equal(getattr(again.reward, name), getattr(profile.reward, name))


@pytest.mark.parametrize("strength", [0.3, 1.0, 1.5])
def test_a_stored_profile_generates_where_the_fresh_one_did(strength):
    np.testing.assert_array_equal(
        Profile.from_bytes(BLOB).latent(strength), PROFILE.latent(strength)
    )


@pytest.mark.parametrize("size", [16, 24, 32, 60])
def test_it_stays_small(size):
    """The default is 16 directions; 60 is the most for which all of the covariance has room."""
    assert len(make_profile(size, 300, user="u" * 64).to_bytes()) <= 16 * 1024


def test_a_policy_stays_small():
    assert len(make_policy_profile(24, 192).to_bytes()) <= 16 * 1024


def test_a_stored_policy_generates_where_the_fresh_one_did():
    fresh = make_policy_profile()
    stored = Profile.from_bytes(fresh.to_bytes())
    prompt, other = np.random.default_rng(1).standard_normal((2, 30))
    for more in ({}, {"features": prompt}, {"features": other, "strength": 0.5}, {"rho": 1.0}):
        np.testing.assert_array_equal(stored.latent(**more), fresh.latent(**more))
    assert np.abs(fresh.latent(features=prompt) - fresh.latent(features=other)).max() > 0.01
    np.testing.assert_array_equal(fresh.latent(), fresh.z)


def test_a_profile_without_a_policy_generates_alike_for_every_prompt():
    np.testing.assert_array_equal(PROFILE.latent(features=np.ones(5)), PROFILE.z)


@pytest.mark.parametrize(
    "tensors",
    [
        {"policy.centre": None},
        {"policy.inner": None},
        {"policy.centre": np.zeros(3, np.float32)},
        {"policy.level": np.zeros(3, np.float32)},
        {"policy.outer": np.zeros(16, np.float32)},
        {"policy.inner": np.full((8, 30), np.nan, np.float32)},
        {"policy.inner": np.zeros((8, 30))},
    ],
)
def test_a_policy_that_does_not_fit_together_is_refused(tensors):
    with pytest.raises(DataError, match="not a readable profile"):
        Profile.from_bytes(rewritten({}, tensors, make_policy_profile().to_bytes()))


def test_strength_one_is_the_stored_point_and_others_follow_the_reward():
    np.testing.assert_array_equal(PROFILE.latent(), PROFILE.z)
    for strength, rho in ((0.5, 3.0), (2.0, 3.0), (1.0, 5.0)):
        expected = point_at_strength(PROFILE.reward, strength, rho)
        np.testing.assert_array_equal(PROFILE.latent(strength, rho), expected)
    np.testing.assert_allclose(
        PROFILE.z, point_at_strength(PROFILE.reward, 1.0, 3.0), rtol=1e-6, atol=1e-6
    )


def test_strength_zero_and_a_user_without_preferences_mean_no_prefix():
    assert PROFILE.latent(0.0) is None
    nothing = make_profile(pairs=0)
    assert nothing.z is None
    assert nothing.latent(1.0) is None
    assert Profile.from_bytes(nothing.to_bytes()).z is None


def test_a_negative_strength_is_refused():
    with pytest.raises(DataError, match="strength"):
        PROFILE.latent(-1.0)


def rewritten(metadata=(), tensors=(), blob=BLOB):
    """The blob with some metadata or tensors replaced; None takes one away."""
    length = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + length])
    data = json.loads(header["__metadata__"]["prefcli"]) | dict(metadata)
    arrays = load(blob) | dict(tensors)
    return save(
        {name: array for name, array in arrays.items() if array is not None},
        metadata={"prefcli": json.dumps({k: v for k, v in data.items() if v is not None})},
    )


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "not a readable profile"),
        (b"not a profile at all", "not a readable profile"),
        (b"\xff" * 64, "not a readable profile"),
        (BLOB[:-1], "not a readable profile"),
        (BLOB + b"x", "not a readable profile"),
        (save({"a": np.zeros(3, np.float32)}), "not a readable profile"),
        (save({"a": np.zeros(3)}, metadata={"prefcli": "[1]"}), "not a readable profile"),
        (rewritten({"format": 2}), "format 2, expected 1, upgrade prefcli"),
        (rewritten({"format": None}), "not a readable profile"),
        (rewritten({"reward": None}), "not a readable profile"),
        (rewritten({"rho": "far"}), "not a readable profile"),
        (rewritten({}, {"weight": None}), "not a readable profile"),
        (rewritten({}, {"weight": np.zeros(3, np.float32)}), "curvature is float32 of shape"),
        (rewritten({}, {"z": np.zeros(9, np.float32)}), "z is float32 of shape"),
        (rewritten({}, {"z": np.zeros(8)}), "z is float64"),
        (rewritten({}, {"z": np.full(8, np.nan, np.float32)}), "z holds a value"),
    ],
)
def test_what_is_no_profile_is_refused_in_one_line(blob, message):
    with pytest.raises(DataError, match=message) as caught:
        Profile.from_bytes(blob)
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 65


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(BLOB) - 1), st.integers(1, 255))
def test_a_damaged_profile_is_read_or_refused_and_never_crashes(position, change):
    damaged = bytearray(BLOB)
    damaged[position] ^= change
    try:
        Profile.from_bytes(bytes(damaged))
    except DataError as error:
        assert "\n" not in error.message


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(blob):
    with pytest.raises(DataError):
        Profile.from_bytes(blob)
