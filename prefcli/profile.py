"""The profile artifact: what was learned about one user in one space, a few kilobytes.

A safetensors blob, so that reading one executes nothing: tensors in float32, everything else as
JSON under the single metadata key `prefcli` (a single one, because safetensors writes several in
no fixed order). Symmetric matrices are stored as their upper triangle, row by row.

    weight (d,)    curvature (d (d + 1) / 2,)    covariance (d (d + 1) / 2,)    z (d,)

`z` is missing from the profile of a user whose feedback prefers nothing. A profile that generates
elsewhere for each prompt has a policy as well (`solvers.policy`), and `z` is where the average of
the user's prompts leads:

    policy.level (2 d,)    policy.outer (2 d, r)    policy.inner (r, F)    policy.centre (r,)

Reading a blob and writing it again gives the same bytes.

Letters: d latent dimensions, F features of a prompt, r rank.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from prefcli.errors import DataError
from prefcli.solvers.policy import Policy
from prefcli.solvers.reward import Reward, point_at_strength

FloatArray = npt.NDArray[np.float64]

FORMAT = 1
_METADATA = "prefcli"
_POLICY = "policy."  # before the names of its arrays
_NUMBERS = ("intercept", "log_evidence", "weight_scale", "curvature_scale", "curved")
# Not in profiles of before there was a prior over users.
_NEWER = ("population",)


@dataclass(frozen=True, eq=False)
class Profile:
    """What generating for one user needs.

    Args:
        user: Whose it is.
        space: Fingerprint of the space that z belongs to.
        method: How the reward was found.
        reward: The reward over z.
        rho: The space's reach at the time of the fit, in standard deviations.
        z: (d,) the point to generate with at strength 1; None when the feedback prefers nothing.
            Like the reward's arrays, float64 with the precision of float32.
        created: When it was fitted, ISO 8601 UTC.
        policy: Where to generate for each prompt; None when that is z for all of them.
    """

    user: str
    space: str
    method: str
    reward: Reward
    rho: float
    z: FloatArray | None
    created: str
    policy: Policy | None = None

    @classmethod
    def from_reward(
        cls,
        user: str,
        space: str,
        reward: Reward,
        rho: float,
        *,
        method: str = "bradley-terry",
        created: str | None = None,
    ) -> Profile:
        """The profile of a fresh reward, rounded to what the artifact keeps.

        Args:
            user: Whose it is.
            space: Fingerprint of the space.
            reward: The fitted reward.
            rho: The space's reach, in standard deviations.
            method: How the reward was found.
            created: ISO 8601 UTC, default now.

        Raises:
            DataError: rho is negative or not finite.
        """
        rounded = replace(
            reward,
            weight=_single(reward.weight),
            curvature=_single(reward.curvature),
            covariance=_single(reward.covariance),
        )
        z = point_at_strength(rounded, 1.0, rho)
        return cls(
            user=user,
            space=space,
            method=method,
            reward=rounded,
            rho=rho,
            z=None if z is None else _single(z),
            created=created or datetime.now(UTC).isoformat(timespec="seconds"),
        )

    @classmethod
    def from_policy(
        cls, user: str, space: str, policy: Policy, rho: float, *, method: str, beta: float
    ) -> Profile:
        """The profile of a policy that was trained; its reward is the implicit one of DPO.

        That reward holds at the average of the user's prompts, and has no covariance: DPO says
        nothing of how sure it is.

        Args:
            user: Whose it is.
            space: Fingerprint of the space.
            policy: The trained policy.
            rho: The space's reach, in standard deviations.
            method: How it was trained.
            beta: Of the training.

        Raises:
            DataError: rho is negative or not finite.
        """
        weight, curvature = policy.reward(beta)
        reward = Reward(
            weight=_single(weight),
            curvature=_single(curvature),
            intercept=0.0,
            covariance=np.zeros_like(curvature),
            log_evidence=0.0,
            weight_scale=0.0,
            curvature_scale=0.0,
            curved=float(curvature.any()),
            iterations=0,
            converged=True,
        )
        return cls(
            user=user,
            space=space,
            method=method,
            reward=reward,
            rho=rho,
            z=policy.latent(1.0, rho),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            policy=policy,
        )

    def latent(
        self,
        strength: float = 1.0,
        rho: float | None = None,
        features: FloatArray | None = None,
    ) -> FloatArray | None:
        """The z (d,) to generate with, or None for no prefix: the base itself.

        Args:
            strength: 0 is the base, 1 the best point within reach, above 1 beyond it.
            rho: Another reach than the one the profile was fitted for.
            features: (F,) what the space read off the prompt at hand; a profile without a policy
                does not need it, one with a policy takes the average of the user's prompts instead.

        Raises:
            DataError: strength or rho is negative or not finite, or the features are not those of
                the profile's space.
        """
        if self.policy is not None:
            return self.policy.latent(strength, self.rho if rho is None else rho, features)
        if strength == 1 and rho in (None, self.rho):
            return self.z
        return point_at_strength(self.reward, strength, self.rho if rho is None else rho)

    def to_bytes(self) -> bytes:
        """The artifact: at most 16 KB up to d = 60."""
        reward = self.reward
        upper = np.triu_indices(len(reward.weight))
        tensors = {
            "weight": reward.weight,
            "curvature": reward.curvature[upper],
            "covariance": reward.covariance[upper],
        }
        if self.z is not None:
            tensors["z"] = self.z
        if self.policy is not None:
            tensors |= {_POLICY + name: array for name, array in vars(self.policy).items()}
        metadata = {
            "format": FORMAT,
            "user": self.user,
            "space": self.space,
            "method": self.method,
            "rho": float(self.rho),
            "created": self.created,
            "reward": {name: float(getattr(reward, name)) for name in (*_NUMBERS, *_NEWER)}
            | {"iterations": int(reward.iterations), "converged": bool(reward.converged)},
        }
        text = json.dumps(metadata, sort_keys=True, allow_nan=False)
        return save(
            {name: tensor.astype(np.float32) for name, tensor in tensors.items()},
            metadata={_METADATA: text},
        )

    @classmethod
    def from_bytes(cls, blob: bytes) -> Profile:
        """Inverse of `to_bytes`.

        Raises:
            DataError: not a profile, a damaged one, or one of a newer format.
        """
        try:
            return cls._parse(load(blob), _metadata(blob))
        except DataError:
            raise
        except (
            SafetensorError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,  # a number that no profile has
            RecursionError,  # nesting that no profile has
        ) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"not a readable profile ({reason}), fit the user again") from error

    @classmethod
    def _parse(cls, tensors: dict[str, Any], metadata: dict[str, Any]) -> Profile:
        if metadata["format"] != FORMAT:
            raise DataError(
                f"profile has format {metadata['format']!r}, expected {FORMAT}, upgrade prefcli"
            )
        weight = _vector(tensors, "weight")
        size = len(weight)
        triangle = size * (size + 1) // 2
        numbers = metadata["reward"]
        reward = Reward(
            weight=weight,
            curvature=_symmetric(_vector(tensors, "curvature", triangle), size),
            covariance=_symmetric(_vector(tensors, "covariance", triangle), size),
            **{name: float(numbers[name]) for name in _NUMBERS},
            **{name: float(numbers.get(name, 0.0)) for name in _NEWER},
            iterations=int(numbers["iterations"]),
            converged=bool(numbers["converged"]),
        )
        z = _vector(tensors, "z", size) if "z" in tensors else None
        texts = {name: str(metadata[name]) for name in ("user", "space", "method", "created")}
        policy = _policy(tensors, size) if _POLICY + "level" in tensors else None
        return cls(**texts, reward=reward, rho=float(metadata["rho"]), z=z, policy=policy)


def _policy(tensors: dict[str, Any], size: int) -> Policy:
    centre = _vector(tensors, _POLICY + "centre")
    return Policy(
        level=_vector(tensors, _POLICY + "level", 2 * size),
        outer=_matrix(tensors, _POLICY + "outer", (2 * size, len(centre))),
        inner=_matrix(tensors, _POLICY + "inner", (len(centre), None)),
        centre=centre,
    )


def _single(array: FloatArray) -> FloatArray:
    """The array at float32 precision."""
    return array.astype(np.float32).astype(np.float64)


def _metadata(blob: bytes) -> dict[str, Any]:
    """The JSON that `to_bytes` wrote into a blob whose header safetensors has checked."""
    header = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])
    metadata = json.loads(header["__metadata__"][_METADATA])
    if not isinstance(metadata, dict):
        raise ValueError("metadata is no JSON object")
    return metadata


def _vector(tensors: dict[str, Any], name: str, size: int | None = None) -> FloatArray:
    tensor = np.asarray(tensors[name])
    if tensor.dtype != np.float32 or tensor.ndim != 1 or (size or len(tensor)) != len(tensor):
        raise ValueError(f"{name} is {tensor.dtype} of shape {tensor.shape}")
    if not np.isfinite(tensor).all():
        raise ValueError(f"{name} holds a value that is not finite")
    return tensor.astype(np.float64)


def _matrix(tensors: dict[str, Any], name: str, shape: tuple[int, int | None]) -> FloatArray:
    tensor = np.asarray(tensors[name])
    rows, columns = shape
    if tensor.ndim != 2 or len(tensor) != rows or columns not in (None, tensor.shape[1]):
        raise ValueError(f"{name} is of shape {tensor.shape}")
    return _vector({name: tensor.reshape(-1)}, name).reshape(tensor.shape)


def _symmetric(triangle: FloatArray, size: int) -> FloatArray:
    upper = np.zeros((size, size))
    upper[np.triu_indices(size)] = triangle
    return upper + np.triu(upper, 1).T
