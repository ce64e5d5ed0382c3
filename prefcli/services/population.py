"""The prior over users of a space: learned from everybody, kept in the catalog.

It holds means and a covariance of the reward's weights, eight times over, each without the users of
one group (`solvers.population`); nobody's own. Forgetting somebody removes it, and the next fit of
everybody learns it anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from prefcli.services.feedback_blocks import read_in_blocks
from prefcli.services.feedback_encodings import FeedbackEncoder
from prefcli.services.training_rows import training_rows
from prefcli.solvers.population import (
    Component,
    Likelihoods,
    Population,
    learn_population,
    likelihoods,
)
from prefcli.solvers.rows import compare
from prefcli.store import Store

STALE = 0.05  # share of users with new feedback from which on the prior is learned anew
# Users from whom it is learned, if there are more: a few dozen numbers are known well by then.
MOST_USERS = 500


def renew(
    store: Store, encoder: FeedbackEncoder, users: Sequence[str], changed: Collection[str]
) -> None:
    """Learn the prior of the encoder's space, if enough has changed since it was last learned.

    Users whose answers are not all encoded are left out. With too few users there is none.

    Args:
        store: The open home.
        encoder: Of the space.
        users: Everybody with feedback.
        changed: Those of them who have feedback that the last prior has not seen; what they judged
            is encoded.
    """
    space = encoder.reference.fingerprint
    known = store.population(space)
    if not changed or (known is not None and len(changed) < STALE * len(users)):
        return
    changed = set(changed)
    size = int(encoder.reference.description["latent_size"])
    names: list[str] = []
    found: list[Likelihoods] = []
    done, asked = 0, _some(users)
    for block in read_in_blocks(store, asked):
        encodings = encoder.encode([said.judged for said in block if said.user in changed])
        others = [said.judged for said in block if said.user not in changed]
        encodings |= encoder.cached([row for judged in others for row in judged])
        known_users = []
        for said in block:
            try:
                rows = training_rows(said.judged, encodings, size, encoder.background()).rows
            except KeyError:  # an answer that nobody has encoded
                continue
            if (rows.target != 0.5).any() or (rows.label != 0.5).any():
                names.append(said.user)
                known_users.append(compare(rows))
        found.append(likelihoods(known_users, size))
        done += len(block)
        if encoder.progress:
            encoder.progress("what users have in common", done, len(asked))
    if not names:
        return
    learned = learn_population(
        names,
        Likelihoods(
            np.concatenate([each.precision for each in found]),
            np.concatenate([each.information for each in found]),
        ),
    )
    store.put_population(space, None if learned is None else to_bytes(learned))


def _some(users: Sequence[str]) -> list[str]:
    """At most `MOST_USERS` of them, by a hash of their names: the same ones each time."""
    if len(users) <= MOST_USERS:
        return list(users)
    return sorted(sorted(users, key=_digest)[:MOST_USERS])


def _digest(user: str) -> bytes:
    name = user.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(name, digest_size=8, person=b"learn").digest()


def known_population(store: Store, space: str) -> Population | None:
    """What users of a space were found to have in common.

    A prior that cannot be read is as good as none: the next fit of everybody replaces it.
    """
    artifact = store.population(space)
    if artifact is None:
        return None
    try:
        return from_bytes(artifact)
    except (SafetensorError, KeyError, ValueError):
        return None


def common_prior(store: Store, space: str, user: str) -> tuple[Component, ...]:
    """What users of a space have in common, apart from this one; nothing if it is not known."""
    known = known_population(store, space)
    return () if known is None else known.prior(user)


def to_bytes(population: Population) -> bytes:
    """The prior as a safetensors blob."""
    groups = population.groups
    return save(
        {
            "users": np.array([population.users]),
            "share": np.array([[each.share for each in group] for group in groups]),
            "mean": np.array([[each.mean for each in group] for group in groups]),
            "covariance": np.array([[each.covariance for each in group] for group in groups]),
        }
    )


def from_bytes(artifact: bytes) -> Population:
    """Inverse of `to_bytes`."""
    tensors = load(artifact)
    groups = zip(tensors["share"], tensors["mean"], tensors["covariance"], strict=True)
    return Population(
        int(tensors["users"][0]),
        tuple(
            tuple(Component(float(share), mean, covariance) for share, mean, covariance in each)
            for each in (zip(*group, strict=True) for group in groups)
        ),
    )
