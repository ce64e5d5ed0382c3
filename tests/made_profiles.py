"""Profiles of the embedded space whose taste a test chooses, without any feedback."""

from __future__ import annotations

import numpy as np

from prefcli.profile import Profile
from prefcli.services.spaces import resolve_space
from prefcli.solvers.reward import Reward
from prefcli.store import Store


def reward_of(*weight: float, size: int = 11) -> Reward:
    """A linear reward along the first directions."""
    full = np.zeros(size)
    full[: len(weight)] = weight
    return Reward(
        weight=full,
        curvature=np.zeros((size, size)),
        intercept=0.0,
        covariance=0.01 * np.eye(size),
        log_evidence=-1.0,
        weight_scale=1.0,
        curvature_scale=0.0,
        curved=0.0,
        iterations=3,
        converged=True,
    )


def add_profile(store: Store, user: str, *weight: float, space: str | None = None) -> int:
    """Keep a profile with this taste as the user's next version; the version."""
    reference = resolve_space(store)
    fingerprint = space or reference.fingerprint
    size = int(reference.description["latent_size"])
    profile = Profile.from_reward(user, fingerprint, reward_of(*weight, size=size), 3.0)
    summary = {"space": reference.name, "pairs": len(weight), "thumbs": 0}
    return store.add_profile(user, fingerprint, profile.to_bytes(), summary)
