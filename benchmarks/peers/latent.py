"""prefcli's two methods, and the simplest one that a space allows: the mean difference in z."""

from __future__ import annotations

from functools import cache

import numpy as np
from torch import Tensor

from benchmarks.methods import encoded
from benchmarks.peers.base import Clock, Job, Lesson, Voice, under
from prefcli.feedback.records import text_prompt
from prefcli.profile import Profile
from prefcli.services.latent_dpo import PolicyFit
from prefcli.services.training_rows import training_rows
from prefcli.solvers.bradley_terry import fit_reward

FLOAT = 4  # bytes


def prefcli(job: Job) -> Lesson:
    """What `prefcli fit` does: a convex reward over z, and its best point within reach."""
    model, clock = job.arena.model, Clock()
    with clock.part("encode"):
        judged, encodings = encoded(model, job.user, job.pairs)
    with clock.part("train"):
        size = model.space.size
        rows = training_rows(judged, encodings, size, np.zeros((0, size))).rows
        rho = model.space.config.rho
        profile = Profile.from_reward(job.user, model.space.fingerprint(), fit_reward(rows), rho)
    blob = profile.to_bytes()
    return Lesson(under(job.arena, profile.latent(1.0)), clock.whole(), len(blob))


def latent_dpo(job: Job) -> Lesson:
    """The paper's: a policy p(z | x), read for every prompt."""
    model, clock = job.arena.model, Clock()
    with clock.part("encode"):
        judged, encodings = encoded(model, job.user, job.pairs)
    with clock.part("train"):
        fitted = PolicyFit(judged, encodings, model.base, model.space, model.progress)
        profile = fitted.profile(job.user, model.space.fingerprint())
    blob = profile.to_bytes()
    seconds = clock.whole()

    @cache
    def prefix(prompt: str) -> Tensor | None:
        features = model.space.read_prompts(model.base, [text_prompt(prompt)])[0]
        z = profile.latent(1.0, features=features)
        return None if z is None else model.space.prefix(model.base, z)

    return Lesson(Voice(model.base, model.max_new_tokens, prefix), seconds, len(blob))


def steering_z(job: Job) -> Lesson:
    """The mean of chosen less the mean of rejected, as far as the space reaches."""
    model, clock = job.arena.model, Clock()
    with clock.part("encode"):
        texts = [(p.prompt, text) for p in job.pairs for text in (p.better, p.worse)]
        points = model.encode(texts)
    with clock.part("train"):
        direction = (points[::2] - points[1::2]).mean(axis=0)
        length = float(np.linalg.norm(direction))
        z = direction * (model.space.config.rho / length) if length > 0 else None
    return Lesson(under(job.arena, z), clock.whole(), FLOAT * model.space.size)
