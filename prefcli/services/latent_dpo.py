"""`fit --method latent-dpo`: a user's comparisons to a policy p(z | x), the paper's own way.

What the solver reads of an answer (posterior mean and log-variance, and the features of its
prompt) goes through `training_rows` as one long vector, so that both methods see the same
comparisons with the same weights. What judges one answer alone has no say here: latent DPO knows
pairs only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from prefcli.feedback.records import Feedback, Prompt, encoding_key
from prefcli.profile import Profile
from prefcli.services.training_rows import TrainingRows, training_rows
from prefcli.solvers.latent_dpo import JudgedPairs, LatentDpoConfig, train_policy
from prefcli.solvers.policy import Policy
from prefcli.solvers.validation import FEWEST_JUDGEMENTS, FEWEST_PROMPTS, Heldout
from prefcli.store import Encoding

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.latent.space import Space
    from prefcli.progress import Progress

FloatArray = npt.NDArray[np.float64]
METHOD = "latent-dpo"
FOLDS = 5
ALONE = ("thumb", "demonstration")  # kinds that judge one answer by itself


class PolicyFit:
    """One user's comparisons in one space, and what is trained on them.

    Args:
        judged: The user's judgements, of any kind.
        encodings: Encoding of every answer in them, by `encoding_key`.
        base, space: They read the prompts.
        progress: Told about every step.
        config: How to train.
        recency: How much each judgement counts; default 1.
    """

    def __init__(
        self,
        judged: Sequence[Feedback],
        encodings: Mapping[bytes, Encoding],
        base: Base,
        space: Space,
        progress: Progress | None = None,
        config: LatentDpoConfig | None = None,
        recency: Sequence[float] | None = None,
    ) -> None:
        self.config = config or LatentDpoConfig()
        self.rho = space.config.rho
        self._progress = progress
        counts = [1.0] * len(judged) if recency is None else recency
        kept = [
            (row, count) for row, count in zip(judged, counts, strict=True) if row.kind not in ALONE
        ]
        compared = [row for row, _ in kept]
        prompts = list(dict.fromkeys(row.prompt for row in compared))
        features = dict(zip(prompts, space.read_prompts(base, prompts), strict=True))
        size = space.size
        width = 2 * size + space.config.encoder.width
        self.training: TrainingRows = training_rows(
            compared,
            _widened(compared, encodings, features),
            width,
            np.zeros((0, width)),
            [count for _, count in kept],
        )
        rows = self.training.rows
        # A choice that is halfway to a tie counts half, a tie not at all.
        self.weight: FloatArray = rows.weight * np.clip(2 * rows.target - 1, 0, None)
        self.features: FloatArray = rows.chosen[:, 2 * size :]
        self.chosen: FloatArray = rows.chosen[:, :size]
        self.rejected: FloatArray = rows.rejected[:, :size]
        self._pairs = JudgedPairs(
            features=_tensor(self.features),
            chosen=_tensor(rows.chosen[:, : 2 * size]).unflatten(1, (2, size)),
            rejected=_tensor(rows.rejected[:, : 2 * size]).unflatten(1, (2, size)),
            weight=_tensor(self.weight),
        ).to(base.device)
        # Ratings whose prompt has no other answer to be compared with.
        lone = np.isin(self.training.thumb_groups, self.training.pair_groups, invert=True)
        self._lone = int(lone.sum())
        self._alone = len(judged) - len(compared) + self._lone
        self.policy: Policy | None = None

    def profile(self, user: str, fingerprint: str) -> Profile:
        """Train on all comparisons; the profile to keep."""
        self.policy = self._train(np.ones(len(self.weight), dtype=bool), "training the policy")
        return Profile.from_policy(
            user, fingerprint, self.policy, self.rho, method=METHOD, beta=self.config.beta
        )

    def summary(self) -> dict[str, Any]:
        """What differs in a fit's report, once there is a profile."""
        kinds = dict(self.training.kinds)
        kinds["rating"] = kinds.get("rating", 0) - self._lone
        agreed, judged = self._agreement(self.policy, np.ones(len(self.weight), dtype=bool))
        return {
            "method": METHOD,
            "pairs": len(self.weight),
            "thumbs": 0,
            "kinds": {kind: count for kind, count in kinds.items() if count > 0},
            "prompts": len(set(self.training.pair_groups.tolist())),
            "train_accuracy": round(agreed / judged, 4) if judged else None,
        }

    def warnings(self) -> list[str]:
        """What a person should know."""
        if not self._alone:
            return []
        return [
            f"answers judged alone, with no other to compare them with: {self._alone}, which had "
            f"no say, since {METHOD} learns from comparisons only; bradley-terry uses them"
        ]

    def hold_out(self) -> Heldout | None:
        """What policies that were not trained on a prompt say of its comparisons.

        None where there are too few, as for the other method.
        """
        groups = self.training.pair_groups
        says = self.weight > 0
        present = np.unique(groups[says])
        if len(present) < FEWEST_PROMPTS or says.sum() < FEWEST_JUDGEMENTS:
            return None
        dealt = np.random.default_rng(0).permutation(len(present)) % FOLDS
        fold = dict(zip(present.tolist(), dealt.tolist(), strict=True))
        number = np.array([fold.get(group, -1) for group in groups.tolist()])
        margin = np.zeros(len(groups))
        for k in range(FOLDS):
            policy = self._train(number != k, f"held-out fold {k + 1} of {FOLDS}")
            margin[number == k] = self._margin(policy, number == k)
        return Heldout(
            margin=margin,
            target=np.where(says, 1.0, 0.5),
            weight=self.weight,
            group=groups,
            pairs=len(groups),
        )

    def _train(self, kept: npt.NDArray[np.bool_], what: str) -> Policy:
        def told(step: int, steps: int) -> None:
            if self._progress:
                self._progress(what, step, steps)

        pairs = self._pairs.take(torch.from_numpy(kept).to(self._pairs.features.device))
        head, _ = train_policy(pairs, self.config, told)
        linear = head.linear
        return Policy.from_linear(
            linear.weight.cpu().double().numpy(),
            linear.bias.cpu().double().numpy(),
            self.features[kept & (self.weight > 0)],
        )

    def _agreement(
        self, policy: Policy | None, among: npt.NDArray[np.bool_]
    ) -> tuple[float, float]:
        """Weight of the comparisons that a policy reproduces, and of all; a draw counts half."""
        if policy is None or not among.any():
            return 0.0, 0.0
        margin = self._margin(policy, among)
        weight = self.weight[among]
        return float(weight @ (0.5 + 0.5 * np.sign(margin))), float(weight.sum())

    def _margin(self, policy: Policy, among: npt.NDArray[np.bool_]) -> FloatArray:
        """By how much a policy finds the chosen answers likelier than the others, in nats."""
        features = self.features[among]
        chosen = policy.log_ratio(self.chosen[among], features)
        return chosen - policy.log_ratio(self.rejected[among], features)


def _widened(
    judged: Sequence[Feedback],
    encodings: Mapping[bytes, Encoding],
    features: Mapping[Prompt, FloatArray],
) -> dict[bytes, Encoding]:
    """Encodings whose mean is followed by the log-variance and by the features of the prompt."""
    found = {}
    for row in judged:
        tail = features[row.prompt].astype("<f4").tobytes()
        for response in row.responses:
            key = encoding_key(row.prompt, response)
            encoding = encodings[key]
            joined = encoding.mean + encoding.log_var + tail
            found[key] = Encoding(joined, b"", encoding.bits_per_byte, encoding.truncated)
    return found


def _tensor(array: FloatArray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32))
