from __future__ import annotations

import pytest
import torch

from prefcli.tiny.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(3, 12, 12), (2, 12, 40), (2, 40, 12)])
def test_singular_values_come_near_one_and_singular_vectors_stay(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonal(matrices)
    assert found.shape == matrices.shape
    assert torch.linalg.svdvals(found).sub(1).abs().max() < 0.5
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    rotated = u.mT @ found @ v.mT  # (N, k, k)
    assert (rotated - torch.diag_embed(rotated.diagonal(dim1=1, dim2=2))).abs().max() < 1e-3


def test_its_first_step_is_that_of_torch() -> None:
    """Which iterates in bfloat16: equal to its two to three digits."""
    torch.manual_seed(0)
    start, gradient = torch.randn(16, 48), torch.randn(16, 48)
    moved = []
    for kind, more in ((Muon, {}), (torch.optim.Muon, {"adjust_lr_fn": "match_rms_adamw"})):
        weight = torch.nn.Parameter(start.clone())
        weight.grad = gradient.clone()
        kind([weight], lr=0.1, weight_decay=0.1, **more).step()
        moved.append(weight.detach() - start)
    torch.testing.assert_close(moved[0], moved[1], atol=0.01, rtol=0.05)


def test_it_finds_a_linear_map() -> None:
    torch.manual_seed(0)
    truth, weight = torch.randn(4, 8), torch.nn.Parameter(torch.zeros(4, 8))
    optimizer = Muon([weight], lr=0.1, weight_decay=0.0)
    for step in range(200):
        x = torch.randn(64, 8)
        loss = (x @ (weight - truth).T).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
        optimizer.step()
    assert loss.item() < 0.01
