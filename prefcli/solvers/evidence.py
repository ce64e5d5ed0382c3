"""How strong and how curved a taste is: prior scales weighed by evidence.

A candidate is a pair of prior scales (s1 of w, s2 of A; s2 = 0 is a linear taste) with the mode
found under it, weighed by its Laplace evidence and a weak prior. The search takes s1 from linear
fits, which cost next to nothing, then walks over s2 from each mode to the next, then lets s1
follow. Candidates are found loosely; the fit brings to convergence only the finalists, the best
linear and the best curved one.

Where a prior over users is known (`population`), each of its components is one more candidate for
w, linear or curved, and all of them together are as likely beforehand as users were found to be
alike. So what users have in common counts for somebody who said little, and stops to for somebody
unlike them.

The finalists' rewards are averaged by probability, not chosen between. At nearly equal evidence
they may point opposite ways: a taste for "about 20 words" is also a taste for more words than most
answers have, and only the curved reward knows where to stop. The average is what maximises expected
reward.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from prefcli.solvers.features import WEIGHT_SCALES, Model, build_model, log_scale_prior
from prefcli.solvers.logistic import Mode, find_mode
from prefcli.solvers.population import Component
from prefcli.solvers.rows import Comparisons

FloatArray = npt.NDArray[np.float64]

# A weak log-normal prior, as that of s1 (`features`).
_CURVATURE_CENTRE, _CURVATURE_WIDTH = 0.15, 1.2
_COMPONENT_CURVATURES = (0.1, 0.2, 0.4)

# Nats in favour of a linear taste: 1 always, more while there are few judgements to tell by.
_LINEAR_BONUS, _LINEAR_BONUS_ROWS = 1.0, 60.0

_LOOSE = 0.1  # gradient norm at which evidence is known to a tenth of a nat
_NEGLIGIBLE = 1e-2  # posterior probability below which a kind of taste is left out
_HOPELESS = 4.0  # nats behind the best at which a walk stops
_PLAUSIBLE = 3.0  # nats behind the linear candidates at which a curved one is worth refining


@dataclass(frozen=True, eq=False)
class Candidate:
    """A mode, the model and prior scales it was found under, its unnormalised log posterior."""

    model: Model
    weight_scale: float
    curvature_scale: float
    log_posterior: float
    mode: Mode


def evaluate(
    model: Model,
    weight_scale: float,
    curvature_scale: float,
    start: Mode | FloatArray | None = None,
    tolerance: float = _LOOSE,
    log_prior: float | None = None,
) -> Candidate:
    """The candidate of these scales, searched from a mode or from coefficients.

    `log_prior` is that of s1, by default the log-normal one.
    """
    scale = model.prior_scale(weight_scale, curvature_scale)
    design = model.design(curvature_scale > 0)
    mode = find_mode(design, scale, start, tolerance)
    rows = float(model.linear.weight.sum())
    if log_prior is None:
        log_prior = log_scale_prior(weight_scale)
    if curvature_scale > 0:
        log_prior -= 0.5 * (log(curvature_scale / _CURVATURE_CENTRE) / _CURVATURE_WIDTH) ** 2
        log_prior -= _LINEAR_BONUS + (log(1 + _LINEAR_BONUS_ROWS / rows) if rows else 0.0)
    log_posterior = log_prior + mode.log_evidence
    return Candidate(model, weight_scale, curvature_scale, log_posterior, mode)


def converge(candidate: Candidate, tolerance: float) -> Candidate:
    """The candidate with its mode to within `tolerance`."""
    return evaluate(
        candidate.model,
        candidate.weight_scale,
        candidate.curvature_scale,
        candidate.mode,
        tolerance,
    )


def explore(
    model: Model,
    curvature_scales: tuple[float, ...],
    start: FloatArray | None = None,
    follow: bool = True,
) -> list[Candidate]:
    """Candidates around the best prior scales.

    Args:
        model: The rows.
        curvature_scales: Values of s2 to try besides 0, ascending.
        start: (p,) coefficients from which to walk over s2, default the best linear ones.
        follow: Whether to look for a better s1 once s2 is known.
    """
    found: list[Candidate] = []
    for weight_scale in WEIGHT_SCALES:
        found.append(evaluate(model, weight_scale, 0.0, found[-1].mode if found else None))
        if found[-1].log_posterior < best(found).log_posterior - _HOPELESS:
            break
    linear = best(found)
    at: Mode | FloatArray = model.widen(linear.mode.theta) if start is None else start
    curved: list[Candidate] = []
    for curvature_scale in curvature_scales:
        curved.append(evaluate(model, linear.weight_scale, curvature_scale, at))
        if curved[-1].log_posterior < best(found + curved).log_posterior - _HOPELESS:
            break
        at = curved[-1].mode
    if follow and best(curved).log_posterior > linear.log_posterior - _PLAUSIBLE:
        curved.extend(_follow(model, best(curved)))
    return found + curved


def explore_component(rows: Comparisons, component: Component) -> list[Candidate]:
    """Candidates of one component of the prior over users, linear and with curvature in its metric.

    C = s1^2 S with |S|_F^2 = d, as for the identity, so that s2 means what it means elsewhere.
    """
    size = len(component.mean)
    values, vectors = np.linalg.eigh(component.covariance)
    variance = float(np.linalg.norm(values) / np.sqrt(size))
    root = (vectors * np.sqrt(np.maximum(values, 0.0) / variance)) @ vectors.T
    model = build_model(rows, root, component.mean)
    log_prior = log(component.share)
    scale = variance**0.5
    found = [evaluate(model, scale, 0.0, log_prior=log_prior)]
    at: Mode | FloatArray = model.widen(found[0].mode.theta)
    for curvature_scale in _COMPONENT_CURVATURES:
        found.append(evaluate(model, scale, curvature_scale, at, log_prior=log_prior))
        if found[-1].log_posterior < best(found).log_posterior - _HOPELESS:
            break
        at = found[-1].mode
    return found


def _follow(model: Model, origin: Candidate) -> Iterator[Candidate]:
    """Candidates with s1 raised for as long as that helps, or else lowered for as long.

    Up comes first: what curvature explains no longer has to be explained by noise.
    """
    at = WEIGHT_SCALES.index(origin.weight_scale)
    for side in (WEIGHT_SCALES[at + 1 :], WEIGHT_SCALES[:at][::-1]):
        last = origin
        for weight_scale in side:
            new = evaluate(model, weight_scale, origin.curvature_scale, last.mode)
            yield new
            if new.log_posterior < last.log_posterior:
                break
            last = new
        if last is not origin:
            return


def best(candidates: list[Candidate]) -> Candidate:
    """The candidate of highest log posterior, the first of several."""
    return max(candidates, key=lambda candidate: candidate.log_posterior)


def curved_share(candidates: list[Candidate]) -> float:
    """Posterior probability of all curved candidates together."""
    log_posterior = np.array([candidate.log_posterior for candidate in candidates])
    share = np.exp(log_posterior - log_posterior.max())
    curved = np.array([candidate.curvature_scale > 0 for candidate in candidates])
    return float(share[curved].sum() / share.sum())


def family_shares(families: list[list[Candidate]], alone: float) -> FloatArray:
    """Posterior probability of each family of candidates; one that hardly counts has none.

    Args:
        families: The isotropic family first.
        alone: Its probability beforehand.
    """
    mass = np.array(
        [np.logaddexp.reduce([each.log_posterior for each in family]) for family in families]
    )
    mass[0] += log(alone)
    share: FloatArray = np.exp(mass - np.logaddexp.reduce(mass))
    share[share < _NEGLIGIBLE] = 0.0
    return share / float(share.sum())


def finalists(candidates: list[Candidate]) -> list[tuple[float, Candidate]]:
    """The best linear and the best curved candidate with their kind's posterior probability.

    A kind that hardly counts is left out.
    """
    curved = curved_share(candidates)
    if curved < _NEGLIGIBLE or curved > 1 - _NEGLIGIBLE:
        curved = round(curved)
    kinds = ((1 - curved, False), (curved, True))
    return [
        (share, best([each for each in candidates if (each.curvature_scale > 0) is kind]))
        for share, kind in kinds
        if share > 0
    ]
