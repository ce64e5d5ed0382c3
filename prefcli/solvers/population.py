"""What users have in common: a prior over w, learned from all of them (empirical Bayes).

    w_u ~ sum_k pi_k N(m_k, C)

Each user's likelihood enters as the Gaussian that their linear fit says it is, exp(h.w - 1/2 w'Pw),
however little they said: a user with one pair has a P of rank one. The mixture is what makes all of
them likeliest together (extreme deconvolution; Bovy, Hogg & Roweis 2011, arXiv 0905.2979), with
priors that shrink it to N(0, s^2 I), all that is assumed without other users, where users are few.

All components have one covariance, since a component costs d + 1 parameters then and not q more:
groups of taste would otherwise need thousands of users to be seen. How many components there are is
settled by the Bayesian information criterion. How far a user is to be taken for one of them, and
not for somebody of whom nothing is known, is learned as well: the shares sum to that probability.
A user is never judged by what they said themself:
users are dealt out into groups by their name, and each group has a mixture of its own that was
learned from the others.

Letters: n users, d latent dimensions, K components, q = d (d + 1) / 2.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from prefcli.solvers.designs import blocks, gather, part_scales
from prefcli.solvers.features import WEIGHT_SCALES, log_scale_prior
from prefcli.solvers.modes import find_modes
from prefcli.solvers.rows import Comparisons, Rows, compare

FloatArray = npt.NDArray[np.float64]

GROUPS = 8  # of users, each with a mixture learned without it
FEWEST_USERS = 3  # with judgements, below which nothing is common
MOST_COMPONENTS = 6

_BROAD = 0.8  # prior standard deviation under which a likelihood is approximated
_TOLERANCE = 1e-6
_ROUNDS, _SETTLED = 200, 1e-6  # of EM at most; relative gain at which it ends
_MEAN_USERS = 1.0  # users with w = 0 that count towards each mean
_RESTARTS = 3


@dataclass(frozen=True, eq=False)
class Likelihoods:
    """What n users said about w, as Gaussians.

    Args:
        precision: P (n, d, d), positive semi-definite.
        information: h (n, d).
    """

    precision: FloatArray
    information: FloatArray

    def __len__(self) -> int:
        return len(self.information)

    def take(self, kept: npt.NDArray[np.bool_]) -> Likelihoods:
        """Those under a mask (n,)."""
        return Likelihoods(self.precision[kept], self.information[kept])


@dataclass(frozen=True, eq=False)
class Component:
    """One kind of user: their share, m (d,) and the C (d, d) that all kinds have."""

    share: float
    mean: FloatArray
    covariance: FloatArray


@dataclass(frozen=True, eq=False)
class Population:
    """The prior over w for each group of users.

    Args:
        users: How many it was learned from.
        groups: The components for each of the `GROUPS`, learned from all others.
    """

    users: int
    groups: tuple[tuple[Component, ...], ...]

    def prior(self, user: str) -> tuple[Component, ...]:
        """The components to fit this user under, to which they themself added nothing."""
        return self.groups[group_of(user)]


def group_of(user: str) -> int:
    """The group that a user's name falls into."""
    digest = hashlib.blake2b(user.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % GROUPS


def likelihood(rows: Rows) -> tuple[FloatArray, FloatArray]:
    """P (d, d) and h (d,) of one user's judgements, as `likelihoods` of many."""
    said = likelihoods([compare(rows)], rows.size)
    return said.precision[0], said.information[0]


def likelihoods(users: Sequence[Comparisons], size: int) -> Likelihoods:
    """What users' judgements say about w, the thumbs' intercepts integrated out.

    The Laplace posterior under a broad isotropic prior, with that prior taken out again.

    Args:
        users: Their judgements, from `compare`.
        size: Number of latent dimensions d.
    """
    precision = np.empty((len(users), size, size))
    information = np.empty((len(users), size))
    for block in blocks([len(each.target) for each in users], size):
        designs = gather([users[number] for number in block], size)
        everyone, scale = np.arange(len(block)), np.full(len(block), _BROAD)
        system = designs.system(everyone, part_scales(scale, None))
        modes = find_modes(system, designs.judged, None, _TOLERANCE)
        columns = _BROAD * designs.difference
        covariance = system.covariance(modes.curving, slice(1, 1 + size), columns)
        posterior = np.linalg.inv(_BROAD**2 * covariance)
        weight = _BROAD**2 * (modes.dual[:, None, :] @ designs.difference)[:, 0]
        precision[block] = posterior - np.eye(size) / _BROAD**2
        information[block] = (posterior @ weight[..., None])[..., 0]
    return Likelihoods(precision, information)


def learn_population(users: Sequence[str], said: Likelihoods) -> Population | None:
    """The prior over w that these users suggest, for everyone; deterministic.

    Args:
        users: Their names (n).
        said: Their likelihoods (n).

    Returns:
        None with fewer than `FEWEST_USERS` users outside some group.
    """
    group = np.array([group_of(user) for user in users], dtype=np.intp)
    fewest = len(users) - int(np.bincount(group, minlength=GROUPS).max(initial=0))
    if fewest < FEWEST_USERS:
        return None
    whole = _best_mixture(said)
    groups = []
    for number in range(GROUPS):
        others = said.take(group != number)
        groups.append(_weighed(others, _settle(others, whole)[1]))
    return Population(len(users), tuple(groups))


def _best_mixture(said: Likelihoods) -> tuple[Component, ...]:
    """The mixture of the lowest BIC; more components for as long as each lowers it."""
    size = said.information.shape[1]
    best: tuple[Component, ...] = ()
    least = math.inf
    for count in range(1, min(MOST_COMPONENTS, len(said)) + 1):
        found = [_settle(said, start) for start in _starts(said, best, count)]
        log_density, mixture = max(found, key=lambda each: each[0])
        criterion = -2 * log_density + count * (size + 1) * math.log(len(said))
        if criterion >= least:
            break
        best, least = mixture, criterion
    return best


def _weighed(said: Likelihoods, mixture: tuple[Component, ...]) -> tuple[Component, ...]:
    """The mixture with shares that sum to the probability that a user is like the others."""
    alike = _log_densities(said, mixture)
    size = said.information.shape[1]
    alone = np.logaddexp.reduce(
        [
            _log_densities(said, (Component(1.0, np.zeros(size), scale**2 * np.eye(size)),))
            + log_scale_prior(scale)
            for scale in WEIGHT_SCALES
        ]
    )
    trust = 0.5
    for _ in range(_ROUNDS):  # expectation maximisation; one user counts either way
        odds = alike - alone + math.log(trust / (1 - trust))
        trust = (float((1 / (1 + np.exp(-np.clip(odds, -500, 500)))).sum()) + 1) / (len(said) + 2)
    return tuple(replace(each, share=trust * each.share) for each in mixture)


def _starts(
    said: Likelihoods, previous: tuple[Component, ...], count: int
) -> Iterator[tuple[Component, ...]]:
    """Mixtures of `count` components to start from."""
    size = said.information.shape[1]
    if count == 1:
        yield (Component(1.0, np.zeros(size), 0.25 * np.eye(size)),)
        return
    responsibility, mean, _, _ = _expect(said, previous)
    points = np.einsum("nk,nkd->nd", responsibility, mean)
    spread = np.cov(points.T).reshape(size, size) / count + 1e-3 * np.eye(size)
    for number in range(_RESTARTS):
        rng = np.random.default_rng(number)
        centres = [points[rng.integers(len(points))]]
        while len(centres) < count:  # k-means++ (Arthur & Vassilvitskii 2007)
            distance = np.square(points[:, None] - np.array(centres)).sum(2).min(1)
            total = distance.sum()
            share = distance / total if total > 0 else None
            centres.append(points[rng.choice(len(points), p=share)])
        yield tuple(Component(1 / count, centre, spread) for centre in centres)


def _settle(said: Likelihoods, start: tuple[Component, ...]) -> tuple[float, tuple[Component, ...]]:
    """Expectation maximisation from `start`: the log density of what was said, and the mixture."""
    mixture, last = start, -math.inf
    for _ in range(_ROUNDS):
        responsibility, mean, covariance, log_density = _expect(said, mixture)
        if log_density - last <= _SETTLED * abs(log_density):
            break
        mixture, last = _maximise(responsibility, mean, covariance), log_density
    return log_density, mixture


def _log_densities(said: Likelihoods, mixture: Sequence[Component]) -> FloatArray:
    """Log density of what each user said (n,), up to what does not depend on the mixture."""
    densities: FloatArray = np.logaddexp.reduce(_joint(said, mixture)[0], axis=1)
    return densities


def _expect(
    said: Likelihoods, mixture: Sequence[Component]
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Responsibilities (n, K), posterior means (n, K, d), covariances (n, K, d, d), log density."""
    joint, means, covariances = _joint(said, mixture)
    density = np.logaddexp.reduce(joint, axis=1)
    return np.exp(joint - density[:, None]), means, covariances, float(density.sum())


def _joint(
    said: Likelihoods, mixture: Sequence[Component]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log density (n, K) of each user under each component, posterior means and covariances."""
    logs, means, covariances = [], [], []
    for component in mixture:
        inverse = np.linalg.inv(component.covariance)
        pulled = inverse @ component.mean
        covariance = np.linalg.inv(said.precision + inverse)  # (n, d, d)
        information = said.information + pulled
        mean = np.einsum("nij,nj->ni", covariance, information)
        _, log_prior = np.linalg.slogdet(component.covariance)
        _, log_posterior = np.linalg.slogdet(covariance)
        exponent = np.einsum("ni,ni->n", information, mean) - component.mean @ pulled
        logs.append(math.log(component.share) + 0.5 * (exponent + log_posterior - log_prior))
        means.append(mean)
        covariances.append(covariance)
    return np.stack(logs, 1), np.stack(means, 1), np.stack(covariances, 1)


def _maximise(
    responsibility: FloatArray, mean: FloatArray, covariance: FloatArray
) -> tuple[Component, ...]:
    """The mixture that what is expected suggests, shrunk to an isotropic one around 0.

    d + 1 users of the average variance in every direction count towards the covariance.
    """
    users, count, size = mean.shape
    weights = responsibility.sum(0)  # (K,)
    middle = np.einsum("nk,nkd->kd", responsibility, mean) / (weights + _MEAN_USERS)[:, None]
    apart = mean - middle
    scatter = np.tensordot(responsibility, covariance, axes=2)
    weighed = responsibility[:, :, None] * apart
    scatter += weighed.reshape(-1, size).T @ apart.reshape(-1, size)
    scatter += _MEAN_USERS * middle.T @ middle
    total = users + count * _MEAN_USERS
    isotropic = np.trace(scatter) / (size * total) * np.eye(size)
    pooled = (scatter + (size + 1) * isotropic) / (total + size + 1)
    shares = (weights + 1) / (users + count)
    return tuple(
        Component(float(share), centre, pooled)
        for share, centre in zip(shares, middle, strict=True)
    )
