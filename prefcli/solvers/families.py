"""Candidates by the prior they stand on: nothing known beforehand, or what users have in common.

A prior over users (`population`) competes with the isotropic one. Each of its components is one
more candidate for w, linear or curved, and all of them together are as likely beforehand as users
were found to be alike. So what users have in common counts for somebody who said little, and stops
to for somebody unlike them.

Letters: B users, F searches of a family, at least one for each user it concerns; d latent
dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from prefcli.solvers.averages import Metric
from prefcli.solvers.designs import Designs
from prefcli.solvers.population import Component
from prefcli.solvers.search import Best, Found, Search
from prefcli.solvers.systems import Index

FloatArray = npt.NDArray[np.float64]

NEGLIGIBLE = 1e-2  # posterior probability below which a kind of taste is left out
_COMPONENT_CURVATURES = (0.1, 0.2, 0.4)


@dataclass(frozen=True, eq=False)
class Family:
    """What was found under one kind of prior.

    Args:
        search: What was searched, F of them.
        metric: Their coordinates.
        found: What was found.
        owner: Whose each is (F,).
        share: Posterior probability of each (F,); 0 for those that hardly count.
    """

    search: Search
    metric: Metric
    found: Found
    owner: Index
    share: FloatArray

    def finalists(self) -> Iterator[tuple[Index, FloatArray, Best]]:
        """The best linear and the best curved candidates: of which searches, and their probability.

        A kind that hardly counts is left out.
        """
        curved = self.found.curved_share(NEGLIGIBLE)
        for kind, probability in ((self.found.linear, 1.0 - curved), (self.found.curved, curved)):
            share = self.share * probability
            index = np.flatnonzero(share > 0)
            if len(index):
                yield index, share[index], kind


def isotropic(
    designs: Designs,
    curvature_scales: Sequence[float],
    metric: Metric | None = None,
    start: FloatArray | None = None,
    follow: bool = True,
) -> Family:
    """Candidates of which nothing is known beforehand; the arguments are those of `Search`.

    `designs` are in the coordinates of `metric`, by default as they are.
    """
    search = Search(designs)
    found = search.explore(curvature_scales, start, follow)
    users = len(designs)
    metric = metric or Metric.identity(users, designs.size)
    return Family(search, metric, found, np.arange(users), np.ones(users))


def weigh(alone: Family, priors: Sequence[Sequence[Component]]) -> list[Family]:
    """Set what is found without other users against what all have in common.

    Args:
        alone: Of all users, in coordinates as they are.
        priors: What is known beforehand of each.

    Returns:
        The family with its probability, and that of the components, if any prior has one.
    """
    flat = [(user, each) for user, prior in enumerate(priors) for each in prior]
    if not flat:
        return [alone]
    designs = alone.search.designs
    owner = np.array([user for user, _ in flat], dtype=np.intp)
    beforehand = np.array([each.share for _, each in flat])
    roots = {id(each): _root_and_scale(each.covariance) for _, each in flat}
    metric = Metric(
        root=np.array([roots[id(each)][0] for _, each in flat]),
        mean=np.array([each.mean for _, each in flat]),
    )
    scale = np.array([roots[id(each)][1] for _, each in flat])
    around = designs.in_metric(owner, metric.root, metric.mean)
    search = Search(around, (scale, np.log(beforehand)))
    found = search.explore(_COMPONENT_CURVATURES, follow=False)
    left = alone.found.mass + np.log(1.0 - np.bincount(owner, beforehand, len(designs)))
    total = left.copy()
    np.logaddexp.at(total, owner, found.mass)
    remaining, shares = np.exp(left - total), np.exp(found.mass - total[owner])
    remaining[remaining < NEGLIGIBLE] = 0.0
    shares[shares < NEGLIGIBLE] = 0.0
    kept = remaining + np.bincount(owner, shares, len(designs))
    return [
        replace(alone, share=remaining / kept),
        Family(search, metric, found, owner, shares / kept[owner]),
    ]


def _root_and_scale(covariance: FloatArray) -> tuple[FloatArray, float]:
    """S^1/2 (d, d) and s1 of C = s1^2 S.

    |S|_F^2 = d, as for the identity, so that s2 means what it means elsewhere.
    """
    values, vectors = np.linalg.eigh(covariance)
    variance = float(np.linalg.norm(values) / np.sqrt(len(values)))
    return (vectors * np.sqrt(np.maximum(values, 0.0) / variance)) @ vectors.T, variance**0.5
