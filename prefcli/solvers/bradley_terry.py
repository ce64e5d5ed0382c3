"""The per-user fit: a quadratic reward from pairs and thumbs, by convex optimisation.

    pair     P(chosen beats rejected) = logistic(r(z_c) - r(z_r));  a tie has target 1/2
    thumb    P(up) = logistic(r(z) + b),  b ~ N(0, 2^2)
    reward   r(z) = w.z - 1/2 z'Az,  A symmetric of any signature

(Bradley and Terry, "Rank analysis of incomplete block designs", 1952, with a reward linear in
its coefficients.) The log likelihood is concave in (w, A, b) whatever the signature of A, and the
best z within reach is a trust-region problem, solved exactly. A is a full matrix since the
directions of whitened z are arbitrary: a taste for "about 20 words" is A of rank one along some
direction, "exactly one of emoji and example" an indefinite one.

This module is the door; behind it, each usable alone:

    rows          what was judged, checked
    features      the reward as a linear model
    designs       many users' rows as such models, or as their kernels
    systems       what is solved, in features or in kernels
    modes         Newton's method for many users at once, with certificates
    search        how strong and how curved each taste is, by evidence
    families      what is found without other users against what all have in common
    averages      from modes to rewards
    quadratic     the fit itself, of one user or of many
    reward        the result, and where to generate
    trust_region  the best point of a quadratic within a ball
    validation    accuracy, held out by prompt
"""

from __future__ import annotations

from prefcli.solvers.quadratic import fit_fixed, fit_reward, fit_rewards
from prefcli.solvers.reward import Reward, best_point, point_at_strength
from prefcli.solvers.rows import Rows
from prefcli.solvers.validation import heldout_accuracy, train_accuracy

__all__ = [
    "Reward",
    "Rows",
    "best_point",
    "fit_fixed",
    "fit_reward",
    "fit_rewards",
    "heldout_accuracy",
    "point_at_strength",
    "train_accuracy",
]
