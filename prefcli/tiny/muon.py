"""Muon in the precision of its weights (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon).

torch's own works in bfloat16, which a CPU without AVX-512 emulates: a step of the small bases here
took 13 s with it and 0.5 s with this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

# The quintic iteration's coefficients and number of steps are the post's.
A, B, C = 3.4445, -4.7750, 2.0315
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Momentum whose updates are made orthogonal; for matrices alone.

    An update has root mean square 0.2, as AdamW's have (Liu et al. 2025, arXiv 2502.16982).

    Args:
        params: Matrices.
        lr: Learning rate.
        momentum: Of the gradients, in Nesterov's form.
        weight_decay: Decoupled.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.1,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    by_shape.setdefault(weight.shape, []).append(weight)
            for shape, weights in by_shape.items():
                updates = orthogonal(torch.stack([self._averaged(w, group) for w in weights]))
                rate = group["lr"] * 0.2 * max(shape) ** 0.5
                for weight, update in zip(weights, updates, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=rate)
        return loss

    def _averaged(self, weight: Tensor, group: dict[str, float]) -> Tensor:
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        gradient, average = weight.grad, state["momentum"]
        assert gradient is not None
        average.lerp_(gradient, 1 - group["momentum"])
        return gradient.lerp(average, group["momentum"])


def orthogonal(matrices: Tensor) -> Tensor:
    """Nearly `U V'` of each `U S V'` by Newton-Schulz: singular values of about 0.7 to 1.2.

    Args:
        matrices: (N, rows, columns).

    Returns:
        The same shape.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    found: Tensor = matrices.mT if tall else matrices
    found = found / found.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    for _ in range(ITERATIONS):
        gram = found @ found.mT
        found = A * found + (B * gram + C * gram @ gram) @ found
    return found.mT if tall else found
