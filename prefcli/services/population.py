"""The prior over users of a space: learned from everybody, kept in the catalog.

It holds means and a covariance of the reward's weights, eight times over, each without the users of
one group (`solvers.population`); nobody's own. Forgetting somebody removes it, and the next fit of
everybody learns it anew.
"""

from __future__ import annotations

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from prefcli.services.feedback_encodings import FeedbackEncoder
from prefcli.services.training_rows import training_rows
from prefcli.solvers.population import (
    Component,
    Likelihoods,
    Population,
    learn_population,
    likelihood,
)
from prefcli.store import Store

STALE = 0.05  # share of users with new feedback from which on the prior is learned anew


def renew(store: Store, encoder: FeedbackEncoder, users: list[str], changed: int) -> None:
    """Learn the prior of the encoder's space, if enough has changed since it was last learned.

    Users whose answers are not all encoded are left out. With too few users there is none.

    Args:
        store: The open home.
        encoder: Of the space.
        users: Everybody with feedback.
        changed: How many of them have feedback that the last prior has not seen.
    """
    space = encoder.reference.fingerprint
    known = store.population(space)
    if known is not None and changed < STALE * len(users):
        return
    names, precision, information = [], [], []
    size = int(encoder.reference.description["latent_size"])
    for number, user in enumerate(users, start=1):
        judged = [row.feedback for row in store.feedback(user)]
        encodings = encoder.cached(judged)
        try:
            rows = training_rows(judged, encodings, size, encoder.background()).rows
        except KeyError:  # an answer that nobody has encoded
            continue
        if not (rows.target != 0.5).any() and not (rows.label != 0.5).any():
            continue
        p, h = likelihood(rows)
        names.append(user)
        precision.append(p)
        information.append(h)
        if encoder.progress:
            encoder.progress("what users have in common", number, len(users))
    if not names:
        return
    found = learn_population(names, Likelihoods(np.array(precision), np.array(information)))
    store.put_population(space, None if found is None else to_bytes(found))


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
